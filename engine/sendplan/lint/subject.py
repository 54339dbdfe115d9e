"""What lints look at: a project with its templates' texts, its scenarios, and its rules as they were committed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from sendplan.dataclass import dataclass
from sendplan.expressions import ParamValue
from sendplan.lint.committed import committed_files
from sendplan.problems import Problem, Severity, Span
from sendplan.project.languages import language_of
from sendplan.project.project import Project
from sendplan.project.project_folder import FILE, RULES, SCENARIOS, TEMPLATES
from sendplan.project.rules import Rule, Step
from sendplan.reading import source
from sendplan.reading.project_file import read_project_file
from sendplan.reading.source import Document, KeyPath

_INCLUDE = re.compile(r"""\{%[-+]?\s*include\s+["']([^"']+)["']""")


@dataclass(frozen=True, slots=True)
class Variant:
    """The rules under one set of params: the project's own, or those that an account's params change."""

    params: Mapping[str, ParamValue]
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Subject:
    """Everything that a lint may ask about."""

    project: Project
    variants: tuple[Variant, ...]
    """The project's own params first."""
    places: Mapping[str, tuple[Document, KeyPath]]
    """Rule id → where the rule is written."""
    templates: Mapping[str, str] = field(default_factory=dict)
    """Template path (as in `Project.templates`) → its text, with the parts that it includes."""
    layout: str = ""
    """The text of `layout.html`."""
    scenarios: tuple[Any, ...] = ()
    """The data of each scenario file."""
    committed: tuple[Mapping[str, Any], ...] = ()
    """The rules of the files that were changed since the last commit, as they stood in it."""

    def rules(self) -> Iterator[tuple[Variant, Rule]]:
        """Every rule under every set of params."""
        return ((variant, rule) for variant in self.variants for rule in variant.rules)

    def written(self, rule: Rule) -> Mapping[str, Any]:
        """The rule as it is written."""
        document, path = self.places[rule.id]
        data = document.data
        for part in path:
            data = data[part]
        written: Mapping[str, Any] = data
        return written

    def span(self, rule: Rule, *keys: str | int) -> Span:
        """The value of a rule's key; the rule's id where it is not written, as a default of sendplan.yaml."""
        document, path = self.places[rule.id]
        data: Any = self.written(rule)
        for key in keys:
            present = key in data if isinstance(data, dict) else isinstance(key, int)
            if not present:
                return rule.span
            data = data[key]
        return document.span((*path, *keys))

    def step_span(self, rule: Rule, step: Step, key: str = "id", *, or_id: bool = False) -> Span:
        """The value of a step's key, else of the rule's, or with `or_id` the step's id."""
        steps = self.written(rule)["ladder"]["steps"] if rule.ladder else ()
        for number, each in enumerate(steps):
            if each["id"] == step.id and (key in each or or_id):
                return self.span(rule, "ladder", "steps", number, key if key in each else "id")
        return self.span(rule, key)

    def settings_span(self, *keys: str | int) -> Span:
        """A value in sendplan.yaml."""
        return self.project.documents[FILE].span(keys)

    def settings_key(self, *keys: str | int) -> Span:
        """A key in sendplan.yaml."""
        return self.project.documents[FILE].key_span(keys)

    def files_of(self, template: str) -> list[str]:
        """The files of a template, in every language and of every account."""
        return sorted(path for path in self.templates if name_of(path) == template and language_of(path) is not None)


def name_of(path: str) -> str:
    """The template's name in a path such as `ebay-de/first-contact.de.md`."""
    return path.rpartition("/")[2].partition(".")[0]


def warning(code: str, message: str, span: Span, help_: str = "") -> Problem:
    """A problem that fails `check --strict` only."""
    return Problem(code, message, span, help_, Severity.WARNING)


def read_subject(project: Project) -> Subject:
    """The project together with the texts around it, read from its folder and from git."""
    folder = project.settings.folder
    texts = {path: _text(folder, f"{TEMPLATES}/{path}") for path in project.templates}
    return Subject(
        project,
        tuple(_variants(project)),
        dict(_places(project)),
        {path: _whole(text, texts, frozenset({path})) for path, text in texts.items()},
        _text(folder, f"{TEMPLATES}/layout.html"),
        tuple(document.data for document in _documents(sorted((folder / SCENARIOS).rglob("*.yaml")), folder)),
        tuple(_rules_in(committed_files(folder, RULES))),
    )


def _variants(project: Project) -> Iterator[Variant]:
    yield Variant(project.settings.params, project.rules)
    seen = [project.settings.params]
    for name, account in project.settings.accounts.items():
        if account.params not in seen:
            seen.append(account.params)
            shared = {rule.id: rule for rule in project.rules}
            changed = (rule for rule in project.by_account[name] if rule is not shared.get(rule.id))
            yield Variant(account.params, tuple(changed))


def _places(project: Project) -> Iterator[tuple[str, tuple[Document, KeyPath]]]:
    for name, document in project.documents.items():
        if name != FILE:
            for number, rule in enumerate(document.data["rules"]):
                yield str(rule["id"]), (document, ("rules", number))


def _text(folder: Path, name: str) -> str:
    content = read_project_file(folder / name, name, folder)
    return content.decode("utf-8", "replace") if isinstance(content, bytes) else ""


def _whole(text: str, texts: Mapping[str, str], seen: frozenset[str]) -> str:
    """A template's text with every part that it includes behind it."""
    parts = [each for each in _INCLUDE.findall(text) if each in texts and each not in seen]
    return "\n".join((text, *(_whole(texts[part], texts, seen | {part}) for part in parts)))


def _documents(paths: list[Path], folder: Path) -> Iterator[Document]:
    for path in paths:
        document, _ = source.load(path, project=folder)
        if document is not None:
            yield document


def _rules_in(files: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    for name, text in files.items():
        document, _ = source.parse(text, name)
        data = document.data if document is not None else None
        rules = data.get("rules") if isinstance(data, dict) else None
        for rule in rules if isinstance(rules, list) else ():
            if isinstance(rule, dict) and isinstance(rule.get("id"), str):
                yield rule
