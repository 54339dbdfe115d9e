"""Ties planning to sending: what the dispatcher asks for each message, and one execution with its store and signals."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from pathlib import Path

from sendplan.dataclass import dataclass
from sendplan.deciding.candidates import closure
from sendplan.dispatch import (
    Compose,
    DecideAgain,
    DispatchReport,
    Result,
    Services,
    Verdict,
    assist,
    execute,
    rehearse_to_address,
    rehearse_to_folder,
)
from sendplan.dispatch.stopping import Stop
from sendplan.ledger import History, Standing
from sendplan.mail.compose import compose, templates_of
from sendplan.mail.message import Message
from sendplan.plan import Entry, Plan, Reason, Status
from sendplan.planning.planner import Clock, decide_order, standing_of
from sendplan.problems import Exit, Problem, UserError
from sendplan.project.project import Project
from sendplan.project.settings import Settings
from sendplan.store import Store, open_store
from sendplan.store.adoption import JOURNALS, checked
from sendplan.store.marks import Marks
from sendplan.store.records import SECRET, StoredOrder

STANDING_SECONDS = 1.0
ORDERS_AT_ONCE = 16

CLOCKS_APART = 120
"""Seconds that a host's clock may differ from the store's."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Where the mails of a rehearsal go instead of to their buyers; nothing of it enters the ledger."""

    redirect: str | None = None
    """The one address that gets all of them."""
    folder: Path | None = None
    """Or the folder into which they are written, without any network."""


def check_brake(plan: Plan, project: Project, approved: int | None) -> None:
    """Raises UserError for a plan with more sends than `limits.per_run`, unless exactly that number is approved."""
    sends = len(plan.with_status(Status.SEND))
    limit = project.settings.per_run
    if approved is not None and approved != sends:
        message = f"plan {plan.id} contains {sends} mails, but {approved} were approved"
        raise UserError(Problem("not-approved", message, None, "look at the plan again"), Exit.REFUSED)
    if limit is not None and sends > limit and approved is None:
        message = f"plan {plan.id} contains {sends} mails, `limits.per_run` allows {limit}"
        help_ = f"look at the plan; if it is right: sendplan send PLAN --approve {sends}"
        raise UserError(Problem("over-limit", message, None, help_), Exit.REFUSED)


def deliver(
    plan: Plan,
    project: Project,
    clock: Callable[[], Clock],
    *,
    stop: Stop,
    sending_at: datetime | None = None,
    rehearsal: Rehearsal | None = None,
    progress: Callable[[Result], None] = lambda result: None,
) -> DispatchReport:
    """Send a plan's `send` entries through the project's senders, each decided again right before its mail.

    `clock` is read for each mail; where somebody gave a time to go by, it is `sending_at` too (UTC). Setting `stop`
    finishes the mails past their intent and leaves the rest open. Raises UserError, before any mail, for a plan that
    has already been executed, and a store that may have forgotten mails that left.
    """
    making = _Making(project, plan, clock, rehearsal)
    if rehearsal is not None:
        return _rehearse(plan, project, rehearsal, making.decided, making.composed, stop, progress)
    with closing(_store(project)) as store, checked(project.settings, store) as marks:
        check_clock(store, sending_at)
        store.note_run({entry.rule for entry in plan.entries}, clock().now)
        services, precedence = making.services(marks), [rule.id for rule in project.rules]
        return execute(plan, services, precedence=precedence, sending_at=sending_at, stop=stop, progress=progress)


def take_part(plan: Plan, project: Project, sending_at: datetime | None, *, stop: Stop) -> DispatchReport | None:
    """Send a part of what another host began, by its clock, until the plan has ended; None when it has by now.

    Raises UserError, before any mail, as `deliver` does.
    """
    replay = sending_at is not None and sending_at < datetime.now(UTC)
    fixed = Clock(sending_at, replay) if sending_at is not None else None
    making = _Making(project, plan, lambda: fixed or Clock(datetime.now(UTC).replace(microsecond=0)), None)
    with closing(_store(project)) as store, checked(project.settings, store) as marks:
        check_clock(store, sending_at)
        services, precedence = making.services(marks), [rule.id for rule in project.rules]
        return assist(plan, services, precedence=precedence, stop=stop)


def check_clock(store: Store, given: datetime | None = None) -> None:
    """Raises UserError when this computer's clock and the store's differ, by which several hosts go together.

    One of them is wrong, and mails would leave at night, or twice as early. A time that was `given` is nobody's clock.
    """
    if not store.shared or given is not None:
        return
    apart = round(time.time() - store.real_time())
    if abs(apart) > CLOCKS_APART:
        message = f"this computer's clock is {abs(apart)} seconds {'ahead of' if apart > 0 else 'behind'} the store's"
        raise UserError(Problem("clock-apart", message, None, "set both by the network's time"), Exit.REFUSED)


class _Making:
    """From an entry to its mail, for one plan."""

    def __init__(self, project: Project, plan: Plan, clock: Callable[[], Clock], rehearsal: Rehearsal | None) -> None:
        self._project = project
        self._clock = clock
        self._rehearsal = rehearsal
        self._templates = templates_of(project)
        self._standing = _Standing(project.settings)
        self._orders = _Orders(plan)

    def decided(self, store: Store, entry: Entry) -> Verdict:
        order = self._orders.now(store, entry)
        return decide_again(self._project, self._clock(), entry, *order, self._standing.now(store))

    def composed(self, verdict: Verdict) -> Message:
        facts, decision = verdict.facts, verdict.decision
        assert facts is not None
        assert decision is not None
        assert decision.step is not None
        mail, _ = compose(
            self._project,
            self._templates,
            facts,
            decision.rule,
            decision.step,
            now=self._clock().now,
            secret=self._secret,
            redirect=self._rehearsal.redirect if self._rehearsal else None,
            rehearsal=self._rehearsal is not None,
            neutral=self._rehearsal is not None,
        )
        return mail

    @cached_property
    def _secret(self) -> str:
        with closing(_store(self._project)) as store:
            return store.meta(SECRET) or ""

    def services(self, marks: Marks) -> Services:
        settings = self._project.settings
        return Services(
            open_store=lambda: _store(self._project),
            decide_again=self.decided,
            compose=self.composed,
            senders=settings.senders,
            journals=settings.folder / JOURNALS,
            clock=lambda: self._clock().now,
            mark=marks.rise,
        )


def _rehearse(
    plan: Plan,
    project: Project,
    rehearsal: Rehearsal,
    decided: DecideAgain,
    composed: Compose,
    stop: Stop,
    progress: Callable[[Result], None],
) -> DispatchReport:
    with closing(_store(project)) as store:
        if rehearsal.folder is not None:
            return rehearse_to_folder(
                plan,
                rehearsal.folder,
                store=store,
                decide_again=decided,
                compose=composed,
                stop=stop,
                progress=progress,
            )
        return rehearse_to_address(
            plan,
            rehearsal.redirect or "",
            store=store,
            decide_again=decided,
            compose=composed,
            senders=project.settings.senders,
            stop=stop,
            progress=progress,
        )


def _store(project: Project) -> Store:
    settings = project.settings
    return open_store(settings.store, settings.folder, settings.fields, settings.calendar)


class _Standing:
    """What stands for all orders, read once a second.

    That is enough. The intent itself asks again for pauses and the suppressed address, and data only becomes fresher.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._read_at = float("-inf")
        self._read = Standing()

    def now(self, store: Store) -> Standing:
        """As it is now; called by several threads, of which two may read at once."""
        if time.monotonic() - self._read_at > STANDING_SECONDS:
            self._read = standing_of(store, self._settings)
            self._read_at = time.monotonic()
        return self._read


class _Orders:
    """The orders of a plan with their histories, read for several mails at once.

    What was read may be a second old when it is decided on; the intent asks whether the order is still the same. An
    order with several mails is read for each of them: the later ones depend on what became of the earlier.
    """

    def __init__(self, plan: Plan) -> None:
        mails = Counter(entry.order or "" for entry in plan.with_status(Status.SEND))
        self._following = iter([order for order, number in mails.items() if number == 1])
        self._read: dict[str, tuple[float, StoredOrder | None, History]] = {}
        self._lock = threading.Lock()

    def now(self, store: Store, entry: Entry) -> tuple[StoredOrder | None, History]:
        """An entry's order and its history; called by several threads. Nothing is handed out twice."""
        id_ = entry.order or ""
        with self._lock:
            read_at, order, history = self._read.pop(id_, _UNREAD)
            if time.monotonic() - read_at > STANDING_SECONDS:
                self._fetch(store, [id_, *islice(self._following, ORDERS_AT_ONCE)])
                _, order, history = self._read.pop(id_)
            return order, history

    def _fetch(self, store: Store, ids: list[str]) -> None:
        now, histories = time.monotonic(), store.histories(ids)
        orders = {order.id: order for order in store.orders_by_id(ids)}
        self._read |= {id_: (now, orders.get(id_), histories.get(id_, History())) for id_ in ids}


_UNREAD: tuple[float, None, History] = (float("-inf"), None, History())


def decide_again(
    project: Project,
    clock: Clock,
    entry: Entry,
    order: StoredOrder | None,
    history: History,
    standing: Standing,
) -> Verdict:
    """What an entry is decided to be on the order and the ledger as they are now."""
    if order is None:
        return Verdict(Reason.ERROR, f"order {entry.order} is no longer in the store")
    account = project.settings.present_account(order.account)
    rules = closure(entry.rule, {rule.id: rule for rule in project.rules_for(account)})
    decided = decide_order(project, order, history, standing, clock, rules=rules, recheck=True)
    decision = next((each for each in decided.decisions if each.rule.id == entry.rule), None) if decided else None
    if decided is None or decision is None:
        return Verdict(Reason.ERROR, f"rule {entry.rule} or order {entry.order} can no longer be decided")
    if decision.reason is Reason.SEND and decision.key != (entry.rule, entry.step or ""):
        return Verdict(Reason.ALREADY_SENT, "the ladder has moved on since the plan was made")
    why = "" if decision.reason is Reason.SEND else decision.why  # Of what leaves nobody reads the sentence.
    return Verdict(decision.reason, why, decided.facts, decision, frozenset(project.settings.classes))
