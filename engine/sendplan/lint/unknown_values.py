"""Texts that no order holds: an account that is not in the settings, a portal that is hardly meant, no country."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from sendplan.expressions import Expression, Node, walk
from sendplan.expressions.nodes import Compare, FieldRef, In, Literal
from sendplan.lint.subject import Subject, warning
from sendplan.problems import Problem, Span, did_you_mean
from sendplan.project.project_folder import FILE
from sendplan.project.settings import Settings
from sendplan.reading.source import Document, KeyPath


def unknown_values(subject: Subject) -> Iterator[Problem]:
    """A text that a rule, a hold, a class, a region or a language compares with, and that no order can hold."""
    settings = subject.project.settings
    for expression, document, path in _expressions(subject):
        for node in walk(expression.root):
            for name, text, start, end in _compared(node):
                help_ = _KNOWN[name](text, settings) if name in _KNOWN else None
                if help_ is not None:
                    place = document.within(path, start, end)
                    yield warning("unknown-value", f"no order has the {name} `{text}`", place, help_)
    yield from _regions_and_languages(subject)


def _expressions(subject: Subject) -> Iterator[tuple[Expression, Document, KeyPath]]:
    """Every condition and date of the project, with the place at which it is written."""
    settings, document = subject.project.settings, subject.project.documents[FILE]
    for rule in subject.project.rules:
        where, path = subject.places[rule.id]
        written = subject.written(rule)
        found = {each.text: each for each in (rule.due, *(each for step in rule.written for each in step.triggers))}
        keys: list[KeyPath] = [("due",), ("trigger",)]
        keys += [("ladder", "steps", number, "trigger") for number in range(len(rule.written)) if rule.ladder]
        for each in keys:
            expression = found.get(_text(written, each))
            if expression is not None:
                yield expression, where, (*path, *each)
    for hold in settings.holds:
        yield hold.when, document, ("holds", hold.name, "when")
    for name, klass in settings.classes.items():
        if klass.requires is not None:
            yield klass.requires, document, ("classes", name, "requires")


def _regions_and_languages(subject: Subject) -> Iterator[Problem]:
    settings = subject.project.settings
    for region in settings.regions:
        for number, entry in enumerate(region.entries or ()):
            place = subject.settings_span("regions", region.name, number, "country") if entry.countries else None
            yield from _countries(entry.countries, place)
    for language in dict.fromkeys(settings.languages.by_country.values()):
        countries = [each for each, spoken in settings.languages.by_country.items() if spoken == language]
        yield from _countries(countries, subject.settings_span("languages", language))


def _countries(codes: Iterable[str], place: Span | None) -> Iterator[Problem]:
    for code in sorted(codes):
        if place is not None and (help_ := _no_country(code)) is not None:
            yield warning("unknown-value", f"`{code}` is not the code of a country", place, help_)


def _text(data: Any, keys: KeyPath) -> str:
    """What is written below these keys; empty where nothing is."""
    for key in keys:
        data = data.get(key, {}) if isinstance(data, Mapping) else data[key]
    return data if isinstance(data, str) else ""


def _compared(node: Node) -> Iterator[tuple[str, str, int, int]]:
    """Each field with a text that it is compared with, and where in the expression that is."""
    match node:
        case Compare(operator="==" | "!=", left=FieldRef(name=name), right=Literal(value=str(text)) as at):
            yield name, text, at.start, at.end
        case Compare(operator="==" | "!=", left=Literal(value=str(text)) as at, right=FieldRef(name=name)):
            yield name, text, at.start, at.end
        case In(left=FieldRef(name=name), items=tuple(items)):
            yield from ((name, item.text, item.start, item.end) for item in items)


def _no_account(text: str, settings: Settings) -> str | None:
    if text in settings.accounts:
        return None
    present = settings.account_names.get(text)
    return f"the account is called `{present}` now" if present else did_you_mean(text, settings.accounts)


def _no_portal(text: str, settings: Settings) -> str | None:
    """An order may name a portal of its own, so only one that looks like another is doubted."""
    portals = {each.portal for each in settings.accounts.values()}
    return None if text in portals else did_you_mean(text, portals, listing=False) or None


def _no_country(text: str, settings: Settings | None = None) -> str | None:
    from sendplan.importing.countries import alpha2, known_names

    code = alpha2(text)
    if code == text:
        return None
    return f"write `{code}`" if code else did_you_mean(text, known_names(), listing=False) or "write its ISO 3166 code"


_KNOWN: Mapping[str, Callable[[str, Settings], str | None]] = {
    "account": _no_account,
    "portal": _no_portal,
    "country": _no_country,
    "billing_country": _no_country,
}
"""Field → what to write instead of a text that it cannot hold; None for one that it can."""
