"""The columns of a sample → the fields of an order, each with what about it is a guess (docs/mapping.md#draft)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from sendplan.importing.drafting.accounts import draft_account
from sendplan.importing.drafting.addresses import draft_address
from sendplan.importing.drafting.choosing import candidates, utc
from sendplan.importing.drafting.columns import Sample, SampleColumn, says
from sendplan.importing.drafting.draft import Draft, DraftedField
from sendplan.importing.drafting.kinds import amount, dates_of, fits
from sendplan.importing.drafting.lines import draft_lines
from sendplan.importing.drafting.paying import draft_paid
from sendplan.importing.drafting.states import draft_cancelled, draft_states
from sendplan.importing.drafting.vocabulary import EMPTY, UTC_SYSTEMS
from sendplan.importing.numbers import notation_of
from sendplan.project.settings import Settings

_ALONE = ("payment_due", "shipped", "delivered", "returned", "parked", "disputed", "consent", "language", "tags")
"""Fields that are one column, without more ado."""
_AMOUNTS = ("total", "shipping_cost", "paid_amount")
_SYMBOLS = {"$": "USD", "€": "EUR", "£": "GBP"}


def draft(sample: Sample, settings: Settings) -> Draft:
    """A first mapping of a file with this sample."""
    made = Draft(dict(sample.options), dict(sample.guesses))
    columns = _orders(sample, made)
    _ordered(sample, columns, made)
    _cut_footers(sample, columns, made)
    columns = made.free(columns)
    draft_account(columns, settings, made)
    draft_address(sample, columns, made)
    _email(columns, made)
    _number(columns, made)
    lines = draft_lines(sample, columns, made)
    plain = [each for each in columns if each not in lines]
    for name in _AMOUNTS:
        _amount(name, plain, made)
    _credited(plain, made)
    _currency(plain, made)
    for name in _ALONE:
        _one(name, plain, made)
    if "shipped" not in made.fields:
        made.left_out["shipped"] = "no column says when"
    draft_states(plain, made)
    draft_paid(plain, made)
    draft_cancelled(plain, made)
    _notation(made)
    _dates(sample, made)
    return made


# --- which rows are an order ---


def _orders(sample: Sample, made: Draft) -> list[SampleColumn]:
    """The columns with their values order by order; the id, and the group where rows share it."""
    found = candidates("id", sample.columns)
    if sample.table:
        # Rows that go on with an order repeat its number, and leave most of the rest empty.
        found = [each for each in found if not _contradicts(each, sample.columns)]
        found.sort(key=lambda each: -len(each.filled))
    by_values = [] if found else [each for each in sample.columns if _tells_apart(each)]
    if not found and not by_values:
        made.left_out["id"] = "no column looks like the order's number; every order needs one"
        return sample.columns
    chosen = [*found, *by_values][0]
    others = [each for each in found[1:] if not each.listed and len(each.filled) == len(chosen.filled)]
    guess = f"also possible: {_names(others)}" if others else ""
    guess = "no column is called so, but its values are all different" if by_values else guess
    made.take("id", chosen, guess)
    if not sample.table:
        return sample.columns
    values = chosen.first
    if not _continued(values, sample.columns):
        return sample.columns
    made.options["group"] = chosen.name
    orders: dict[Any, list[int]] = {}
    latest: Any = None
    for row, value in enumerate(values):
        latest = value if value is not None else latest
        orders.setdefault(latest, []).append(row)
    return [
        replace(each, values=[[value for row in rows for value in each.values[row]] for rows in orders.values()])
        for each in sample.columns
    ]


def _tells_apart(column: SampleColumn) -> bool:
    """Whether a column has another value in every order, and none that means something else."""
    values = column.first
    whole = column.listed is None and None not in values and len(set(map(str, values))) == len(values) > 1
    return whole and fits("id", column) and not any(fits(kind, column) for kind in ("moment", "email"))


def _continued(values: Sequence[Any], columns: Sequence[SampleColumn]) -> bool:
    """Whether an id appears again, or a row without one says something about goods."""
    filled = [each for each in values if each is not None]
    if len(set(filled)) < len(filled):
        return True
    goods = [*candidates("line_name", columns)[:1], *candidates("line_quantity", columns)[:1]]
    return any(value is None and each.first[row] is not None for row, value in enumerate(values) for each in goods)


def _contradicts(chosen: SampleColumn, columns: Sequence[SampleColumn]) -> bool:
    """Whether rows with one value of a column belong to different buyers or days, so that it names no order."""
    for name in ("email", "ordered"):
        for telling in candidates(name, columns)[:1]:
            seen: dict[Any, Any] = {}
            for value, told in zip(chosen.first, telling.first, strict=True):
                if value is not None and told is not None and seen.setdefault(value, told) != told:
                    return True
    return False


def _ordered(sample: Sample, columns: Sequence[SampleColumn], made: Draft) -> None:
    found = candidates("ordered", columns)
    days = [each for each in columns if each.listed is None and each.filled and fits("moment", each)]
    if not found and len(days) == 1 and None not in days[0].first:
        made.take("ordered", days[0], "no column is called so, but it is the only one with dates")
        return
    if not found:
        made.left_out["ordered"] = "no column looks like the day of the order; every order needs one"
        return
    others = [each for each in found[1:] if each.first != found[0].first and not utc(found[0]) and not each.listed]
    made.take("ordered", found[0], f"also possible: {_names(others)}" if others else "")


def _cut_footers(sample: Sample, columns: Sequence[SampleColumn], made: Draft) -> None:
    """Rows without a date are sums and footers, with or without something where the id is."""
    if not sample.table or not {"id", "ordered"} <= made.fields.keys():
        return
    ordered = next(each for each in columns if each.name == made.fields["ordered"].text)
    if None in ordered.first:
        made.options["only"] = f"{ordered.reference} is set"
        made.guesses["only"] = "rows without a date look like sums or footers"


# --- fields of one column ---


def _names(columns: Sequence[SampleColumn]) -> str:
    return ", ".join(each.name for each in columns[:3])


def _one(name: str, columns: Sequence[SampleColumn], made: Draft) -> None:
    found = made.free(candidates(name, columns))
    if not found:
        return
    chosen = found[0]
    guess = ""
    if not chosen.filled:
        guess = "empty in this file, so taken by its name alone"
    elif name == "consent":
        guess = "only if it means that the buyer agreed to advertising"
    made.take(name, chosen, guess)


def _email(columns: Sequence[SampleColumn], made: Draft) -> None:
    """The buyer's; an address that is the same in many orders is more likely the shop's own."""
    by_name = candidates("email", columns)
    by_value = [each for each in columns if each.filled and fits("email", each) and each not in by_name]
    for each in (*sorted(by_name, key=lambda each: (each.listed is not None, -len(each.filled))), *by_value):
        if len(each.filled) >= 3 and len(set(map(str, each.filled))) == 1:
            made.left_out["email"] = f"`{each.name}` is the same in every order, so probably the shop's own"
            continue
        made.left_out.pop("email", None)
        made.take("email", each, "" if each in by_name else "no column is called so, but its values are addresses")
        nobody = sorted({str(value).strip() for value in each.filled if "@" not in str(value)})
        if nobody:
            made.options["empty"] = nobody
            made.guesses["empty"] = "what stands where no address is"
        return
    made.left_out.setdefault("email", "no column of e-mail addresses; without one nobody gets mail")


def _number(columns: Sequence[SampleColumn], made: Draft) -> None:
    found = [each for each in made.free(candidates("number", columns)) if not each.listed]
    if found and found[0].filled:
        made.take("number", found[0])
    found = [each for each in candidates("customer", columns) if not each.listed]
    if found and found[0].filled:
        made.take("customer", found[0])


def _amount(name: str, columns: Sequence[SampleColumn], made: Draft) -> None:
    found = [each for each in made.free(candidates(name, columns)) if each.filled]
    if not found:
        if name == "total":
            made.left_out[name] = "no column looks like the order's total, shipping included; `open_amount` needs it"
        return
    chosen = found[0]
    # With `group`, a cell that differs between the rows of an order is of the row.
    if chosen.listed is None and any(len(set(order)) > 1 for order in chosen.values):
        made.say(name, f"sum({chosen.reference})", [chosen], "it differs between the rows of an order")
        return
    others = [each for each in found[1:] if each.first != chosen.first and not each.listed]
    made.take(name, chosen, f"also possible: {_names(others)}" if name == "total" and others else "")


def _credited(columns: Sequence[SampleColumn], made: Draft) -> None:
    found = [each for each in made.free(candidates("credited", columns)) if each.filled]
    if not found:
        return
    chosen = found[0]
    amounts = [amount(each) or 0 for each in chosen.filled]
    whole = f"sum({chosen.reference})" if chosen.listed else chosen.reference
    if min(amounts) < 0 and max(amounts) <= 0:
        parts = f" if {'.'.join(chosen.listed)} is set" if chosen.listed else ""
        made.say("credited", f"0 - {whole}{parts}", [chosen], "written with a minus in this file")
    elif min(amounts) < 0:
        made.left_out["credited"] = f"`{chosen.name}` has amounts with and without a minus"
    elif chosen.listed:
        made.say("credited", whole, [chosen])
    else:
        made.take("credited", chosen)


def _currency(columns: Sequence[SampleColumn], made: Draft) -> None:
    _one("currency", columns, made)
    amounts = [str(each) for column in made.used if _is_amount(column, made) for each in column.filled]
    signs = {sign for sign in _SYMBOLS for each in amounts if sign in each}
    if "currency" not in made.fields and len(signs) == 1:
        sign = signs.pop()
        made.fields["currency"] = DraftedField("", {"value": _SYMBOLS[sign]}, f"from the sign {sign}")


# --- notation of the whole file ---


def _is_amount(column: SampleColumn, made: Draft) -> bool:
    return any(column.name in made.fields[name].text for name in (*_AMOUNTS, "credited") if name in made.fields)


def _notation(made: Draft) -> None:
    texts = [
        each.strip()
        for column in made.used
        if fits("number", column) and not fits("moment", column)
        for each in column.filled
        if isinstance(each, str) and not each.strip().isalnum()
    ]
    found = notation_of(texts) if texts else None
    if found is None:
        if texts:
            made.guesses["fields"] = f"numbers such as {texts[0]} may be read in two ways; add `decimal`, `thousands`"
        return
    decimal, thousands = found
    if decimal != ".":
        made.options["decimal"] = decimal
    if thousands is not None:
        made.options["thousands"] = thousands


_MOMENTS = ("ordered", "payment_due", "paid", "shipped", "delivered", "cancelled", "returned")


def _dates(sample: Sample, made: Draft) -> None:
    """Formats, zone and empty texts of the dates that are read."""
    read = [each for each in made.used if each.filled and fits("moment", each) and _is_moment(each, made)]
    texts = {str(value).strip() for each in read for value in each.filled if not isinstance(value, date)}
    found = dates_of(texts) if texts else None
    if found is not None and found.formats != ("iso",):
        made.options["dates"] = list(found.formats)
        if found.months:
            made.options["months"] = found.months
        if found.unsure:
            made.guesses["dates"] = f"day and month cannot be told apart here; else {found.unsure[0]}"
    for system, telling in UTC_SYSTEMS.items():
        if telling <= {each.name for each in sample.columns}:
            made.options["timezone"] = "UTC"
            made.guesses["timezone"] = f"{system} exports times in UTC"
    for name, source in made.fields.items():
        column = next((each for each in made.used if each.name == source.text), None)
        if column is not None and utc(column) and name in _MOMENTS and "timezone" not in made.options:
            made.fields[name] = replace(source, options={**source.options, "timezone": "UTC"})
    blanks = [str(v).strip() for each in made.used for order in each.values for v in order if not says(v)]
    empty = sorted({each for each in blanks if each in EMPTY})
    if empty:
        made.options["empty"] = sorted({*empty, *made.options.get("empty", ())})


def _is_moment(column: SampleColumn, made: Draft) -> bool:
    texts = [made.fields[name].text for name in _MOMENTS if name in made.fields]
    return any(column.name == text or column.reference in text for text in texts)
