"""Executes a stored plan's `send` entries, each exactly once: alone, or with other hosts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from sendplan.dispatch.job import Services
from sendplan.dispatch.model import DispatchReport, Result
from sendplan.dispatch.run import Execution
from sendplan.dispatch.stopping import Stop
from sendplan.dispatch.together import Beginner, Helper, PlanEndedError
from sendplan.plan import Entry, Plan, Status
from sendplan.project.settings import Sender


def execute(
    plan: Plan,
    services: Services,
    *,
    precedence: Sequence[str] = (),
    sending_at: datetime | None = None,
    stop: Stop | None = None,
    progress: Callable[[Result], None] = lambda result: None,
) -> DispatchReport:
    """Send what the plan says, each message decided again right before it leaves.

    `progress` is called from this thread only. `precedence` lists rules, each after those whose messages it waits for.
    Where several hosts may work on the store, others may take part (`assist`) and the report is that of all;
    `sending_at` is the time (UTC) that all of them go by, None for the clock.
    Setting `stop` finishes the mails past their intent and leaves the rest open; so does an error of the store or the
    system, which the report names.

    Raises UserError, before any mail, for a plan that has already been executed or is being executed, and for a store
    that cannot be opened. A sender whose password or token cannot be read here stops, the others send.
    """
    entries = _in_order(plan, precedence)
    store = services.open_store()
    try:
        if store.shared:
            run: Execution = Beginner(
                plan, entries, _senders(entries, services), services, store, stop, progress, sending_at=sending_at
            )
        else:
            run = Execution(plan, entries, _senders(entries, services), services, store, stop, progress)
        return run.to_end() if run.begin() else run.report()
    finally:
        store.close()


def assist(
    plan: Plan,
    services: Services,
    *,
    precedence: Sequence[str] = (),
    stop: Stop | None = None,
    progress: Callable[[Result], None] = lambda result: None,
) -> DispatchReport | None:
    """Take part in sending a plan that another host began, until it has ended; None when it has by now.

    The report is that of this host's messages. Raises UserError or OSError when the store or the system fails before.
    """
    entries = _in_order(plan, precedence)
    store = services.open_store()
    try:
        run = Helper(plan, entries, _senders(entries, services), services, store, stop, progress)
        run.begin()
        return run.to_end()
    except PlanEndedError:
        return None
    finally:
        store.close()


def _in_order(plan: Plan, precedence: Sequence[str]) -> tuple[Entry, ...]:
    rank = {rule: number for number, rule in enumerate(precedence)}
    return tuple(sorted(plan.with_status(Status.SEND), key=lambda entry: rank.get(entry.rule, len(rank))))


def _senders(entries: Sequence[Entry], services: Services) -> dict[str, Sender]:
    names = dict.fromkeys(entry.sender for entry in entries if entry.sender)
    return {name: services.senders[name] for name in names if name in services.senders}
