"""What nothing refers to, and rules that no scenario covers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sendplan.lint.subject import Subject, name_of, warning
from sendplan.problems import Problem, Span
from sendplan.project.languages import language_of
from sendplan.project.project_folder import TEMPLATES
from sendplan.project.settings import TRANSACTIONAL


def templates(subject: Subject) -> Iterator[Problem]:
    """A template that no rule names."""
    used = {step.template for rule in subject.project.rules for step in rule.written}
    for path, text in sorted(subject.templates.items()):
        name = name_of(path)
        if name not in used and not name.startswith("_") and language_of(path) is not None:
            first = text.splitlines()[0] if text else ""
            place = Span(f"{TEMPLATES}/{path}", 1, 1, len(first) + 1, first)
            help_ = "use it in a rule, or remove the file; the name of an included part must begin with `_`"
            yield warning("unused-template", f"no rule uses the template `{name}`", place, help_)


def windows(subject: Subject) -> Iterator[Problem]:
    """A window in which nothing is sent."""
    used = {step.window for rule in subject.project.rules for step in rule.written}
    yield from _unused(subject, "unused-window", "window", "windows", subject.project.settings.windows, used)


def senders(subject: Subject) -> Iterator[Problem]:
    """A sender that no account uses."""
    used = {account.sender for account in subject.project.settings.accounts.values()}
    yield from _unused(subject, "unused-sender", "sender", "senders", subject.project.settings.senders, used)


def classes(subject: Subject) -> Iterator[Problem]:
    """A class that no rule uses."""
    used = {TRANSACTIONAL, *(step.klass for rule in subject.project.rules for step in rule.written)}
    yield from _unused(subject, "unused-class", "class", "classes", subject.project.settings.classes, used)


def _unused(
    subject: Subject, code: str, what: str, section: str, known: Mapping[str, object], used: set[Any]
) -> Iterator[Problem]:
    who = "account" if what == "sender" else "rule"
    for name in known:
        if name not in used:
            place = subject.settings_key(section, name)
            yield warning(code, f"no {who} uses the {what} `{name}`", place, "use it, or remove it")


def untested_rules(subject: Subject) -> Iterator[Problem]:
    """A rule that no scenario covers, in a project that has scenarios: nobody sees what an edit changes."""
    if not subject.scenarios:
        return
    spoken = {rule for data in subject.scenarios for rule in _spoken_of(data)}
    alone = len(subject.project.rules) == 1
    for rule in subject.project.rules:
        if rule.id not in spoken and not alone:
            help_ = f"write one in fixtures/scenarios, or begin with `sendplan test --from-order ORDER` for `{rule.id}`"
            yield warning("no-scenario", f"no scenario covers rule `{rule.id}`", rule.span, help_)


def _spoken_of(data: Any) -> Iterator[str]:
    """The rules that a scenario selects, expects, or gives a reason for."""
    if not isinstance(data, dict):
        return
    yield from _texts(data.get("rules"))
    for step in data["steps"] if isinstance(data.get("steps"), list) else ():
        if not isinstance(step, dict):
            continue
        for item in step["expect"] if isinstance(step.get("expect"), list) else ():
            if isinstance(item, dict):
                yield str(item.get("rule"))
        for reasons in step["because"].values() if isinstance(step.get("because"), dict) else ():
            yield from _texts(list(reasons) if isinstance(reasons, dict) else None)


def _texts(value: Any) -> Iterator[str]:
    return (str(each) for each in value) if isinstance(value, list) else iter(())
