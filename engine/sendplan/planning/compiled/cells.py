"""Days, durations and values on moments and amounts as a store keeps them (`store/sql/encoding.py`).

What is not an everyday case raises `Unusual`: whoever decides asks the interpreter then.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import Any, TypeAlias

from sendplan.calendar import Calendar
from sendplan.dataclass import dataclass
from sendplan.fields import Field, FieldType, Value
from sendplan.store.sql.encoding import Cell, Codec, encode_instant
from sendplan.units import Duration

MomentCell: TypeAlias = int
"""UTC milliseconds, whole seconds; one more for a bare date, which stands at its local start."""

_YEARS_BACK, _YEARS_AHEAD = 8, 3
_DAY = 24 * 60 * 60 * 1000
_QUARTER = timedelta(minutes=15)
_FAR = 40_000 * _DAY
_SOME_DAY = datetime(2000, 1, 1, tzinfo=UTC)


class Unusual(Exception):  # noqa: N818 -- nothing is wrong
    """The interpreter has to decide."""


@dataclass(frozen=True, slots=True)
class _Days:
    """The local starts of consecutive days."""

    first: date
    starts: Sequence[MomentCell]
    odd: frozenset[int]
    """Places of days of which not every instant between the two starts belongs to the day: the clock passed midnight
    twice, or the day was left out."""


@lru_cache(maxsize=4)
def _days(calendar: Calendar, first: date, last: date) -> _Days:
    """Where days lie; the zone is asked once a week as long as nothing changes."""
    starts: list[MomentCell] = []
    odd: set[int] = set()
    count = (last - first).days

    def start(place: int) -> MomentCell:
        return encode_instant(calendar.instant(first + timedelta(days=place)))

    for week in range(0, count, 7):
        begin, end = start(week), start(week + 7)
        if end - begin == 7 * _DAY:
            starts += range(begin, end, _DAY)
        else:
            starts += map(start, range(week, week + 7))
    for place, (begin, end) in enumerate(pairwise(starts)):
        if end - begin != _DAY and not _is_whole(calendar, first + timedelta(days=place), end - begin):
            odd.add(place)
    return _Days(first, starts, frozenset(odd))


def _is_whole(calendar: Calendar, day: date, length: int) -> bool:
    begin = calendar.instant(day)
    quarters = range(length // 900_000)
    return length > 0 and all(calendar.day(begin + number * _QUARTER) == day for number in quarters)


class CellCalendar:
    """The shop's calendar on moments as cells, around a moment of the plan."""

    def __init__(self, calendar: Calendar, now: datetime) -> None:
        if not 1000 < now.year < 9000:
            raise Unusual
        self.calendar = calendar
        self._table = _days(calendar, date(now.year - _YEARS_BACK, 1, 1), date(now.year + _YEARS_AHEAD, 1, 1))
        self._decode = Codec(calendar).decode_moment

    def day(self, cell: MomentCell) -> int:
        """The place of the local day on which a moment lies."""
        starts = self._table.starts
        place = bisect_right(starts, cell) - 1
        if not 0 <= place < len(starts) - 1 or place in self._table.odd:
            raise Unusual
        return place

    def place(self, day: date) -> int:
        """The place of a day."""
        place = (day - self._table.first).days
        if not 0 <= place < len(self._table.starts) - 1 or place in self._table.odd:
            raise Unusual
        return place

    def adder(self, duration: Duration, sign: int = 1) -> Callable[[MomentCell | None], MomentCell | None]:
        """`Calendar.add` with this duration; None stays None."""
        if duration.exact:
            shifted = self._added(_SOME_DAY, duration, sign)
            shift = encode_instant(shifted) - encode_instant(_SOME_DAY)
            if abs(shift) > _FAR:
                raise Unusual
            return lambda cell: None if cell is None else cell - cell % 1000 + shift
        found: dict[int, MomentCell] = {}
        starts, odd = self._table.starts, self._table.odd
        last = len(starts) - 1

        def add(cell: MomentCell | None) -> MomentCell | None:
            if cell is None:
                return None
            place = bisect_right(starts, cell) - 1
            if place in found:
                return found[place]
            if not 0 <= place < last or place in odd:
                raise Unusual
            to = self._added(self._table.first + timedelta(days=place), duration, sign)
            found[place] = starts[self.place(to)] + 1
            return found[place]

        return add

    def _added(self, moment: Any, duration: Duration, sign: int) -> Any:
        try:
            return self.calendar.add(moment, duration, sign)
        except OverflowError as error:
            raise Unusual from error

    def ended(self, duration: Duration, now: MomentCell) -> Callable[[MomentCell], bool]:
        """Whether a length of time that begins at a moment is over at `now`, as `Calendar.after` has it."""
        if duration.exact:
            add = self.adder(duration)
            return lambda cell: add(cell) <= now  # type: ignore[operator]
        by_day: dict[int, int] = {}
        today = self.day(now)

        def ended(cell: MomentCell) -> bool:
            place = self.day(cell)
            end = by_day.get(place)
            if end is None:
                last = self._added(self._table.first + timedelta(days=place), duration, 1)
                end = by_day[place] = self.place(last)
            # Only where it ends today the time of day matters.
            return self.end(cell, duration) <= now if end == today else end < today

        return ended

    def end(self, cell: MomentCell, duration: Duration) -> MomentCell:
        """`Calendar.after`."""
        try:
            return encode_instant(self.calendar.after(self._decode(cell), duration))
        except OverflowError as error:
            raise Unusual from error


def extreme(name: str, left_out: Sequence[bool], *, moments: bool) -> Callable[..., Any]:
    """`max` or `min` of cells; `left_out` says which arguments are left out when missing."""
    choose: Any = max if name == "max" else min
    key = (lambda cell: cell - cell % 1000) if moments else None

    def extreme(*cells: int | None) -> Any:
        if None not in cells:
            return choose(cells, key=key)
        kept = [cell for cell, out in zip(cells, left_out, strict=True) if cell is not None or not out]
        return None if not kept or None in kept else choose(kept, key=key)

    return extreme


@lru_cache(maxsize=4096)
def listed(cell: str) -> tuple[str, ...]:
    """The texts of a list."""
    return tuple(json.loads(cell))


def cells_of(values: Mapping[str, Value], fields: Sequence[Field], codec: Codec) -> tuple[Cell, ...]:
    """An order's values as a SQL store would keep them; raises Unusual for what it would not keep exactly."""
    return tuple(_cell(values.get(each.name), each.type, codec) for each in fields)


def _cell(value: Value | None, type_: FieldType, codec: Codec) -> Cell:
    if value is None:
        return None
    if isinstance(value, datetime) and value.microsecond:
        raise Unusual
    if type_ is FieldType.DECIMAL and not isinstance(value, Decimal):
        value = Decimal(str(value))
    encode = codec.encoder(type_)
    try:
        return encode(value) if encode is not None else value  # type: ignore[return-value]
    except (ValueError, OverflowError) as error:
        raise Unusual from error
