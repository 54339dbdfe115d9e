"""A plan as text that people read and version control compares, grouped by status and rule (docs/project.md#snapshots).

A line names what identifies a message and what it depends on. Sentences, titles and comments leave no trace in it, so a
changed text changes nothing here, and a changed due date is one changed line. Counts are in the groups' headings alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from sendplan.text import clean, minute

if TYPE_CHECKING:
    from sendplan.plan import Entry, Plan

_FIRST = "send"
"""The status that comes first and names every rule, with its due expression."""

_RASTER = 8
"""Columns are as wide as a multiple of this, so that one longer order id does not shift every line."""


def text(plan: Plan) -> str:
    """The whole plan, ending in a line feed.

    Every rule has its heading under `send`, also without messages: one that moves is a line and a count, no block.
    """
    lines = [f"{minute(plan.now)} ({plan.timezone})"]
    if plan.refused:
        lines.append(f"refused: {plan.refused}")
    due = {rule: f", due {formula}" for rule, formula in plan.formulas.items()}
    sections: dict[str, dict[str, tuple[Entry, ...]]] = {_FIRST: dict.fromkeys(due, ())}
    for group in plan.groups():
        sections.setdefault(group.status.value, {})[group.rule] = group.entries
    for status, rules in sections.items():
        lines += [""] if rules else []
        for rule, entries in sorted(rules.items()):
            lines.append(f"{status}: {rule} ({len(entries)}){due.get(rule, '') if status == _FIRST else ''}")
            lines += [f"  {line}" for line in _aligned(map(_cells, entries))]
    return "\n".join(map(clean, lines)) + "\n"


def _cells(entry: Entry) -> tuple[str, ...]:
    when = f"due {minute(entry.due)}" if entry.due else "due -"
    parts = (entry.to, entry.language, entry.region, entry.sender, entry.template)
    return (entry.order or "-", entry.step or "", when, entry.waiting, *(part or "-" for part in parts))


def _aligned(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Rows with their columns below each other; a column that is empty in all of them is left out."""
    cells = list(rows)
    if not cells:
        return
    filled = [number for number, column in enumerate(zip(*cells, strict=True)) if any(column)]
    widths = {number: -(-max(len(row[number]) + 2 for row in cells) // _RASTER) * _RASTER for number in filled}
    for row in cells:
        yield "".join(row[number].ljust(widths[number]) for number in filled).rstrip()
