"""Values that are allowed and can hardly be: moments of another age, events to come, amounts below zero.

See docs/mapping.md#told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

from sendplan.dataclass import dataclass
from sendplan.fields import EVENTS, FieldType, catalogue
from sendplan.importing.files import OrderFile
from sendplan.problems import Problem, Severity

_FIRST_YEAR = 1990
"""Before it nobody ordered anything on the web; such a date is a placeholder, or a number that was no date."""
_YEARS_AHEAD = 5
_MOMENTS = tuple(name for name, each in catalogue().items() if each.type is FieldType.MOMENT)
_EARLY = timedelta(days=30)
"""So long before its order a payment is hardly made, and nothing is shipped."""
_NOT_BELOW_ZERO = ("total", "shipping_cost", "items")


_Positions: TypeAlias = list[int]


@dataclass(slots=True)
class Implausible:
    """Finds them, batch by batch, in values as they are or as the store keeps them."""

    at: datetime
    """When the import is made (UTC)."""
    found: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    """Field and what is odd about it → how many, and the first one's line."""

    def look(self, columns: Mapping[str, Sequence[Any]], lines: Sequence[int], encoded: bool) -> set[int]:
        """Positions of records whose moments cannot be; what is only unlikely is counted."""
        doubtful: set[int] = set()
        moments = {
            name: columns[name] if encoded else list(map(_milliseconds, columns[name]))
            for name in _MOMENTS
            if name in columns
        }
        for name, values in moments.items():
            odd, ahead = self._other_times(name, values)
            self._note(name, self._another_age, odd, lines)
            self._note(name, _AHEAD, ahead, lines)
            doubtful.update(odd)
        for name in moments.keys() & set(EVENTS) if "ordered" in moments else ():
            before = _long_before(moments[name], moments["ordered"])
            if name == "paid":  # it only keeps mail from leaving
                self._note(name, _PAID_BEFORE, before, lines)
                continue
            self._note(name, _BEFORE, before, lines)
            doubtful.update(before)
        for name in columns.keys() & set(_NOT_BELOW_ZERO):
            given = enumerate(columns[name])
            self._note(
                name, _NEGATIVE, [at for at, each in given if isinstance(each, int | Decimal) and each < 0], lines
            )
        return doubtful

    def problems(self, file: OrderFile) -> Iterator[Problem]:
        """What was odd, each field at its first line."""
        for (name, what), (count, line) in sorted(self.found.items()):
            values = "1 value" if count == 1 else f"{count:,} values"
            message = f"{values} of `{name}` {what}"
            yield Problem("import-suspicious", message, file.span(line, 1), _HELP.get(what, _HELD), Severity.WARNING)

    @property
    def _another_age(self) -> str:
        return f"before {_FIRST_YEAR} or after {self.at.year + _YEARS_AHEAD}"

    def _other_times(self, name: str, values: Sequence[Any]) -> tuple[_Positions, _Positions]:
        """Where the moments of another age are, and events of this age that are to come."""
        first, last = _start(_FIRST_YEAR), _start(self.at.year + _YEARS_AHEAD + 1)
        latest = _milliseconds(self.at + timedelta(days=1)) if name in EVENTS or name == "ordered" else last
        given = [each for each in values if type(each) is int]
        if not given or (min(given) >= first and max(given) <= latest):
            return [], []
        odd = [at for at, each in enumerate(values) if type(each) is int and not first <= each < last]
        return odd, [at for at, each in enumerate(values) if type(each) is int and latest < each < last]

    def _note(self, name: str, what: str, odd: Sequence[int], lines: Sequence[int]) -> None:
        if odd:
            count, line = self.found.get((name, what), (0, lines[odd[0]]))
            self.found[name, what] = count + len(odd), line


_AHEAD = "in the future"
_PAID_BEFORE = f"more than {_EARLY.days} days before `ordered`"
_BEFORE = f"{_PAID_BEFORE}, which cannot be"
_NEGATIVE = "below zero"
_HELD = "their orders get no mail; a placeholder for no date belongs under `empty:` in the mapping"
_HELP = {
    _AHEAD: "until then nothing has happened; look whether day and month are read as they are meant",
    _PAID_BEFORE: "look whether both columns are read as they are meant",
    _BEFORE: "their orders get no mail; look whether both columns are read as they are meant",
    _NEGATIVE: "leave out by `only` what is no order",
}


def _long_before(moments: Sequence[Any], ordered: Sequence[Any]) -> _Positions:
    """Where a moment is long before the order's own, all in milliseconds."""
    early = _EARLY // timedelta(milliseconds=1)
    given = [each for each in moments if type(each) is int]
    if not given:
        return []
    orders = [each for each in ordered if type(each) is int]
    if not orders or min(given) >= max(orders) - early:
        return []
    pairs = enumerate(zip(moments, ordered, strict=True))
    return [at for at, (each, order) in pairs if type(each) is type(order) is int and each < order - early]


def _milliseconds(moment: Any) -> Any:
    """UTC milliseconds of a moment, a bare date's in UTC too; anything else as it is."""
    if isinstance(moment, datetime):
        return int(moment.timestamp()) * 1000
    return _start(moment.year, moment.month, moment.day) if isinstance(moment, date) else moment


def _start(year: int, month: int = 1, day: int = 1) -> int:
    return int(datetime(year, month, day, tzinfo=UTC).timestamp()) * 1000
