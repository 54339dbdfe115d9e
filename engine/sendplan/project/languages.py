"""Which language a buyer reads, and which template file speaks it (docs/templates.md#which-file-a-buyer-gets, M19).

Pure apart from `listing`, and free of Jinja, so that the planning side may use it. What Unicode knows of languages
comes from babel, which is loaded only for tags that need it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from sendplan.dataclass import dataclass
from sendplan.project.settings import Languages

_TAG = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")
"""A BCP 47 tag as files carry it; `de_AT` is understood too."""
_WRITTEN = re.compile(r"([A-Za-z]{2,3})((?:-[A-Za-z0-9]{1,8})*)")
_SETTLED = re.compile(r"(?!bh|in|iw|ji|jw|mo|sh|tl|tw)[a-z]{2}(?:-(?:AT|BE|CH|DE|ES|FR|GB|IT|NL|US))?")
"""Tags that are canonical for certain."""
_NORWEGIAN = frozenset({"nb", "nn", "no"})
"""Who reads one of them reads the others."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The template file of one message."""

    path: str
    """Below `templates/`, with `/`: `ebay-de/first-contact.de.md`."""
    language: str
    """The file's language, in which money and dates print."""


@lru_cache(maxsize=4096)
def canonical(tag: str) -> str | None:
    """The canonical BCP 47 tag: `iw` → `he`, `deu` → `de`, `DE_at` → `de-AT`, without extensions and private parts.

    None when the text is not a tag.
    """
    if _SETTLED.fullmatch(tag):
        return tag
    found = _WRITTEN.fullmatch(re.split(r"[.@]", tag.strip())[0].replace("_", "-"))
    return _canonical(found[1].lower(), found[2].lower().split("-")[1:]) if found else None


def _canonical(language: str, subtags: list[str]) -> str:
    from babel.core import get_global

    if subtags and re.fullmatch(r"[a-z]{3}", subtags[0]):
        language = subtags.pop(0)  # an extended language, such as `zh-yue`
    language, _, script = get_global("language_aliases").get(language, language).partition("_")
    region, variants = "", []
    for subtag in subtags:
        if len(subtag) == 1:
            break  # an extension, or what is private
        if re.fullmatch(r"[a-z]{4}", subtag):
            script = subtag.title()
        elif re.fullmatch(r"[a-z]{2}|[0-9]{3}", subtag):
            known = get_global("territory_aliases").get(subtag.upper(), ())
            region = known[0] if len(known) == 1 else subtag.upper()
        else:
            variants.append(subtag)
    return "-".join(filter(None, (language, script, region, *variants)))


def preferred(languages: Languages, *, account: str | None, order: str | None, billing_country: str | None) -> str:
    """The buyer's language: the order's, else the account's, else by billing country, else the default.

    What an order carries that is no BCP 47 tag counts as absent.
    """
    named = (order, account, languages.by_country.get(billing_country or ""))
    found = (canonical(tag) for tag in named if tag is not None)
    return next((tag for tag in found if tag is not None), languages.default)


@lru_cache(maxsize=4096)
def choose(
    templates: frozenset[str], name: str, *, accounts: tuple[str, ...], language: str, default: str
) -> Chosen | None:
    """The file for a template's name: account and language, language, account and default language, default language.

    A file speaks a language when the language is among its CLDR parents or is itself (`de-AT` reads `de`, `zh-TW` reads
    `zh-Hant`, `nb` reads `no`); else, sooner than in the default language, one that is near (`pt-PT` reads `pt-BR`).
    `accounts` are the account's present name and earlier ones. `templates` is `listing(...)`; only a member of it is
    ever returned, so no name can reach outside the folder.
    """
    folders = (*(f"{account}/" for account in accounts), "")
    spoken = {folder: _spoken(templates, f"{folder}{name}") for folder in folders}
    for wanted in (language, default):
        for match in (_speaks, _near):
            for folder, tags in spoken.items():
                tag = match(canonical(wanted) or wanted, tags)
                if tag is not None:
                    return Chosen(f"{folder}{name}.{tag}.md", tag)
    return None


def _spoken(templates: frozenset[str], stem: str) -> tuple[str, ...]:
    """The languages in which there is a file, as the files' names have them."""
    found = (path[len(stem) + 1 : -3] for path in templates if path.startswith(f"{stem}.") and path.endswith(".md"))
    return tuple(sorted(tag for tag in found if _TAG.fullmatch(tag)))


def _speaks(wanted: str, tags: Iterable[str]) -> str | None:
    """The tag that is the wanted one, or its nearest CLDR parent."""
    if wanted in tags:
        return wanted
    known = {_shortest(canonical(tag) or tag): tag for tag in _related(wanted, tags)}
    return next((known[name] for name in _with_parents(wanted) if name in known), None) if known else None


def _near(wanted: str, tags: Iterable[str]) -> str | None:
    """A tag of the same language: rather in the same script, with more parents in common, as most people speak it."""
    from_here = _related(wanted, tags)
    if not from_here:
        return None
    _, script, _ = _likely(wanted)
    usual = _likely(wanted.partition("-")[0])[2]

    family = set(_with_parents(wanted))

    def distance(tag: str) -> tuple[bool, int, bool, str]:
        its = canonical(tag) or tag
        _, its_script, its_region = _likely(its)
        return its_script != script, -len(family.intersection(_with_parents(its))), its_region != usual, tag

    return min(from_here, key=distance)


def _related(wanted: str, tags: Iterable[str]) -> list[str]:
    return [tag for tag in tags if _language(canonical(tag) or tag) == _language(wanted)]


def _language(tag: str) -> str:
    language = tag.partition("-")[0]
    return "no" if language in _NORWEGIAN else language


def _with_parents(tag: str) -> Iterator[str]:
    """`es-MX`, `es-419`, `es`; `zh-TW` as `zh-Hant-TW`, `zh-Hant`."""
    from babel.core import get_global

    name, parents = _shortest(tag), get_global("parent_exceptions")
    while name:
        yield name
        shorter = name.rpartition("-")[0]
        # What is written in another script than the language usually is, is no special form of it.
        other_script = name.count("-") == 1 and len(name.rpartition("-")[2]) == 4
        name = parents.get(name.replace("-", "_"), "").replace("_", "-") or ("" if other_script else shorter)


def _shortest(tag: str) -> str:
    """With its script only where that is not the language's usual one: `zh-TW` → `zh-Hant-TW`, `zh-Hans` → `zh`."""
    language, *others = tag.split("-")
    _, script, _ = _likely(tag)
    rest = [each for each in others if each != script]
    return "-".join((language, *([] if script == _likely(language)[1] else [script]), *rest))


def _likely(tag: str) -> tuple[str, str, str]:
    """Language, script and region, where the tag does not name them as is likely; empty when that is not known."""
    from babel.core import get_global, parse_locale

    language, region, script, *_ = parse_locale(tag, sep="-")
    likely = get_global("likely_subtags")
    names = (f"{language}_{region}" if region else "", f"{language}_{script}" if script else "", language)
    found = next((likely[name] for name in names if name in likely), f"{language}__")
    _, usual_script, usual_region = (*found.split("_"), "", "")[:3]
    return language, script or usual_script, region or usual_region


def listing(folder: Path) -> frozenset[str]:
    """The Markdown files of `templates/` and of its accounts' folders, as paths below it; empty without a folder."""
    files = (*folder.glob("*.md"), *folder.glob("*/*.md"))
    return frozenset(path.relative_to(folder).as_posix() for path in files if not path.is_dir())


def template_names(templates: Iterable[str]) -> frozenset[str]:
    """The names that rules may give to these files; one that begins with `_` is a part of others."""
    names = {each.rpartition("/")[2].partition(".")[0] for each in templates}
    return frozenset(each for each in names if not each.startswith("_"))


def language_of(path: str) -> str | None:
    """The language that a template's file name carries, or None when it carries none."""
    parts = path.rsplit("/", 1)[-1].split(".")
    return parts[1] if len(parts) == 3 and parts[2] == "md" and _TAG.fullmatch(parts[1]) else None
