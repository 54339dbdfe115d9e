"""Texts that some buyers would get in another language than their own."""

from __future__ import annotations

from collections.abc import Iterator

from sendplan.lint.subject import Subject, name_of, warning
from sendplan.problems import Problem, Span
from sendplan.project.languages import canonical, choose, language_of
from sendplan.project.project_folder import TEMPLATES
from sendplan.project.rules import Rule


def translation_gaps(subject: Subject) -> Iterator[Problem]:
    """A ladder, template or part that exists in one of the project's languages and not in another."""
    settings = subject.project.settings
    spoken = (account.language for account in settings.accounts.values())
    named = {settings.languages.default, *settings.languages.by_country.values(), *filter(None, spoken)}
    languages = sorted({canonical(each) or each for each in named})
    ladders = [rule for rule in subject.project.rules if rule.ladder]
    for language in languages:
        told = set[str]()
        for rule in ladders:
            names = {step.template for step in rule.written}
            if all(_gap(subject, name, language, languages) for name in names):
                told |= names
                yield _of_ladder(rule, language)
        for name in sorted(set(map(name_of, subject.templates)) - told):
            place = _gap(subject, name, language, languages)
            if place is not None:
                what = "part" if name.startswith("_") else "template"
                message = f"the {what} `{name}` exists in `{language_of(place.file)}` and not in `{language}`"
                yield warning("translation-gap", message, place, f"write `{TEMPLATES}/{name}.{language}.md`")


def _of_ladder(rule: Rule, language: str) -> Problem:
    message = f"no step of the ladder `{rule.id}` has a text in `{language}`"
    return warning("translation-gap", message, rule.span, f"write {_files(rule, language)}")


def _files(rule: Rule, language: str) -> str:
    names = dict.fromkeys(step.template for step in rule.written)
    return ", ".join(f"`{TEMPLATES}/{name}.{language}.md`" for name in names)


def _gap(subject: Subject, name: str, language: str, languages: list[str]) -> Span | None:
    """The file in another of the project's languages, where there is none that speaks this one."""
    paths = frozenset(subject.templates)
    # An account's own text speaks to its buyers only; whoever else reads the language needs the shop's.
    folders = {path.rpartition("/")[0] for path in paths if name_of(path) == name}
    accounts = () if "" in folders else tuple(sorted(folders))
    if choose(paths, name, accounts=accounts, language=language, default=language) is not None:
        return None
    found = (choose(paths, name, accounts=accounts, language=each, default=each) for each in languages)
    other = next(filter(None, found), None)
    if other is None:
        return None
    first = (subject.templates[other.path].splitlines() or [""])[0]
    return Span(f"{TEMPLATES}/{other.path}", 1, 1, len(first) + 1, first)
