"""The pages say what the program does: every name is there, every example loads, every shown output is real."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest
import yaml
from doc_pages import PAGES, ROOT, Block, Session, blocks, matches

from sendplan import checking, resources
from sendplan.cli import COMMANDS, cli
from sendplan.commands.init_command import copy_example
from sendplan.expressions import Kind, Names, compile_expression
from sendplan.fields import FieldType
from sendplan.importing.mapping_file import read_mapping
from sendplan.ledger import MOVES
from sendplan.plan import STATUS_OF, Reason
from sendplan.problems import Exit, Span
from sendplan.project import project as projects
from sendplan.project.providers import PRESETS
from sendplan.project.settings_file import read_settings
from sendplan.scenarios import play
from sendplan.templates.sandbox import FILTERS, JINJA_FILTERS

DOCS = ROOT / "docs"
LANGUAGES = frozenset(
    {"console", "yaml", "markdown", "expression", "text", "sh", "mermaid", "cron", "ini", "dockerfile", "python"}
)
SHOWN = [page for page in PAGES if page.name != "problems.md"]
"""`problems.md` shows wrong files on purpose; its own test reads it."""
PLAYED = [page for page in SHOWN if any(block.file or block.language == "console" for block in blocks(page))]


def _sections(page: str) -> dict[str, str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", text, re.M | re.S))


def _coded(text: str) -> set[str]:
    """Everything that stands in code font."""
    return set(re.findall(r"`([^`\n]+)`", text))


class Shown(NamedTuple):
    """A block and its page, with a readable test id."""

    page: Path
    block: Block


def _shown(*languages: str) -> list[Any]:
    return [
        pytest.param(Shown(page, block), id=f"{page.name}:{block.line}")
        for page in SHOWN
        for block in blocks(page)
        if block.language in languages
    ]


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("", "", True),
        ("", "a", False),
        ("a\n...\nc", "a\nb\nb\nc", True),
        ("a\n...\nc", "a\nc", True),
        ("a\n...\nc", "a\nb\nc\nd", False),
        ("a\n...\nc\n...", "a\nb\nc\nd", True),
        ("...\nb", "a\nb\nb", True),
        ("...\nb", "a", False),
        ("plan ... holds 12", "plan 1dd4f535 holds 12", True),
        ("plan ... holds 12", "plan 1dd4f535 holds 13", False),
        ("a\nb", "a", False),
    ],
)
def test_shown_output_is_compared_line_by_line(shown: str, printed: str, same: bool) -> None:
    """Only what is elided may differ, so a page cannot show what the program no longer prints."""
    assert matches(shown.splitlines(), printed.splitlines()) is same


# --- names ---


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_a_command_is_documented(name: str) -> None:
    """A reader finds every option and argument of a command in its section, and none that is gone."""
    section = _sections("commands.md")[f"sendplan {name}"]
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    own = command.commands if isinstance(command, click.Group) else {}
    commands = {f"{name} {each}": found for each, found in own.items()} or {name: command}
    params = [each for found in commands.values() for each in found.params]
    everywhere = {"--project", "--no-cache", "--help", "-h"}
    options = {each for p in params if isinstance(p, click.Option) for each in p.opts} - everywhere
    named = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", " ".join(re.findall(r"^\| (.*?) \|", section, re.M))))
    assert named == options
    for written, found in commands.items():
        usage = re.search(rf"`sendplan {written}([^`]*)`", section)
        assert usage is not None
        missing = [p for p in found.params if isinstance(p, click.Argument) and not _stands_in(p, usage[1])]
        assert missing == []


def _stands_in(argument: click.Argument, usage: str) -> bool:
    if isinstance(argument.type, click.Choice):
        return "|".join(argument.type.choices) in usage
    name = argument.metavar or (argument.name or "").upper()
    return name.strip("[]") in usage


def test_every_command_has_its_section() -> None:
    """The page lists the commands in the order of `--help`, and only those."""
    titles = [title.removeprefix("sendplan ") for title in _sections("commands.md") if title.startswith("sendplan ")]
    assert titles == list(COMMANDS)


def test_every_exit_code_is_documented() -> None:
    """Whoever calls sendplan from a script finds what each exit code means."""
    table = re.findall(r"^\| (\d+) \| \S", (DOCS / "commands.md").read_text(encoding="utf-8"), re.M)
    assert sorted(map(int, table)) == sorted([*map(int, Exit), 130, 141, 143])


@pytest.mark.parametrize(
    ("schema", "section"),
    [("settings", "Settings"), ("rules", "Rules"), ("scenario", "Scenarios")],
)
def test_every_key_of_a_file_is_documented(schema: str, section: str) -> None:
    """A reader finds every key that a file may hold."""
    fields = set(resources.schema("order")["properties"])
    own = set(_keys(resources.schema(schema))) - (fields if schema == "scenario" else set())
    assert own - _coded(_sections("project.md")[section]) == set()


def test_every_key_of_a_mapping_is_documented() -> None:
    """A reader of the page on mappings finds every key that one may hold."""
    page = "\n".join(_sections("mapping.md").values())
    assert set(_keys(resources.schema("mapping"))) - _coded(page) == set()


def test_every_field_of_an_order_is_documented() -> None:
    """A reader finds every field that a file may carry, those of an order's lines too."""
    assert set(_keys(resources.schema("order"))) - _coded(_sections("project.md")["Orders"]) == set()


def _keys(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        properties = schema.get("properties")
        if isinstance(properties, dict):
            yield from properties
        for value in schema.values():
            yield from _keys(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _keys(value)


def test_every_reason_is_documented_in_its_order() -> None:
    """The closed list of reasons is on the page in its order, with how a plan lists each."""
    rows = re.findall(r"^\| `(\w+)` \| (\w*) ?\|", _sections("language.md")["Reasons"], re.M)
    assert rows == [(reason.value, status.value if (status := STATUS_OF[reason]) else "") for reason in Reason]


def test_every_type_of_field_is_documented() -> None:
    """A project that adds a field finds every type that it may have."""
    wanted = {each.value for each in FieldType if each is not FieldType.RECORDS}
    assert wanted - _coded(_sections("project.md")["Settings"]) == set()


def test_every_filter_is_documented() -> None:
    """Whoever writes a template finds every filter."""
    assert {*FILTERS, *JINJA_FILTERS} - _coded(_sections("templates.md")["What a template sees"]) == set()


def test_the_drawn_states_are_the_ledgers() -> None:
    """The picture of states shows exactly the moves that the ledger allows."""
    drawn = re.findall(r"^    (\w+) --> (\w+): \S", _sections("sending.md")["States"], re.M)
    allowed = {(_state(before), _state(after)) for before, afters in MOVES.items() for after in afters}
    assert len(drawn) == len(set(drawn))
    assert set(drawn) == allowed


def _state(state: Any) -> str:
    return "open" if state is None else str(state.value)


# --- places ---


def test_the_limits_of_providers_are_shown_with_their_age() -> None:
    """The page of mail accounts says of each preset where its limits and the end of passwords are from, and how old."""
    row = re.compile(r"^\| `(\w+)` \| (.*) \| \[\w+\]\((.*)\) \| (.*) \|$", re.M)
    rows = row.findall(_sections("mail-accounts.md")["Limits"])
    read = [(each.name, each.source, each.read_on) for each in PRESETS.values() if each.source]
    ends = [(each.name, each.password_end) for each in PRESETS.values() if each.password_end]
    read += [(name, end.source, end.read_on) for name, end in ends]
    assert {(name, *rest) for name, _, *rest in rows} == {(name, source, str(day)) for name, source, day in read}
    for each in PRESETS.values():
        said = " ".join(text for name, text, *_ in rows if name == each.name)
        shown = [each.per_minute, each.per_day, each.free_per_day]
        assert all(f"{number:,} " in f"{said} " for number in shown if number)
        assert each.password_end is None or str(each.password_end.last_day) in said


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every link to a file or a heading of this repository finds it."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    broken = []
    for target in re.findall(r"(?<!!)\[[^\]\n]+\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", text)):
        path, _, anchor = target.partition("#")
        if re.match(r"https?:|mailto:", target):
            continue
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in _anchors(file)):
            broken.append(target)
    assert broken == []


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_docstrings_cite_headings_that_exist() -> None:
    """Whoever follows a docstring to the docs arrives at a heading, and needs no other papers."""
    for path in [*(ROOT / "engine").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        for name, anchor in re.findall(r"(docs/[\w-]+\.md)(?:#([\w-]+))?", text):
            assert (ROOT / name).is_file(), f"{path}: {name}"
            assert not anchor or anchor in _anchors(ROOT / name), f"{path}: {name}#{anchor}"
        assert not re.search(r"\b(?:LANGUAGE|DISPATCH|ARCHITECTURE)\b(?! =)[ ,]", text), path


def test_the_manuals_lines_are_where_the_page_says() -> None:
    """Each behaviour of the manual is declared in the file that is named, and has a scenario or test that exists."""
    text = (DOCS / "manual.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (M\w+) \|.*\| (.*?) \| (.*?) \|$", text, re.M)
    assert [name for name, _, _ in rows] == [
        "M1",
        "M2",
        "M3",
        "M4",
        "M4b",
        "M5",
        "M5b",
        *(f"M{n}" for n in range(6, 21)),
    ]
    for name, where, proofs in rows:
        declared = re.fullmatch(r"`([\w./-]+)`: `(.+)`", where)
        if declared is not None:
            assert declared[2] in (ROOT / declared[1]).read_text(encoding="utf-8"), name
        for proof in re.findall(r"`([^`]+)`", proofs):
            file, _, test = proof.partition("::")
            path = ROOT / (file if file.startswith("fixtures") else f"tests/{file}")
            assert path.is_file(), f"{name}: {proof}"
            assert f"def {test}" in path.read_text(encoding="utf-8") or not test, f"{name}: {proof}"


@pytest.mark.parametrize("shown", _shown("sh"))
def test_make_targets_exist(shown: Shown) -> None:
    """Every `make` command that a page names is a target of the Makefile."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make ([\w-]+)", shown.block.text, re.M):
        assert re.search(rf"^{target}:", makefile, re.M), target


def test_the_hooks_run_commands_on_a_projects_files() -> None:
    """Both hooks for pre-commit run a command that exists whenever a file changes that it looks at."""
    hooks = {each["id"]: each for each in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))}
    assert {each["entry"].removeprefix("sendplan ") for each in hooks.values()} == {"check", "test"} <= set(COMMANDS)
    assert hooks.keys() <= _coded((ROOT / "README.md").read_text(encoding="utf-8"))
    for file in ("sendplan.yaml", "rules/dunning.yaml", "shop/fixtures/scenarios/holds.yaml"):
        assert all(re.search(each["files"], file) for each in hooks.values()), file
    assert re.search(hooks["sendplan-check"]["files"], "templates/ebay-de/first-contact.de.md")


# --- examples ---


@pytest.mark.parametrize("page", SHOWN, ids=lambda page: page.name)
def test_every_block_says_what_it_is(page: Path) -> None:
    """No example escapes these tests for want of a language, or of the file that it belongs into."""
    unknown = [block.line for block in blocks(page) if block.language not in LANGUAGES]
    assert unknown == []
    assert [block.line for block in blocks(page) if block.language in ("yaml", "markdown") and not block.file] == []
    fences = re.findall(r"^ *```", page.read_text(encoding="utf-8"), re.M)
    assert len(fences) == 2 * len(blocks(page))


@pytest.mark.parametrize("shown", _shown("expression"))
def test_expressions_are_understood(shown: Shown, tmp_path: Path) -> None:
    """Every expression on a page is a condition or a date in the example shop."""
    copy_example(tmp_path)
    project, _ = projects.load(tmp_path)
    assert project is not None
    messages = {
        "/".join(filter(None, key)): (key,) for rule in project.rules for step in rule.written for key in step.keys[:1]
    }
    scope = Names(project.settings.fields, project.settings.params, messages)
    for text in shown.block.text.splitlines():
        tried = [compile_expression(text, kind, scope, _nowhere) for kind in (Kind.CONDITION, Kind.MOMENT)]
        assert any(expression is not None for expression, _ in tried), [
            each.message for _, found in tried for each in found
        ]


def _nowhere(start: int, end: int) -> Span:
    return Span("page", 1, start + 1, end + 1)


@pytest.mark.parametrize("page", PLAYED, ids=lambda page: page.name)
def test_a_reader_who_follows_the_page_sees_what_it_shows(page: Path, tmp_path: Path) -> None:
    """Every file on a page loads, every scenario passes, every command prints what is shown."""
    session = Session(tmp_path)
    try:
        for block in blocks(page):
            if block.language == "console":
                for command, printed in session.run(block):
                    shown = "\n".join(command.output)
                    assert matches(command.output, printed), f"$ {command.line}\n{shown}\n--- printed\n" + "\n".join(
                        printed
                    )
            elif block.file and block.language in ("yaml", "markdown"):
                _loads(session, block)
    finally:
        session.close()


def _loads(session: Session, block: Block) -> None:
    path, folder = session.save(block), session.folder
    if block.file.endswith(".mapping.yaml"):
        settings, _, _ = read_settings(folder)
        assert settings is not None
        problems = read_mapping(path, settings)[1]
    else:
        problems = [each for each in checking.check(folder) if each.is_error]
    assert problems == [], block.file
    if block.file.startswith("fixtures/scenarios/"):
        project, _ = projects.load(folder)
        scenario = play.read(path, block.file)
        assert project is not None
        assert isinstance(scenario, play.Scenario), scenario
        assert play.run(scenario, project).passed, block.file


def test_python_examples_run(tmp_path: Path) -> None:
    """The examples of the Python page run in a new project, one after the other, and its tests pass."""
    session = Session(tmp_path)
    shown = [block for block in blocks(DOCS / "python.md") if block.language == "python"]
    for block in shown:
        if block.file:
            session.save(block)
    (session.folder / "page.py").write_text(
        "\n".join(block.text for block in shown if not block.file), encoding="utf-8"
    )
    try:
        for command in ("python page.py", "python -m pytest -q tests --snapshot-update", "python -m pytest -q tests"):
            ((_, printed),) = session.run(Block("console", "", f"$ {command} && echo it is well\n", 0))
            assert printed[-1] == "it is well", "\n".join(printed)
    finally:
        session.close()
