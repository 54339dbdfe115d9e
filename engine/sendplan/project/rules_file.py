"""Rules as they are written, with their places; what is wrong with their form breaks only the rule itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from sendplan.dataclass import dataclass
from sendplan.problems import Problem
from sendplan.project.project_folder import RULES
from sendplan.project.rules import BrokenRule
from sendplan.reading.schemas import validated
from sendplan.reading.source import Document, KeyPath, load
from sendplan.text import clean


@dataclass(frozen=True, slots=True)
class Written:
    """One rule as it is written, with its place."""

    document: Document
    path: KeyPath
    data: Mapping[str, Any]
    steps: tuple[Mapping[str, Any], ...]
    """Of a ladder; empty otherwise."""

    @property
    def id(self) -> str:
        """The rule's id."""
        return str(self.data["id"])

    @property
    def step_ids(self) -> tuple[str, ...]:
        """The ids of a ladder's steps, from the top."""
        return tuple(str(step["id"]) for step in self.steps)


@dataclass(slots=True)
class RuleFiles:
    """Everything that stands in `rules/`, before params are filled in."""

    written: list[Written] = field(default_factory=list)
    malformed: list[Written] = field(default_factory=list)
    """Rules that break their schema, without the keys that do: the rest of them is checked all the same."""
    broken: list[BrokenRule] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    unreadable: bool = False
    """Whether there is a file of which not even the rules' ids are known."""

    def broken_ids(self) -> frozenset[str] | None:
        """The rules that cannot be used; None when any other name may be one of them."""
        return None if self.unreadable else frozenset(each.id for each in self.broken)


def read_rules(folder: Path) -> RuleFiles:
    """All rule files of a project, by name; each problem also names the rule that it breaks."""
    files = RuleFiles()
    for path in sorted((folder / RULES).glob("*.yaml")):
        _read_file(path, clean(path.name), files)
    _refuse_doubles(files)
    return files


def _read_file(path: Path, name: str, files: RuleFiles) -> None:
    document, problems = load(path, f"{RULES}/{name}", path.parent.parent)
    if document is None:
        files.problems += problems
        files.broken.append(BrokenRule(name, problems[0]))
        files.unreadable = True
        return
    data, schema_problems = validated(document, "rules")
    problems += schema_problems
    files.problems += problems
    rules = data.get("rules") if isinstance(data, dict) else None
    taken: set[int] = set()
    for number, rule in enumerate(rules if isinstance(rules, list) else []):
        place: KeyPath = ("rules", number)
        own = [n for n, each in enumerate(problems) if each.span is not None and document.holds(place, each.span)]
        taken.update(own)
        error = next((problems[n] for n in own if problems[n].is_error), None)
        if error is not None:
            id_ = rule.get("id") if isinstance(rule, dict) else None
            files.broken.append(BrokenRule(id_ if isinstance(id_, str) else name, error))
            if isinstance(rule, dict):
                kept = _well_formed(document, place, rule, [problems[n] for n in own])
                files.malformed.append(_written(document, place, {"id": name, "title": "", **kept}))
        else:
            files.written.append(_written(document, place, rule))
    rest = [each for n, each in enumerate(problems) if n not in taken and each.is_error]
    if rest:
        files.broken.append(BrokenRule(name, rest[0]))


def _written(document: Document, place: KeyPath, data: Mapping[str, Any]) -> Written:
    return Written(document, place, data, tuple(data["ladder"]["steps"]) if "ladder" in data else ())


def _well_formed(
    document: Document, place: KeyPath, rule: Mapping[str, Any], problems: Sequence[Problem]
) -> dict[str, Any]:
    """The rule's keys that no problem lies in; a missing key of the rule itself lies in none."""
    own = document.key_span(place)
    spans = [each.span for each in problems if each.span is not None and (each.code, each.span) != ("missing-key", own)]
    return {key: value for key, value in rule.items() if not any(document.holds((*place, key), span) for span in spans)}


def _refuse_doubles(files: RuleFiles) -> None:
    """One id names one rule: nobody can tell which of two was meant."""
    owners: dict[str, Written] = {}
    doubled: set[str] = set()
    for rule in files.written:
        first = owners.setdefault(rule.id, rule)
        if first is not rule:
            doubled.add(rule.id)
            place = rule.document.span((*rule.path, "id"))
            message = f"rule `{rule.id}` is already defined at {first.document.span((*first.path, 'id'))}"
            problem = Problem("duplicate-id", message, place, "give one of them another id")
            files.problems.append(problem)
            files.broken.append(BrokenRule(rule.id, problem))
    files.written = [rule for rule in files.written if rule.id not in doubled]
