"""A difference of plans as text, as Markdown for a merge request, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, assert_never

from sendplan.comparing.diff import Change, ChangeKind, Diff
from sendplan.plan import Plan

SIGNS = {ChangeKind.ADDED: "+", ChangeKind.DROPPED: "-", ChangeKind.MOVED: ">", ChangeKind.CHANGED: "~"}
LISTED = 50
"""Rows of a Markdown table; a merge request is no place for thousands."""


def text(old: Plan, new: Plan, diff: Diff, names: tuple[str, str]) -> str:
    """A line for each message, by rule, with a sign for what became of it."""
    lines = [_heading(old, new, names)]
    for rule in diff.rules():
        lines += ["", f"{rule}: {_counts(diff, rule)}"]
        changes = _of(diff, rule)
        width = max((len(each.entry.key) for each in changes), default=0)
        lines += [f"  {SIGNS[each.kind]} {each.entry.key:<{width}}  {_what(each)}".rstrip() for each in changes]
    return "\n".join([*lines, "", _total(diff), *(f"warning: {each}" for each in diff.warnings)])


def markdown(old: Plan, new: Plan, diff: Diff, names: tuple[str, str]) -> str:
    """The same for a merge request: the counts as a table, and the messages of each rule folded below."""
    lines = ["### What this changes in the mails", "", _markdown(_heading(old, new, names)), ""]
    lines += [line for each in diff.warnings for line in (f"**Warning:** {_markdown(each)}", "")]
    if not diff.changes:
        return "\n".join([*lines, _total(diff)])
    lines += [f"| Rule | {' | '.join(kind.capitalize() for kind in ChangeKind)} |", f"|---|{'--:|' * len(ChangeKind)}"]
    lines += [f"| {rule} | {' | '.join(map(str, diff.counts(rule).values()))} |" for rule in diff.rules()]
    for rule in diff.rules():
        changes = _of(diff, rule)
        if changes:
            lines += ["", f"<details><summary>{rule}: {_counts(diff, rule)}</summary>", ""]
            lines += ["| | Message | What changes |", "|---|---|---|"]
            lines += [
                f"| {each.kind} | {_markdown(each.entry.key)} | {_markdown(_what(each))} |" for each in changes[:LISTED]
            ]
            if len(changes) > LISTED:
                lines.append(f"| | | … and {len(changes) - LISTED:,} more |")
            lines += ["", "</details>"]
    return "\n".join(lines)


def json_data(old: Plan, new: Plan, diff: Diff, names: tuple[str, str]) -> dict[str, Any]:
    """The same for machines."""
    return {
        "old": {"name": names[0], "id": old.id, "now": old.now},
        "new": {"name": names[1], "id": new.id, "now": new.now},
        "summary": {
            **{kind.value: count for kind, count in diff.counts().items()},
            "by_rule": {
                rule: {kind.value: count for kind, count in diff.counts(rule).items() if count} for rule in diff.rules()
            },
        },
        "warnings": list(diff.warnings),
        "changes": [_change_json(each) for each in diff.changes],
    }


def _change_json(change: Change) -> dict[str, Any]:
    entry = change.entry
    return {
        "kind": change.kind.value,
        "key": entry.key,
        "rule": entry.rule,
        "step": entry.step,
        "order": entry.order,
        "from": change.old_day,
        "to": change.new_day,
        "changed": {name: list(values) for name, values in change.fields.items()},
        "old": _side(change, old=True),
        "new": _side(change, old=False),
    }


def _side(change: Change, *, old: bool) -> dict[str, Any] | None:
    """One plan's decision: what it lists, or why it does not; null when that is not known."""
    entry = change.old if old else change.new
    if entry is not None:
        return {"status": entry.status.value, "reason": entry.reason.value, "why": entry.why}
    if change.elsewhere is None:
        return None
    reason = change.elsewhere.reason
    return {"status": None, "reason": reason.value if reason else None, "why": change.elsewhere.why}


def _of(diff: Diff, rule: str) -> list[Change]:
    return [each for each in diff.changes if each.entry.rule == rule]


def _heading(old: Plan, new: Plan, names: tuple[str, str]) -> str:
    if old.now == new.now:
        return f"From {names[0]} to {names[1]}, planned for {new.now} ({new.timezone})"
    return f"From {names[0]}, planned for {old.now}, to {names[1]}, planned for {new.now} ({new.timezone})"


def _counts(diff: Diff, rule: str) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in diff.counts(rule).items() if count)


def _total(diff: Diff) -> str:
    counts = diff.counts()
    if not diff.changes:
        return f"No difference: {counts[ChangeKind.KEPT]:,} kept"
    return ", ".join(f"{count:,} {kind}" for kind, count in counts.items())


def _what(change: Change) -> str:
    """Where it goes, what else differs, and why."""
    said = list(_days(change))
    said += [f"{name} {before or 'none'} → {after or 'none'}" for name, (before, after) in change.fields.items()]
    why = _why(change)
    return ", ".join(said) + (f": {why}" if why else "")


def _days(change: Change) -> Iterator[str]:
    match change.kind:
        case ChangeKind.MOVED:
            yield f"{change.old_day} → {change.new_day}"
        case ChangeKind.DROPPED | ChangeKind.ADDED:
            day = change.old_day if change.kind is ChangeKind.DROPPED else change.new_day
            yield day or change.entry.status.value
        case ChangeKind.CHANGED | ChangeKind.KEPT:
            pass
        case _:
            assert_never(change.kind)


def _why(change: Change) -> str:
    """The other plan's reason, when it does not list the message; else the new one's, when its status is another."""
    other = change.elsewhere
    if other is None:
        listed = change.new
        return f"{listed.reason}, {listed.why}" if listed is not None and "status" in change.fields else ""
    when = "was " if change.old is None else ""
    return f"{when}{other.reason}, {other.why}" if other.reason else other.why


def _markdown(text: str) -> str:
    """Text from outside, as a table's cell: nothing in it is markup."""
    escaped = "".join(f"\\{each}" if each in "\\`*_[]<>|#~" else each for each in text)
    return " ".join(escaped.split())
