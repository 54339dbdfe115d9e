"""What columns of states say: which rows are no orders, and which orders were cancelled (docs/mapping.md#draft)."""

from __future__ import annotations

from collections.abc import Sequence

from sendplan.importing.drafting.choosing import candidates
from sendplan.importing.drafting.columns import SampleColumn, words
from sendplan.importing.drafting.draft import Draft
from sendplan.importing.drafting.vocabulary import CANCELLED, DRAFTS

_MOST_STATES = 30


def state(value: object) -> str:
    """A state as the vocabulary writes it: `Partially refunded` → partially_refunded."""
    return "_".join(words(str(value)))


def draft_states(columns: Sequence[SampleColumn], made: Draft) -> None:
    """`status`, `payment_method`, and `only` without drafts."""
    for name in ("status", "payment_method"):
        for column in made.free(candidates(name, columns)):
            if column.listed is None and column.filled:
                made.take(name, column)
                break
    states = order_states(columns)
    drafts = [] if states is None else _meaning(states, DRAFTS)
    if states is not None and drafts and "only" not in made.options:
        made.options["only"] = f"{states.reference} not in [{', '.join(drafts)}]"
        made.guesses["only"] = "these look like no orders yet"


def draft_cancelled(columns: Sequence[SampleColumn], made: Draft) -> None:
    """A column of dates, else from when on the order's state says so."""
    found = [each for each in made.free(candidates("cancelled", columns)) if not each.listed]
    column = order_states(columns)
    if found and (found[0].filled or column is None):
        made.take("cancelled", found[0], "" if found[0].filled else "empty in this file, so taken by its name alone")
        return
    states = [] if column is None else _meaning(column, CANCELLED)
    if column is not None and states:
        made.say("cancelled", f"seen if {column.reference} in [{', '.join(states)}]", [], "no date says when")
        return
    why = f"`{column.name}` has no state here that says so; look up which one does" if column else "no column says so"
    made.left_out["cancelled"] = f"{why}; without it a cancelled order still gets mail"


def order_states(columns: Sequence[SampleColumn]) -> SampleColumn | None:
    """The column that says how an order stands."""
    found = [each for each in candidates("status", columns) if each.listed is None and each.filled]
    return next((each for each in found if len(set(map(str, each.filled))) <= _MOST_STATES), None)


def _meaning(column: SampleColumn, meant: frozenset[str]) -> list[str]:
    """The values that mean one of these states, as expressions write them."""
    found = [str(each) for each in dict.fromkeys(column.filled) if state(each) in meant]
    return [f'"{each}"' for each in found]
