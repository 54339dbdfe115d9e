"""Ids: whoever renames a rule or step mails everybody again, unless it says what it was called before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sendplan.lint.subject import Subject, warning
from sendplan.problems import Problem


def renamed_rules(subject: Subject) -> Iterator[Problem]:
    """A new id in the place of one that the last commit still has, without `formerly`."""
    current = [subject.written(rule) for rule in subject.project.rules]
    for old, new in renames(subject.committed, current):
        rule = subject.project.rule(new)
        assert rule is not None
        yield _warning(subject, old, new, subject.span(rule, "id"))
    for rule in subject.project.rules:
        before = next((each for each in subject.committed if each["id"] in rule.ids), None)
        if before is None or not rule.ladder:
            continue
        for old, new in renames(_steps(before), _steps(subject.written(rule))):
            step = next(each for each in rule.written if each.id == new)
            yield _warning(subject, f"{rule.id}/{old}", f"{rule.id}/{new}", subject.step_span(rule, step))


def _warning(subject: Subject, old: str, new: str, place: Any) -> Problem:
    earlier = old.rpartition("/")[2]
    message = f"`{new}` seems to be `{old}` under a new id: it would be sent again to everybody who has had it"
    return warning("renamed-without-formerly", message, place, f"add `formerly: [{earlier}]`")


def renames(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """(old id, new id) of what is gone and what came, where both say the same: pure, for rules and for steps."""
    claimed = {part for each in new for name in _names(each) for part in name.split("/")}
    known = {each["id"] for each in old}
    gone = [each for each in old if each["id"] not in claimed]
    for candidate in new:
        if candidate["id"] in known:
            continue
        match = next((each for each in gone if _resemble(each, candidate)), None)
        if match is not None:
            gone.remove(match)
            yield str(match["id"]), str(candidate["id"])


def _resemble(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether two rules or steps are one: a mail, the title, or condition and date are the same."""
    if old.get("title") is not None and old.get("title") == new.get("title"):
        return True
    if "due" in old and (old.get("due"), old.get("trigger")) == (new.get("due"), new.get("trigger")):
        return True
    return not _templates(old).isdisjoint(_templates(new))


def _names(rule: Mapping[str, Any]) -> Iterator[str]:
    """What a rule or step is called, or was; of a rule also what its steps were called, as messages of other rules."""
    yield str(rule["id"])
    for each in (rule, *_steps(rule)):
        yield from (name for name in each.get("formerly", ()) if each is rule or "/" in name)


def _templates(rule: Mapping[str, Any]) -> set[Any]:
    return {each["template"] for each in (rule, *_steps(rule)) if "template" in each}


def _steps(rule: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    ladder = rule.get("ladder")
    steps = ladder.get("steps") if isinstance(ladder, dict) else None
    return [each for each in steps if isinstance(each, dict) and "id" in each] if isinstance(steps, list) else []
