"""Values that are allowed and can hardly be: moments of another age, amounts below zero (docs/mapping.md#told)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sendplan.fields import FieldType, catalogue
from sendplan.importing.files import OrderFile
from sendplan.problems import Problem, Severity

_FIRST_YEAR = 1990
"""Before it nobody ordered anything on the web; such a date is a placeholder, or a number that was no date."""
_YEARS_AHEAD = 5
_MOMENTS = tuple(name for name, each in catalogue().items() if each.type is FieldType.MOMENT)
_NOT_BELOW_ZERO = ("total", "shipping_cost", "items")


@dataclass(slots=True)
class _Kind:
    """What is odd about one field."""

    count: int
    line: int
    """The first one's."""


@dataclass(slots=True)
class Implausible:
    """Finds them, batch by batch, in values as they are or as the store keeps them."""

    at: datetime
    """When the import is made (UTC)."""
    found: dict[str, _Kind] = field(default_factory=dict)

    def look(self, columns: Mapping[str, Sequence[Any]], lines: Sequence[int], encoded: bool) -> set[int]:
        """Positions of records whose moments cannot be; amounts below zero are only counted."""
        doubtful: set[int] = set()
        for name in columns.keys() & set(_MOMENTS):
            odd = self._moments(columns[name], encoded)
            self._note(name, odd, lines)
            doubtful.update(odd)
        for name in columns.keys() & set(_NOT_BELOW_ZERO):
            values = columns[name]
            self._note(
                name, [at for at, each in enumerate(values) if isinstance(each, int | Decimal) and each < 0], lines
            )
        return doubtful

    def problems(self, file: OrderFile) -> Iterator[Problem]:
        """What was odd, each field at its first line."""
        for line, message, help in self._told():
            yield Problem("import-suspicious", message, file.span(line, 1), help, Severity.WARNING)

    def _told(self) -> Iterator[tuple[int, str, str]]:
        for name in sorted(self.found):
            kind = self.found[name]
            values = "1 value" if kind.count == 1 else f"{kind.count:,} values"
            if name in _NOT_BELOW_ZERO:
                yield kind.line, f"{values} of `{name}` below zero", "leave out by `only` what is no order"
                continue
            help = "their orders get no mail; a placeholder for no date belongs under `empty:` in the mapping"
            latest = self.at.year + _YEARS_AHEAD
            yield kind.line, f"{values} of `{name}` before {_FIRST_YEAR} or after {latest}", help

    def _moments(self, values: Sequence[Any], encoded: bool) -> list[int]:
        latest = self.at.year + _YEARS_AHEAD
        if not encoded:
            return [
                at
                for at, each in enumerate(values)
                if isinstance(each, date) and not _FIRST_YEAR <= each.year <= latest
            ]
        low, high = _milliseconds(_FIRST_YEAR), _milliseconds(latest + 1)
        given = [each for each in values if type(each) is int]
        if not given or (min(given) >= low and max(given) < high):
            return []
        return [at for at, each in enumerate(values) if type(each) is int and not low <= each < high]

    def _note(self, name: str, odd: Sequence[int], lines: Sequence[int]) -> None:
        if odd:
            kind = self.found.setdefault(name, _Kind(0, lines[odd[0]]))
            kind.count += len(odd)


def _milliseconds(year: int) -> int:
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 1000
