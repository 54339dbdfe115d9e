"""What is allowed in a file and yet hardly meant (docs/mapping.md#told)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sendplan.importing.mapping import ConstantSource, FieldSource
from sendplan.importing.shapes import ABSENT, RawOrder

_LOOKED_AT = 1_000
"""Orders of JSON and XML whose keys are noted."""


@dataclass(slots=True)
class Suspicions:
    """Counts on the way through a file."""

    refused: int = 0
    """Kept rows that turned out bad."""
    filled: set[str] = field(default_factory=set)
    """Fields that some order has."""
    keys: dict[str, None] = field(default_factory=dict)
    """First names in orders of JSON and XML."""
    seen: int = 0
    stored: int = 0

    def see(self, batch: Sequence[RawOrder]) -> None:
        """Note the first names of some records."""
        for _, record in batch[: _LOOKED_AT - self.seen]:
            self.keys |= dict.fromkeys(record)
            self.seen += 1

    def count(self, columns: Mapping[str, Sequence[Any]], length: int) -> None:
        """Note which fields have values."""
        self.stored += length
        for name, values in columns.items():
            if name not in self.filled and values.count(None) + values.count(ABSENT) < len(values):
                self.filled.add(name)

    def told(
        self, sources: Sequence[FieldSource], kept: int, passed_over: int, continuing: int
    ) -> Iterator[tuple[str, str]]:
        """What is suspicious, and what to look at."""
        if passed_over > kept:
            total = kept + passed_over
            yield f"`only` passed over {passed_over:,} of {total:,}", "look whether it says what is meant"
        if continuing:
            help = "an empty cell there makes a comparison unknown, which keeps the row; a false one drops it"
            yield f"`only` passed over {continuing:,} rows that continue an order which is kept", help
        names = [each.field.name for each in sources if not isinstance(each.source, ConstantSource)]
        never = [name for name in names if name not in self.filled]
        if never and self.stored:
            listed = ", ".join(f"`{name}`" for name in never)
            yield f"no order of the file has {listed}", "look whether the right column is read"
