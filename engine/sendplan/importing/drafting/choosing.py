"""Which columns may be a field, the likeliest first: by their names, then by their values."""

from __future__ import annotations

from collections.abc import Sequence

from sendplan.importing.drafting.columns import SampleColumn
from sendplan.importing.drafting.kinds import KIND_OF, fits
from sendplan.importing.drafting.vocabulary import DENIED, FIELDS


def candidates(field: str, columns: Sequence[SampleColumn]) -> list[SampleColumn]:
    """The columns that may be a field, the likeliest first."""
    ranked = [(rank, column) for column in columns if (rank := _rank(field, column)) is not None]
    ranked.sort(key=lambda each: each[0])
    return [column for _, column in ranked if fits(KIND_OF.get(field, "text"), column)]


def _rank(field: str, column: SampleColumn) -> tuple[bool, bool, int, bool] | None:
    """One value an order before several, filled before empty, the likelier name, UTC before local time."""
    denied = DENIED.get(field, frozenset())
    own = column.words
    spellings = set(map("".join, column.spellings()))  # `Beleg-Nr.` is `Belegnr` too
    for number, phrase in enumerate(FIELDS[field]):
        if "".join(phrase) in spellings and not denied & (set(own) - set(phrase)):
            return column.listed is not None, not column.filled, number, not utc(column)
    return None


def utc(column: SampleColumn) -> bool:
    """Whether its name says that its times are UTC."""
    return bool({"utc", "gmt"} & set(column.words))
