"""How far a rule has come with an order: what went out last, what is next, and what nobody knows about."""

from __future__ import annotations

from collections.abc import Iterator

from sendplan.dataclass import dataclass
from sendplan.ledger import History, Record, State
from sendplan.project.rules import Rule, Step

_IN_DOUBT = frozenset({State.SENDING, State.UNCERTAIN})


@dataclass(frozen=True, slots=True)
class Progress:
    """The ledger of one order, as one rule reads it."""

    last: Record | None
    """The message that the next one counts from; None before the first."""
    last_step: str
    """The id of its step; empty without a ladder."""
    left: tuple[tuple[Step, Record | None], ...]
    """The steps that are still to come, each with its row."""
    doubtful: Record | None
    """A message beyond the last one, not the next, that may have gone out: while it is unknown the ladder waits."""


def progress(rule: Rule, history: History) -> Progress:
    """The next step is the one after the furthest that was sent, whoever sent it.

    A step that is switched off, left out by `depth`, or gone by now still counts as the last message.
    """
    if not history.records:
        return Progress(None, "", tuple((step, None) for step in rule.steps), None)
    rows = [(step, history.find(step.keys)) for step in rule.written]
    furthest = max((n for n, (_, row) in enumerate(rows) if row is not None and row.state is State.SENT), default=-1)
    active = {step.id: step for step in rule.steps}
    left = tuple((active[step.id], row) for step, row in rows[furthest + 1 :] if step.id in active)
    gone = tuple(_gone(rule, history)) if rule.ladder else ()
    sent = [(row, row.step) for row in gone if row.state is State.SENT]
    if furthest >= 0:
        step, row = rows[furthest]
        assert row is not None
        sent.append((row, step.id))
    last, last_step = max(sent, key=lambda each: each[0].at, default=(None, ""))
    beyond = (*(row for step, row in rows[furthest + 1 :] if not left or step.id != left[0][0].id), *gone)
    doubtful = next((row for row in beyond if row is not None and row.state in _IN_DOUBT), None)
    return Progress(last, last_step, left, doubtful)


def _gone(rule: Rule, history: History) -> Iterator[Record]:
    """The rows of steps that a ladder, or one that it continues, does not have any more."""
    known = {key for step in rule.written for key in step.keys}
    return (row for key, row in history.records.items() if key[0] in rule.ids and key not in known)
