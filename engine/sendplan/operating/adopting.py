"""A foreign or restored store is accepted, and begins from now (docs/sending.md#a-copied-or-restored-store)."""

from __future__ import annotations

from dataclasses import dataclass

from sendplan.plan import Entry, Status
from sendplan.planning.planner import Clock, make_plan
from sendplan.project.project import Project
from sendplan.store import adoption
from sendplan.store.protocols import Store


@dataclass(frozen=True, slots=True)
class Adopted:
    """A store that was accepted."""

    why: str | None
    """Why it was in doubt; None when nothing was wrong with it."""
    would_have_sent: tuple[Entry, ...]
    """What would have left, perhaps again."""
    orders_from: str
    """From when on orders get mail (ISO 8601, the shop's offset)."""


def adopt(project: Project, store: Store, clock: Clock) -> Adopted:
    """Accept the project's store: only orders from the clock's time on get mail, ladders included."""
    why = adoption.doubt(project.settings, store)
    again = make_plan(project, store, clock).with_status(Status.SEND)
    adoption.adopt(project.settings, store, clock.now)
    return Adopted(why, tuple(again), project.settings.calendar.text(clock.now))
