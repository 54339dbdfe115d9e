"""The pieces of an order: rows of a group, or elements of a list (docs/mapping.md#draft)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sendplan.importing.drafting.choosing import candidates
from sendplan.importing.drafting.columns import Sample, SampleColumn, quoted, words
from sendplan.importing.drafting.draft import Draft, DraftedField
from sendplan.importing.drafting.vocabulary import PACKING

_LINE = {"line_name": "name", "line_sku": "sku", "line_quantity": "quantity", "line_price": "price"}


def draft_lines(sample: Sample, columns: Sequence[SampleColumn], made: Draft) -> list[SampleColumn]:
    """`items` and `lines`; the columns that speak of one line, which are no others' any more."""
    free = made.free(columns)
    pieces = candidates("items", [each for each in free if each.listed is None])
    lines: list[SampleColumn] = []
    if not sample.table:
        lines = _from_list(free, made)
    elif "group" in made.options:
        lines = _from_rows(free, made)
    elif found := candidates("line_quantity", free):
        pieces = pieces or found[:1]
    if pieces and pieces[0].filled and pieces[0] not in lines:
        made.take("items", pieces[0])
    return lines


# --- a grouped table ---


def _from_rows(columns: Sequence[SampleColumn], made: Draft) -> list[SampleColumn]:
    parts = _parts(columns)
    if "line_quantity" not in parts:
        return []
    each = "rows"
    name, quantity = parts.get("line_name"), parts["line_quantity"]
    # A row that counts and names nothing is the sum of the others.
    counted = len(quantity.filled)
    if name is not None and 0 < len(name.filled) < counted:
        each = f"rows[{name.reference} is set]"
    items = f"sum({quantity.reference})" if each == "rows" else f"sum({each}.{quantity.reference})"
    guess = "" if each == "rows" else f"a row without {name.name if name else ''} looks like the order's sum"
    made.say("items", items, [quantity], guess)
    _say_lines(each, {part: column.name for part, column in parts.items()}, parts, made)
    return list(parts.values())


def _parts(columns: Sequence[SampleColumn]) -> dict[str, SampleColumn]:
    found: dict[str, SampleColumn] = {}
    for part in _LINE:
        fitting = [each for each in candidates(part, columns) if each not in found.values() and each.filled]
        if fitting:
            found[part] = fitting[0]
    return found


def _say_lines(each: str, names: dict[str, str], parts: dict[str, SampleColumn], made: Draft) -> None:
    if "line_name" not in parts:
        return
    made.used += parts.values()
    made.fields["lines"] = DraftedField("", {"each": each, **{_LINE[part]: name for part, name in names.items()}})


# --- trees ---


def _from_list(columns: Sequence[SampleColumn], made: Draft) -> list[SampleColumn]:
    """The list whose elements look most like lines."""
    places = {each.listed for each in columns if each.listed} | {
        each.path[:-1] for each in columns if len(each.path) > 1
    }
    found = {place: _parts(_inside(columns, place)) for place in sorted(place for place in places if place)}
    likely = {place: parts for place, parts in found.items() if {"line_quantity", "line_name"} <= parts.keys()}
    if not likely:
        return []
    place = max(likely, key=lambda each: (len(likely[each]), len(each)))
    parts, start = likely[place], len(place)
    each = ".".join(map(quoted, place))
    inner = {part: ".".join(map(quoted, column.path)) for part, column in parts.items()}
    guess = ""
    if _packing_without_sku(parts):
        each = f"{each}[{inner['line_sku']} is set]"
        guess = "an element without a number looks like shipping"
    whole = [column for column in columns if column.path[:start] == place]
    quantity = next(column for column in whole if column.path[start:] == parts["line_quantity"].path)
    made.say("items", f"sum({each}.{inner['line_quantity']})", [quantity], guess)
    _say_lines(each, inner, parts, made)
    return whole


def _inside(columns: Sequence[SampleColumn], place: tuple[str, ...]) -> list[SampleColumn]:
    """The columns below a list, as their elements name them."""
    start = len(place)
    return [
        replace(each, path=each.path[start:], listed=None)
        for each in columns
        if each.path[:start] == place and len(each.path) > start
    ]


def _packing_without_sku(parts: dict[str, SampleColumn]) -> bool:
    """Whether the elements without a number of goods are those that are called shipping."""
    if "line_sku" not in parts:
        return False
    packing = sum(bool(PACKING & set(words(str(each)))) for each in parts["line_name"].filled)
    return packing > 0 and len(parts["line_name"].filled) - len(parts["line_sku"].filled) == packing
