"""A mapping while it is being drafted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Any

from sendplan.dataclass import dataclass
from sendplan.importing.drafting.columns import SampleColumn


@dataclass(frozen=True, slots=True)
class DraftedField:
    """Where a field comes from: a column, an expression over columns, or a mapping of options."""

    text: str
    """As it stands behind the field's name: a column's name, or with `=` an expression."""
    options: dict[str, Any] = field(default_factory=dict)
    """Keys of a field that needs more than its text, which then is under `column` or `is`."""
    guess: str = ""
    """What about it is not sure."""


@dataclass(slots=True)
class Draft:
    """What is written as a mapping."""

    options: dict[str, Any] = field(default_factory=dict)
    guesses: dict[str, str] = field(default_factory=dict)
    """Option → what about it is not sure."""
    let: dict[str, str] = field(default_factory=dict)
    fields: dict[str, DraftedField] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    """Field → why there is no line for it."""
    used: list[SampleColumn] = field(default_factory=list)

    def free(self, columns: Sequence[SampleColumn]) -> list[SampleColumn]:
        """The columns that no field reads."""
        used = {each.path for each in self.used}
        return [each for each in columns if each.path not in used]

    def take(self, name: str, column: SampleColumn, guess: str = "") -> None:
        """A field that is a column as it is."""
        self.used.append(column)
        own = {"column": column.name} if column.name.startswith("=") else {}
        text = f"={column.reference}" if column.odd else column.name
        self.fields[name] = DraftedField("" if own else text, own, guess)

    def say(self, name: str, expression: str, columns: Sequence[SampleColumn], guess: str = "") -> None:
        """A field that is an expression over these columns."""
        self.used += columns
        self.fields[name] = DraftedField(f"={expression}", guess=guess)

    def name_path(self, name: str, path: str, column: SampleColumn) -> None:
        """A field that is a column below a part with a name of its own."""
        self.used.append(column)
        self.fields[name] = DraftedField(f"={path}" if "(" in path else path)
