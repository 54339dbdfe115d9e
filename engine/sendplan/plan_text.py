"""A plan as text that people read and version control compares, grouped by status and rule (docs/project.md#snapshots).

A line names what identifies a message and what it depends on. Sentences, titles and comments leave no trace in it, so a
changed text changes nothing here, and a moved due date is one moved line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sendplan.plan import Entry, Plan, Status
from sendplan.text import clean

_RASTER = 8
"""Columns are as wide as a multiple of this, so that one longer order id does not shift every line."""


@dataclass(frozen=True, slots=True)
class Group:
    """The messages of one rule that a plan lists under one status, in plan order."""

    status: Status
    rule: str
    formula: str
    """When its messages are due, as the rule says it; empty when the plan does not know (read from a file)."""
    entries: tuple[Entry, ...]

    @property
    def steps(self) -> bool:
        """Whether its messages are steps of a ladder."""
        return any(entry.step for entry in self.entries)

    @property
    def same_why(self) -> str | None:
        """The sentence that all its messages share; None when they differ."""
        sentences = {entry.why for entry in self.entries}
        return sentences.pop() if len(sentences) == 1 else None


def groups(plan: Plan) -> tuple[Group, ...]:
    """The plan's messages by status, then by rule, each group in plan order."""
    return tuple(
        Group(status, rule, plan.formulas.get(rule, ""), tuple(each for each in listed if each.rule == rule))
        for status in Status
        if (listed := plan.with_status(status))
        for rule in sorted({each.rule for each in listed})
    )


def totals(plan: Plan) -> str:
    """How many messages there are of each status."""
    summary = plan.summary()
    return ", ".join(f"{summary[status.value]} {status.value}" for status in Status)


def minute(moment: str | None) -> str:
    """A moment for reading: without seconds and offset; a date stays as it is."""
    return (moment or "")[:16].replace("T", " ")


def text(plan: Plan) -> str:
    """The whole plan, ending in a line feed."""
    lines = [f"{minute(plan.now)} ({plan.timezone}): {totals(plan)}"]
    if plan.refused:
        lines.append(f"refused: {plan.refused}")
    for group in groups(plan):
        lines += ["", f"{group.status.value}: {group.rule} ({len(group.entries)})"]
        if group.formula:
            lines.append(f"  due: {group.formula}")
        lines += [f"  {line}" for line in _aligned(map(_cells, group.entries))]
    return "\n".join(map(clean, lines)) + "\n"


def _cells(entry: Entry) -> tuple[str, ...]:
    when = f"due {minute(entry.due)}" if entry.due else "due -"
    said = {
        Status.SEND: "",
        Status.LATER: f"{entry.reason.value} until {minute(entry.send_at)}",
        Status.HELD: entry.reason.value,
        Status.ERROR: entry.reason.value,
    }[entry.status]
    parts = (entry.to, entry.language, entry.region, entry.sender, entry.template)
    return (entry.order or "-", entry.step or "", when, said, *(part or "-" for part in parts))


def _aligned(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Rows with their columns below each other; a column that is empty in all of them is left out."""
    cells = list(rows)
    filled = [number for number, column in enumerate(zip(*cells, strict=True)) if any(column)]
    widths = {number: -(-max(len(row[number]) + 2 for row in cells) // _RASTER) * _RASTER for number in filled}
    for row in cells:
        yield "".join(row[number].ljust(widths[number]) for number in filled).rstrip()
