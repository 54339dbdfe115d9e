"""An editor that reads a project's schema files knows the project's own names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from projects import ROOT, Project
from referencing import Registry, Resource

from sendplan.project.schema_files import FILES

SETTINGS = """
shop: {name: Teashop, timezone: Europe/Vienna, country: AT}
store: sqlite:///var/shop.db
params: {tea_wait: 4 days, tea_cups: 2, tea_on: true}
fields: {aroma: text, harvested: moment}
senders: {teapot: {from: Tea <tea@example.com>, host: smtp.example.com}}
accounts: {tea-at: {portal: teamarket}}
regions: {alps: [{country: AT}], elsewhere: any}
classes: {gossip: {requires: consent}}
windows: {teatime: {hours: "15:00-17:00"}}
"""
RULE = "id: first-cup, title: Tea, trigger: not cancelled, due: ordered + params.tea_wait"
RULES = f"rules: [{{{RULE}, template: hello-tea, regions: [alps], window: teatime, class: gossip}}]\n"
EXAMPLES = {
    *("feedback-reminder", "payment-reminder", "dunning", "office-hours", "marketing", "domestic", "main"),
    *("ebay-de", "ebay", "${params.dunning_depth}", "${params.feedback_on}", "feedback"),
}
"""Names of the example shop that the package's schemas propose."""


@pytest.fixture
def tea(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Project:
    """A small shop that shares no name with the example shop."""
    project = Project(tmp_path, capsys)
    project.write("sendplan.yaml", SETTINGS)
    project.write("rules/tea.yaml", RULES)
    for name in ("hello-tea", "_greeting"):
        project.write(f"templates/{name}.en.md", "---\nsubject: Tea\n---\nYour tea.\n")
    return project


class Editor:
    """A project's schema files, read as an editor reads them."""

    def __init__(self, project: Project) -> None:
        texts = {name: project.path(f"schemas/{name}.schema.json").read_text(encoding="utf-8") for name in FILES}
        self.schemas: dict[str, Any] = {name: json.loads(text) for name, text in texts.items()}
        files = [(f"{name}.schema.json", Resource.from_contents(each)) for name, each in self.schemas.items()]
        self._registry: Registry[Any] = Registry().with_resources(files)

    def accepts(self, name: str, document: Any) -> bool:
        """Whether a document has no mistake."""
        Draft7Validator.check_schema(self.schemas[name])
        return bool(Draft7Validator(self.schemas[name], registry=self._registry).is_valid(document))

    def proposes(self, name: str, *place: str | int) -> list[str]:
        """The names that are completed at a place of a schema."""
        found = self.schemas[name]
        for part in place:
            found = found[part]
        return [value for each in found.get("anyOf", ()) for value in each.get("enum", ())]


def _proposals(schema: Any) -> Iterator[Any]:
    """Everything that a schema proposes as a value."""
    if isinstance(schema, list):
        for each in schema:
            yield from _proposals(each)
    elif isinstance(schema, dict):
        for key, value in schema.items():
            if key in ("enum", "examples") and isinstance(value, list):
                yield from value
            yield from _proposals(value)


def _rules(**keys: Any) -> Any:
    rule = {"id": "x", "title": "X", "trigger": "not cancelled", "due": "ordered", "template": "hello-tea"}
    return {"rules": [rule | keys]}


def test_an_editor_proposes_the_projects_names(tea: Project) -> None:
    """Every kind of name is completed where it may stand: the project's, and all of them."""
    assert tea("schemas").code == 0
    editor = Editor(tea)
    rules = {
        "template": ["hello-tea"],
        "window": ["teatime"],
        "class": ["transactional", "gossip"],
        "enabled": ["${params.tea_on}"],
        "expires": ["${params.tea_wait}"],
        "lookback": ["none", "${params.tea_wait}"],
    }
    assert {name: editor.proposes("rules", "definitions", name) for name in rules} == rules
    assert editor.proposes("rules", "definitions", "regions", "anyOf", 1, "items") == ["alps", "elsewhere"]
    assert editor.proposes("rules", "definitions", "ladder", "properties", "depth") == ["${params.tea_cups}"]
    assert {"aroma", "open_amount", "params.tea_wait"} <= {*editor.proposes("rules", "definitions", "condition")}
    due = editor.proposes("rules", "definitions", "due")
    assert {"harvested", "shipped"} <= {*due}
    assert not {"aroma", "total"} & {*due}
    account = ("definitions", "account", "properties")
    assert editor.proposes("settings", *account, "sender") == ["teapot"]
    assert editor.proposes("settings", *account, "skip", "items") == ["first-cup"]
    assert {"tea_wait", "tea_cups", "tea_on"} == {
        *editor.schemas["settings"]["definitions"]["account"]["properties"]["params"]["properties"]
    }
    assert editor.proposes("scenario", "definitions", "expected", "properties", "rule") == ["first-cup"]
    assert editor.proposes("order", "properties", "account") == ["tea-at"]
    assert editor.proposes("mapping", "properties", "accounts", "items") == ["tea-at"]
    assert {"aroma", "harvested", "shipped"} <= {*editor.schemas["mapping"]["properties"]["fields"]["properties"]}


def test_the_example_shops_names_are_gone(tea: Project) -> None:
    """What only the example shop has is proposed nowhere; its names were there before."""
    before = [
        each
        for name in FILES
        for each in _proposals(json.loads((ROOT / f"schemas/{name}.schema.json").read_text(encoding="utf-8")))
    ]
    assert {each for each in before if isinstance(each, str)} >= EXAMPLES
    tea("schemas")
    after = [each for schema in Editor(tea).schemas.values() for each in _proposals(schema)]
    assert {each for each in after if isinstance(each, str)} & EXAMPLES == set()
    assert [each for each in after if isinstance(each, dict | list)] == []


def test_an_editor_marks_what_is_wrong_and_no_name(tea: Project) -> None:
    """The project's names are right, a name newer than the files is too; a wrong type or key is marked."""
    tea("schemas")
    editor = Editor(tea)
    right: tuple[dict[str, Any], ...] = (
        {},
        {"regions": ["alps"]},
        {"regions": "alps"},
        {"regions": "all"},
        {"window": "teatime"},
        {"window": "new"},
    )
    assert [each for each in right if not editor.accepts("rules", _rules(**each))] == []
    right = ({"enabled": False}, {"enabled": "${params.tea_on}"}, {"expires": "4 days"}, {"lookback": "none"})
    assert [each for each in right if not editor.accepts("rules", _rules(**each))] == []
    wrong: tuple[dict[str, Any], ...] = (
        {"regions": 5},
        {"window": 3},
        {"enabled": "maybe"},
        {"expires": "soon"},
        {"widnow": "teatime"},
        {"id": "A B"},
    )
    assert [each for each in wrong if editor.accepts("rules", _rules(**each))] == []
    order = {"id": "T1", "account": "tea-at", "ordered": "2026-08-11", "aroma": "mint"}
    step = {"at": "2026-08-15", "change": {"T1": {"aroma": "lemon"}}, "expect": [{"order": "T1", "rule": "first-cup"}]}
    assert editor.accepts("scenario", {"scenario": "Tea", "orders": [order], "steps": [step]})
    assert not editor.accepts("scenario", {"scenario": "Tea", "orders": [order | {"aroma": 5}], "steps": [step]})
    assert editor.accepts("mapping", {"fields": {"id": "Nr", "aroma": "=upper(taste)"}})
    assert not editor.accepts("mapping", {"fields": {"id": 5}})


def test_every_file_of_the_example_shop_is_right_to_an_editor(shop: Project) -> None:
    """In a new project nothing is marked once its names are written, in settings, rules, scenarios and mappings."""
    import yaml

    class Texts(yaml.SafeLoader):
        """Times stay text, as in an editor."""

    Texts.add_constructor("tag:yaml.org,2002:timestamp", lambda loader, node: str(node.value))
    shop("schemas")
    editor = Editor(shop)
    files = [
        ("settings", "sendplan.yaml"),
        *((kind, f"{folder}/*.yaml") for kind, folder in (("rules", "rules"), ("scenario", "fixtures/scenarios"))),
    ]
    seen = [(kind, path) for kind, pattern in files for path in sorted(shop.folder.glob(pattern))]
    seen += [("mapping", path) for path in sorted((ROOT / "mappings").glob("*.yaml"))]
    assert len(seen) > 10
    marked = [
        path.name for kind, path in seen if not editor.accepts(kind, yaml.load(path.read_text(encoding="utf-8"), Texts))
    ]
    assert marked == []


def test_writing_again_changes_nothing_until_names_change(tea: Project) -> None:
    """Files stay the same, byte by byte, until a name is new; then only those that hold it are written."""
    assert tea("schemas").out.count("written ") == len(FILES)
    before = {path: path.read_bytes() for path in tea.path("schemas").iterdir()}
    assert tea("schemas").out.count("unchanged ") == len(FILES)
    assert {path: path.read_bytes() for path in tea.path("schemas").iterdir()} == before
    tea.edit("sendplan.yaml", "windows: {", "windows: {supper: {days: sun}, ")
    assert [line for line in tea("schemas").out.splitlines() if line.startswith("written")] == [
        "written    schemas/rules.schema.json"
    ]
    assert Editor(tea).proposes("rules", "definitions", "window") == ["supper", "teatime"]


def test_a_file_that_a_person_changed_is_kept(shop: Project) -> None:
    """A changed schema, or whatever else is in its place, is kept, and it says so; the others are written."""
    shop.edit("schemas/rules.schema.json", '"title": "Rules"', '"title": "Our rules"')
    shop.write("schemas/order.schema.json", "not JSON")
    shop("schemas")
    shop.edit("schemas/mapping.schema.json", '"title": "Mapping"', '"title": "Our mapping"')
    kept = {name: shop.path(f"schemas/{name}.schema.json").read_bytes() for name in ("rules", "order", "mapping")}
    done = shop("schemas")
    assert done.code == 0
    assert [line.split()[1] for line in done.out.splitlines() if line.startswith("kept")] == [
        f"schemas/{name}.schema.json" for name in ("rules", "mapping", "order")
    ]
    assert "`schemas/rules.schema.json` was changed by hand, or comes from another version: to have it" in done.err
    assert {name: shop.path(f"schemas/{name}.schema.json").read_bytes() for name in kept} == kept
    shop.path("schemas/rules.schema.json").unlink()
    assert "written    schemas/rules.schema.json" in shop("schemas").out


def test_another_layout_is_no_change(tea: Project) -> None:
    """A file that a formatter laid out anew is still the command's own."""
    tea("schemas")
    path = tea.path("schemas/rules.schema.json")
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8"))), encoding="utf-8")
    tea.edit("sendplan.yaml", "teatime:", "supper:")
    tea.edit("rules/tea.yaml", "teatime", "supper")
    assert "written    schemas/rules.schema.json" in tea("schemas").out


@pytest.mark.parametrize("whole", [True, False], ids=["folder", "file"])
def test_nothing_is_written_through_a_link(tea: Project, tmp_path_factory: pytest.TempPathFactory, whole: bool) -> None:
    """A project that somebody else wrote cannot have files outside it replaced."""
    outside = tmp_path_factory.mktemp("outside")
    if whole:
        tea.path("schemas").symlink_to(outside)
    else:
        tea.path("schemas").mkdir()
        tea.path("schemas/rules.schema.json").symlink_to(outside / "rules.schema.json")
    assert "kept       schemas/rules.schema.json" in tea("schemas").out
    assert list(outside.iterdir()) == []


def test_check_goes_by_the_packages_schemas(tea: Project) -> None:
    """What the project's schema files say has no part in what is checked."""
    before = tea("check")
    tea("schemas")
    assert (tea("check").code, tea("check").out) == (before.code, before.out)
    tea.edit("rules/tea.yaml", "regions: [alps]", "regions: alps")
    assert "write `regions: [alps]`" in tea("check").out


def test_a_broken_rule_keeps_its_name(tea: Project) -> None:
    """While one rule is broken the names are still written, that rule's among them, and the mistake is told."""
    tea.edit("rules/tea.yaml", "not cancelled", "not canceled")
    done = tea("schemas")
    assert done.code == 0
    assert "canceled" in done.err
    assert Editor(tea).proposes("scenario", "properties", "rules", "items") == ["first-cup"]


def test_the_packages_own_schemas_are_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """In the repository itself, where the example shop's schemas are the package's, nothing is written."""
    before = (ROOT / "schemas/rules.schema.json").read_bytes()
    assert Project(ROOT, capsys)("schemas").code == 2
    assert (ROOT / "schemas/rules.schema.json").read_bytes() == before
