"""A project's own names in its schema files, so that editors complete them (docs/editors.md).

Only editors read these files: the engine checks with the schemas of its package, whatever a project's say.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum, auto
from pathlib import Path
from typing import Any, TypeAlias

from sendplan import resources
from sendplan.fields import FieldType
from sendplan.output_file import replaced
from sendplan.problems import Problem
from sendplan.project.languages import template_names
from sendplan.project.project import Project
from sendplan.project.settings import TRANSACTIONAL
from sendplan.reading.project_file import read_project_file
from sendplan.units import Duration

SchemaNode: TypeAlias = dict[str, Any]

FOLDER = "schemas"
FILES = ("settings", "rules", "scenario", "snapshot", "mapping", "order")
"""Those that people write by; plans are written by the program."""
_MARK = "$comment"
_WRITTEN = "written by `sendplan schemas`, "
_LABELS = ("title", "description", "default", "errorMessage", "x-type", "x-instead")
"""What describes a value; everything else says what it may be."""


class FileOutcome(Enum):
    """What became of one schema file."""

    WRITTEN = auto()
    UNCHANGED = auto()
    KEPT = auto()
    """Somebody else's: changed by a person, or of another version."""


def write_schemas(project: Project) -> Iterator[tuple[str, FileOutcome]]:
    """Write each file, unless it is there and neither as it was shipped nor as it was written here; tells what became
    of each.

    Raises OSError when a file cannot be written.
    """
    folder = project.settings.folder
    for name, schema in with_names(project).items():
        shown = f"{FOLDER}/{name}.schema.json"
        yield shown, _write(folder, shown, name, schema)


def _write(folder: Path, shown: str, name: str, schema: SchemaNode) -> FileOutcome:
    path = folder / shown
    wanted = {_MARK: _WRITTEN + _digest(schema), **schema}
    if os.path.lexists(path):
        present = _parsed(read_project_file(path, shown, folder))
        if present == wanted:
            return FileOutcome.UNCHANGED
        if path.is_symlink() or not (present == resources.schema(name) or _is_own(present)):
            return FileOutcome.KEPT
    if not path.resolve().is_relative_to(folder.resolve()):  # `schemas` is a link to elsewhere
        return FileOutcome.KEPT
    path.parent.mkdir(exist_ok=True)
    with replaced(path, lambda _: True, "schema") as fresh:
        fresh.write_text(json.dumps(wanted, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        fresh.chmod(0o644)
    return FileOutcome.WRITTEN


def _parsed(content: bytes | Problem) -> Any:
    """The file's JSON; None when it is none."""
    try:
        return None if isinstance(content, Problem) else json.loads(content)
    except (ValueError, RecursionError):
        return None


def _is_own(present: Any) -> bool:
    """Whether nobody has changed it since it was written here; how its JSON is laid out does not count."""
    if not isinstance(present, dict):
        return False
    rest = {key: value for key, value in present.items() if key != _MARK}
    return bool(present.get(_MARK) == _WRITTEN + _digest(rest))


def _digest(schema: SchemaNode) -> str:
    return hashlib.sha256(json.dumps(schema, sort_keys=True).encode()).hexdigest()[:16]


def with_names(project: Project) -> Mapping[str, SchemaNode]:
    """Each of these schemas, by name, with this project's names in the place of the example shop's."""
    schemas: dict[str, SchemaNode] = {name: _without_examples(resources.schema(name)) for name in FILES}
    _add_own_fields(schemas, project)
    for place, names in _values(project).items():
        _offer(_at(schemas, place), names)
    _offer_regions(_at(schemas, "rules/definitions/regions"), project)
    for place, names in _keys(project).items():
        node = _at(schemas, place)
        entry = {"$ref": "#/" + place.partition("/")[2] + "/additionalProperties"}
        node["properties"] = dict.fromkeys(names, entry) | node.get("properties", {})
    return schemas


def _values(project: Project) -> dict[str, list[str]]:
    """Where a schema takes a name → the names; none where the name is a new one."""
    settings = project.settings
    rules = _rule_ids(project)
    accounts, senders = list(settings.accounts), list(settings.senders)
    portals = list(dict.fromkeys(each.portal for each in settings.accounts.values()))
    regions, windows = [each.name for each in settings.regions], list(settings.windows)
    classes = list(dict.fromkeys((TRANSACTIONAL, *settings.classes)))
    templates = sorted(template_names(project.templates))
    steps = sorted({step.id for rule in project.rules for step in rule.written if rule.ladder})
    fields = [each for each in settings.fields.values() if each.type is not FieldType.RECORDS]
    condition = [each.name for each in fields] + [f"params.{name}" for name in settings.params]
    texts = [each.name for each in fields if each.type is FieldType.TEXT and not each.derived_from]
    durations = _params(project, Duration)
    return {
        "settings/definitions/account/properties/portal": portals,
        "settings/definitions/account/properties/sender": senders,
        "settings/definitions/account/properties/skip/items": rules,
        "settings/definitions/class/properties/requires": condition,
        "settings/definitions/hold/properties/when": condition,
        "rules/definitions/id": [],
        "rules/definitions/formerly/items": [],
        "rules/definitions/condition": condition,
        "rules/definitions/due": [each.name for each in fields if each.type is FieldType.MOMENT],
        "rules/definitions/enabled": _params(project, bool),
        "rules/definitions/regions/anyOf/1/items": regions,
        "rules/definitions/class": classes,
        "rules/definitions/window": windows,
        "rules/definitions/template": templates,
        "rules/definitions/lookback": ["none", *durations],
        "rules/definitions/expires": durations,
        "rules/definitions/step/properties/after": durations,
        "rules/definitions/ladder/properties/every": durations,
        "rules/definitions/ladder/properties/depth": _params(project, int),
        "scenario/properties/rules/items": rules,
        "scenario/definitions/expected/properties/key": [],
        "scenario/definitions/expected/properties/rule": rules,
        "scenario/definitions/expected/properties/step": steps,
        "scenario/definitions/expected/properties/account": accounts,
        "scenario/definitions/expected/properties/region": regions,
        "scenario/definitions/expected/properties/class": classes,
        "scenario/definitions/expected/properties/sender": senders,
        "scenario/definitions/expected/properties/template": templates,
        "mapping/properties/accounts/items": accounts,
        "mapping/properties/match": texts,
        "order/properties/account": accounts,
        "order/properties/portal": portals,
    }


def _keys(project: Project) -> dict[str, list[str]]:
    """Where the keys of a mapping are names → the names."""
    settings = project.settings
    stored = [each.name for each in settings.fields.values() if not each.derived_from]
    step = "scenario/definitions/step/properties"
    return {
        "settings/definitions/account/properties/params": list(settings.params),
        "settings/properties/fresh_within": stored,
        "mapping/properties/fields": stored,
        f"{step}/imported": stored,
        f"{step}/because/anyOf/1/additionalProperties": _rule_ids(project),
    }


def _rule_ids(project: Project) -> list[str]:
    """Those of broken rules too: they will be mended. One without a readable id goes by its file's name, with a dot."""
    ids = {rule.id for rule in project.rules} | {rule.id for rule in project.broken}
    return sorted(each for each in ids if each and "." not in each)


def _params(project: Project, type_: type) -> list[str]:
    """The params of exactly this type, as a value takes them."""
    return [f"${{params.{name}}}" for name, value in project.settings.params.items() if type(value) is type_]


def _add_own_fields(schemas: Mapping[str, SchemaNode], project: Project) -> None:
    """The project's fields stand where those of the catalogue do, with the types of their kind."""
    order: SchemaNode = schemas["order"]["properties"]
    likes = {each["x-type"]: each for each in order.values()}
    changed = (_at(schemas, "scenario/definitions/change"), _at(schemas, "scenario/properties/imported/items"))
    for field in project.settings.fields.values():
        if not field.own:
            continue
        like = {key: value for key, value in likes[field.type.value].items() if key in ("type", "items", "x-type")}
        order[field.name] = {"title": field.name, "description": "One of this project's own fields.", **like}
        for node in changed:
            node["properties"][field.name] = {"$ref": f"order.schema.json#/properties/{field.name}"}


def _offer(node: SchemaNode, names: Iterable[str]) -> None:
    """Let an editor propose these names; whatever was allowed stays so, as names come and go."""
    node.pop("examples", None)
    choice = {"enum": list(names)}
    if not choice["enum"]:
        return
    rest = {key: node.pop(key) for key in list(node) if key not in _LABELS}
    node["anyOf"] = [choice, *rest.pop("anyOf", ()), *([rest] if rest else ())]


def _offer_regions(node: SchemaNode, project: Project) -> None:
    """A single name is no mistake while it is typed; whoever takes a proposal gets the list that it has to be."""
    one = node["anyOf"][0]
    one["defaultSnippets"] = [{"label": each.name, "body": [each.name]} for each in project.settings.regions]
    node["anyOf"].append({"type": "string", "minLength": 1})


def _without_examples(schema: Any) -> Any:
    """A copy without the lists and mappings among the examples: those are the example shop's, names and all."""
    if isinstance(schema, list):
        return [_without_examples(each) for each in schema]
    if not isinstance(schema, dict):
        return copy.copy(schema)
    found = {key: _without_examples(value) for key, value in schema.items() if key != "examples"}
    kept = [each for each in schema.get("examples", ()) if not isinstance(each, dict | list)]
    return found | ({"examples": kept} if kept else {})


def _at(schemas: Mapping[str, SchemaNode], place: str) -> SchemaNode:
    found: Any = schemas
    for part in place.split("/"):
        found = found[int(part) if isinstance(found, list) else part]
    node: SchemaNode = found
    return node
