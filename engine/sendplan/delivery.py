"""Ties planning to sending: what the dispatcher asks for each message, and one execution with its store and signals."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from sendplan.dispatch import DispatchReport, Result, Verdict, execute
from sendplan.ledger import History
from sendplan.mails import compose, templates_of
from sendplan.message import Message
from sendplan.plan import Entry, Plan, Reason
from sendplan.planner import Clock, judge
from sendplan.project import Project
from sendplan.store import Store, open_store

JOURNALS = Path("var/journals")


def deliver(
    plan: Plan,
    project: Project,
    clock: Clock,
    progress: Callable[[Result], None] = lambda result: None,
) -> DispatchReport:
    """Send a plan's `send` entries through the project's senders, each decided again right before its mail."""
    settings = project.settings
    templates = templates_of(project)

    def composed(verdict: Verdict) -> Message:
        assert verdict.facts is not None
        assert verdict.decision is not None
        assert verdict.decision.step is not None
        return compose(project, templates, verdict.facts, verdict.decision.rule, verdict.decision.step, now=clock.now)[
            0
        ]

    with stopping() as stop:
        return execute(
            plan,
            open_store=lambda: open_store(settings.store, settings.folder, settings.fields, settings.calendar),
            judge=lambda store, entry: decide_again(project, store, clock, entry),
            compose=composed,
            senders=settings.senders,
            journals=settings.folder / JOURNALS,
            clock=lambda: clock.now,
            stop=stop,
            progress=progress,
        )


def decide_again(project: Project, store: Store, clock: Clock, entry: Entry) -> Verdict:
    """What an entry is decided to be on the order, the ledger and the operator's word as they are now."""
    order = next(iter(store.orders_by_id([entry.order or ""])), None)
    if order is None:
        return Verdict(Reason.ERROR, f"order {entry.order} is not in the store any more")
    history = store.histories([order.id]).get(order.id, History())
    judged = judge(project, order, history, store.imported(), store.operator(), clock, recheck=True)
    decision = next((each for each in judged.decisions if each.rule.id == entry.rule), None) if judged else None
    if judged is None or decision is None:
        return Verdict(Reason.ERROR, f"rule {entry.rule} or order {entry.order} cannot be decided on any more")
    if decision.reason is Reason.SEND and decision.key != (entry.rule, entry.step or ""):
        return Verdict(Reason.ALREADY_SENT, "the ladder has gone on since the plan was made")
    return Verdict(
        decision.reason,
        decision.why,
        version=order.version,
        address=str(judged.facts.values.get("email", "")),
        expires_at=decision.expires_at,
        facts=judged.facts,
        decision=decision,
    )


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """An event that SIGTERM or Ctrl-C sets: mails past their intent are finished, the rest stays open."""
    stop = threading.Event()

    def ask(signal_number: int, frame: FrameType | None) -> None:
        stop.set()

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    previous = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
