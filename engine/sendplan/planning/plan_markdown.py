"""A plan as Markdown: to hand to somebody without a terminal, or to paste into a ticket."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sendplan.plan import Entry, MessageGroup, Plan, Status
from sendplan.text import clean, minute, readable

HEADINGS = {Status.SEND: "Send now", Status.LATER: "Later", Status.HELD: "Held", Status.ERROR: "Errors"}
_SPECIAL = str.maketrans({each: f"\\{each}" for each in "\\`*_{}[]<>#|~"})


def markdown(plan: Plan) -> str:
    """The whole plan, ending in a line feed; addresses are shown as the plan holds them."""
    lines = [f"# Plan for {minute(plan.now)} ({plan.timezone})", "", f"{plan.totals()}. Plan `{plan.id}`."]
    if plan.refused:
        lines += [
            "",
            "**Refused:** more mails than `limits.per_run` allows. Nothing leaves until somebody approves it.",
        ]
    if plan.suppressed:
        lines += ["", plan.said_of_suppressed()]
    for warning in plan.warnings:
        lines += ["", f"**Warning:** {_text(warning)}"]
    found = plan.groups()
    for status, heading in HEADINGS.items():
        listed = [group for group in found if group.status is status]
        if listed:
            lines += ["", f"## {heading} ({sum(len(group.entries) for group in listed):,})"]
        for group in listed:
            lines += ["", *_group(group)]
    return "\n".join(lines) + "\n"


def _group(group: MessageGroup) -> Iterator[str]:
    yield f"### {_text(group.rule)} ({len(group.entries):,})"
    yield ""
    if group.formula:
        yield f"Due: `{clean(group.formula)}`"
        yield ""
    yield from _table([columns_of(entry) for entry in group.entries])


def columns_of(entry: Entry) -> dict[str, str]:
    """What a reader wants to know of one message, by heading; what it lacks is empty."""
    waits = entry.status is not Status.SEND
    return {
        "Order": entry.order or "",
        "Step": entry.step or "",
        "Due": minute(entry.due),
        "Leaves": minute(entry.send_at) if entry.status is Status.LATER else "",
        "To": entry.to or "",
        "Language": entry.language or "",
        "Region": entry.region or "",
        "Why": readable(entry.why) if waits else "",
    }


def filled(rows: Sequence[dict[str, str]]) -> list[str]:
    """The headings of the columns that at least one row fills."""
    return [name for name in rows[0] if any(row[name] for row in rows)]


def _table(rows: Sequence[dict[str, str]]) -> Iterator[str]:
    names = filled(rows)
    yield f"| {' | '.join(names)} |"
    yield f"|{'---|' * len(names)}"
    for row in rows:
        yield f"| {' | '.join(_text(row[name]) for name in names)} |"


def _text(text: str) -> str:
    """Text from outside, so that nothing in it is taken as Markdown."""
    return " ".join(clean(text).translate(_SPECIAL).split())
