"""Which language a buyer reads, and which template file speaks it (LANGUAGE §3, §8; manual M19).

Pure apart from `listing`, and free of Jinja, so that the planning side may use it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sendplan.project.settings import Languages

_TAG = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")
"""A BCP 47 tag as orders carry it; `de_AT` is understood too."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The template file of one message."""

    path: str
    """Below `templates/`, with `/`: `ebay-de/first-contact.de.md`."""
    language: str
    """The file's language, in which money and dates print."""


def preferred(languages: Languages, *, account: str | None, order: str | None, billing_country: str | None) -> str:
    """The buyer's language: the order's, else the account's, else by billing country, else the default.

    What an order carries that is no BCP 47 tag counts as absent.
    """
    named = (order, account, languages.by_country.get(billing_country or ""))
    return next((tag for tag in map(_normal, named) if tag is not None), languages.default)


def choose(templates: frozenset[str], name: str, *, account: str, language: str, default: str) -> Chosen | None:
    """The file for a template's name: account and language, language, account and default language, default language.

    `templates` is `listing(...)`; only a member of it is ever returned, so no name can reach outside the folder.
    """
    for wanted in (language, default):
        for folder in (f"{account}/", ""):
            for tag in _fallbacks(wanted):
                path = f"{folder}{name}.{tag}.md"
                if path in templates:
                    return Chosen(path, tag)
    return None


def listing(folder: Path) -> frozenset[str]:
    """The Markdown files of `templates/` and of its accounts' folders, as paths below it; empty without a folder."""
    files = (*folder.glob("*.md"), *folder.glob("*/*.md"))
    return frozenset(path.relative_to(folder).as_posix() for path in files if path.is_file())


def language_of(path: str) -> str | None:
    """The language that a template's file name carries, or None when it carries none."""
    parts = path.rsplit("/", 1)[-1].split(".")
    return parts[1] if len(parts) == 3 and parts[2] == "md" and _TAG.fullmatch(parts[1]) else None


def _normal(tag: str | None) -> str | None:
    """`DE_at` → `de-AT`: language in lower case, a two-letter region in upper case, a script capitalised."""
    if tag is None or not _TAG.fullmatch(tag.strip()):
        return None
    first, *rest = tag.strip().replace("_", "-").split("-")
    return "-".join((first.lower(), *(_subtag(each) for each in rest)))


def _subtag(subtag: str) -> str:
    if len(subtag) == 2:
        return subtag.upper()
    return subtag.title() if len(subtag) == 4 else subtag.lower()


def _fallbacks(tag: str) -> Iterator[str]:
    """`de-AT`, then `de`."""
    while tag:
        yield tag
        tag = tag.rpartition("-")[0]
