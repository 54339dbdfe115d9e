"""A foreign or restored store is accepted, and begins from now (docs/sending.md#a-copied-or-restored-store)."""

from __future__ import annotations

import threading

from sendplan.dataclass import dataclass
from sendplan.plan import Entry, Status
from sendplan.planning.planner import Clock, make_plan
from sendplan.project.project import Project
from sendplan.project.settings import Settings
from sendplan.store import adoption
from sendplan.store.protocols import Store

LOOK_SECONDS = 12.0
"""How long another host is looked for: those at work renew their leases every five seconds."""


@dataclass(frozen=True, slots=True)
class Adopted:
    """A store that was accepted."""

    why: str | None
    """Why it was in doubt; None when nothing was wrong with it."""
    would_have_sent: tuple[Entry, ...]
    """What would have left, perhaps again."""
    orders_from: str | None
    """From when on orders get mail (ISO 8601 with an offset); None when all do, as before."""


def adopt(project: Project, store: Store, clock: Clock) -> Adopted:
    """Accept the project's store: only orders from the clock's time on get mail, ladders included.

    A store that nothing is wrong with stays as it is, and what other hosts send from is taken as it is there.
    """
    why = adoption.doubt(project.settings, store)
    if why is None:
        return Adopted(None, (), store.meta(adoption.ORDERS_FROM) or None)
    if store.shared and _is_others(project.settings, store):
        adoption.join(project.settings, store)
        return Adopted(why, (), store.meta(adoption.ORDERS_FROM) or None)
    again = make_plan(project, store, clock).with_status(Status.SEND)
    adoption.adopt(project.settings, store, clock.now)
    return Adopted(why, tuple(again), project.settings.calendar.text(clock.now))


def _is_others(settings: Settings, store: Store) -> bool:
    """Whether another host accepted the store already, or is at work on it while this one is new."""
    if adoption.accepted_elsewhere(settings, store):
        return True
    is_new = adoption.unmarked(settings, store) and not store.meta(adoption.DOUBTED)
    return is_new and adoption.others_at_work(store, threading.Event().wait, LOOK_SECONDS)
