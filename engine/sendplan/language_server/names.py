"""The words of a project that an editor completes and explains, each with what it means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from sendplan import resources
from sendplan.dataclass import dataclass
from sendplan.fields import Field
from sendplan.project.languages import template_names
from sendplan.project.project import Project
from sendplan.project.settings import TRANSACTIONAL
from sendplan.units import Unit

OWN_FIELD = "One of this project's own fields."
FUNCTIONS: Mapping[str, str] = {
    "max": "max(A, B): the latest; every argument is needed, but one that ends in `if set`.",
    "min": "min(A, B): the earliest; every argument is needed, but one that ends in `if set`.",
    "sent": 'sent("RULE") or sent("RULE/STEP"): when that message for this order really went out.',
}
WORDS = ("and", "or", "not", "in", "has", "is set", "is not set", "if set", "if", "else")


class NameKind(StrEnum):
    """What a word names."""

    FIELD = "field"
    PARAM = "param"
    TEMPLATE = "template"
    WINDOW = "window"
    REGION = "region"
    CLASS = "class"
    SENDER = "sender"
    ACCOUNT = "account"
    PORTAL = "portal"
    RULE = "rule"
    MESSAGE = "message"
    FUNCTION = "function"
    UNIT = "unit"
    WORD = "word"


@dataclass(frozen=True, slots=True)
class Name:
    """One word and what it means."""

    text: str
    kind: NameKind
    meaning: str = ""


def names_of(project: Project) -> tuple[Name, ...]:
    """Every word of a project."""
    settings = project.settings
    rules = {rule.id: rule.title for rule in project.rules} | {
        each.id: "This rule cannot be used now." for each in project.broken if "." not in each.id
    }
    messages = {f"{rule.id}/{step.id}": rule.title for rule in project.rules for step in rule.written if step.id}
    described = resources.schema("order")["properties"]
    found: Mapping[NameKind, Mapping[str, str]] = {
        NameKind.FIELD: {each.name: _meaning(each, described) for each in settings.fields.values()},
        NameKind.PARAM: {name: f"`{value}`" for name, value in settings.params.items()},
        NameKind.TEMPLATE: _plain(sorted(template_names(project.templates))),
        NameKind.WINDOW: _plain(settings.windows),
        NameKind.REGION: _plain((*(each.name for each in settings.regions), "all")),
        NameKind.CLASS: _plain(dict.fromkeys((TRANSACTIONAL, *settings.classes))),
        NameKind.SENDER: {name: each.from_ for name, each in settings.senders.items()},
        NameKind.ACCOUNT: {name: f"portal {each.portal}" for name, each in settings.accounts.items()},
        NameKind.PORTAL: _plain(dict.fromkeys(each.portal for each in settings.accounts.values())),
        NameKind.RULE: rules,
        NameKind.MESSAGE: messages,
        NameKind.FUNCTION: FUNCTIONS,
        NameKind.UNIT: _plain(Unit),
        NameKind.WORD: _plain(WORDS),
    }
    return tuple(Name(text, kind, meaning) for kind, each in found.items() for text, meaning in each.items())


def _plain(names: Iterable[str]) -> dict[str, str]:
    return dict.fromkeys(map(str, names), "")


def _meaning(field: Field, described: Mapping[str, Any]) -> str:
    said = described.get(field.name, {}).get("description", OWN_FIELD if field.own else "")
    derived = f"Derived from {', '.join(f'`{each}`' for each in field.derived_from)}." if field.derived_from else ""
    return " ".join(filter(None, (f"({field.type.value})", said, derived)))
