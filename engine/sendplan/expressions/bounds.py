"""Conditions over an order's stored columns that a store can look up: what expressions are narrowed to.

They are *sound*, not exact: one holds for every order that matters, and perhaps for more (docs/architecture.md#rules).
Constants are plain values; how a column keeps them is the store's business. A condition on an absent column is not
met, but for `Absent`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

from sendplan.dataclass import dataclass

Constant: TypeAlias = str | int | Decimal | bool | datetime
"""Of a moment always an instant (aware, UTC): a bare date counts from its local start."""


@dataclass(frozen=True, slots=True)
class Latest:
    """The latest of several moments; absent as soon as one of them is."""

    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Last:
    """The latest of those of several moments that are there; absent when none is."""

    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Balance:
    """A column minus others, which count as 0 when absent."""

    column: str
    minus: tuple[str, ...]


Operand: TypeAlias = str | Latest | Last | Balance
"""A column by its field's name, or what is calculated from several."""


@dataclass(frozen=True, slots=True)
class Always:
    """Met by every order: nothing could be derived."""


@dataclass(frozen=True, slots=True)
class Never:
    """Met by no order."""


@dataclass(frozen=True, slots=True)
class Present:
    """The column has a value."""

    column: str


@dataclass(frozen=True, slots=True)
class Absent:
    """The column has none."""

    column: str


@dataclass(frozen=True, slots=True)
class Compared:
    """`operand OP value` with OP one of `== != < <= > >=`."""

    operand: Operand
    operator: str
    value: Constant


@dataclass(frozen=True, slots=True)
class Listed:
    """The column's value is one of these, or (negated) none of them."""

    column: str
    values: frozenset[str] | frozenset[int | Decimal]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Contains:
    """The text holds another, which is in lower-case letters; ASCII letters of the column count as small ones."""

    column: str
    text: str


@dataclass(frozen=True, slots=True)
class NotDigits:
    """Among the first `length` characters of the text is one other than `0` to `9`."""

    column: str
    length: int


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part."""

    parts: tuple[Bound, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part."""

    parts: tuple[Bound, ...]


Bound: TypeAlias = Always | Never | Present | Absent | Compared | Listed | Contains | NotDigits | AllOf | AnyOf

ALWAYS = Always()
NEVER = Never()


def all_of(parts: Iterable[Bound]) -> Bound:
    """The conjunction, flattened and without what says nothing."""
    kept: dict[Bound, None] = {}
    for part in parts:
        match part:
            case Never():
                return NEVER
            case Always():
                continue
            case AllOf(parts=inner):
                kept |= dict.fromkeys(inner)
            case _:
                kept[part] = None
    if not kept:
        return ALWAYS
    return AllOf(tuple(kept)) if len(kept) > 1 else next(iter(kept))


def any_of(parts: Iterable[Bound]) -> Bound:
    """The alternative, flattened and without what cannot be."""
    kept: dict[Bound, None] = {}
    for part in parts:
        match part:
            case Always():
                return ALWAYS
            case Never():
                continue
            case AnyOf(parts=inner):
                kept |= dict.fromkeys(inner)
            case _:
                kept[part] = None
    if not kept:
        return NEVER
    return AnyOf(tuple(kept)) if len(kept) > 1 else next(iter(kept))


def conjuncts(bound: Bound) -> tuple[Bound, ...]:
    """The parts that must all be met."""
    if isinstance(bound, Always):
        return ()
    return bound.parts if isinstance(bound, AllOf) else (bound,)


def parts_of(bound: Bound) -> Iterator[Bound]:
    """The condition and everything below it."""
    yield bound
    if isinstance(bound, AllOf | AnyOf):
        for part in bound.parts:
            yield from parts_of(part)
