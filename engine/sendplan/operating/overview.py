"""How a project stands: what needs attention, and what was done last (docs/operating.md#what-needs-attention).

Whoever shows it, `status`, an alert, a dashboard or a page, asks here and decides nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sendplan.calendar import Calendar
from sendplan.dataclass import dataclass
from sendplan.deciding.decision import Decision
from sendplan.ledger import Bounce, BounceKind, Record, Snooze, State
from sendplan.mail.advice import advice_on
from sendplan.operating.approving import approval_of
from sendplan.operating.overview_json import overview_json
from sendplan.plan import Entry, Plan, Reason, Status, key_of
from sendplan.planning.planner import Clock, OrderDecisions, decide_orders, make_plan
from sendplan.problems import UserError
from sendplan.project.project import Project
from sendplan.store.adoption import doubt
from sendplan.store.hosts import Host, Rate
from sendplan.store.protocols import Reader
from sendplan.store.records import SECRET, Approval, ImportRecord, Pause, PlanRecord, SenderReport

UNSETTLED = (State.UNCERTAIN, State.FAILED, State.SENDING)
"""What a person settles; a mail on its way only when the run that sent it has vanished."""

TRIED = 200
"""How many of the mails that are due are written to see whether they can be."""

RUNS = 10
"""How many of the last runs are told."""


BOUNCES = 5
"""How many of the last bounces are told."""


class Concern(StrEnum):
    """What may need a person."""

    STORE_DOUBTED = "store_doubted"
    """The store may have forgotten mails that left: nothing is sent."""
    OVER_LIMIT = "over_limit"
    """More mails are due than `limits.per_run` allows at once."""
    APPROVAL = "approval"
    """Mails that wait until a person approves their plan."""
    SENDERS = "senders"
    """Senders that cannot send."""
    UNSETTLED = "unsettled"
    """Messages that failed, or of which nobody knows."""
    ERRORS = "errors"
    """Messages that cannot be decided on or written."""
    KEPT = "kept"
    """Due messages that something holds back which nobody chose."""
    MISSED = "missed"
    """Messages that would leave, had they not expired or grown too old a few days ago."""
    IMPORTS = "imports"
    """Rows and files that the last imports refused."""


@dataclass(frozen=True, slots=True)
class SenderTrouble:
    """A sender that cannot send."""

    report: SenderReport
    advice: str
    """What to change."""


@dataclass(frozen=True, slots=True)
class Overview:
    """How a project stands at one moment."""

    plan: Plan
    """What would leave now; a mail that cannot be written is an error in it."""
    doubt: str | None
    """Why nothing is sent from this store; None when it is the one that the project sent from last."""
    senders: tuple[SenderTrouble, ...]
    unsettled: tuple[Record, ...]
    kept: frozenset[str]
    """Keys of the held messages that something holds back which nobody chose: an unknown condition, stale data, a
    pause that the dispatcher made."""
    imports: tuple[ImportRecord, ...]
    """The latest of each source, newest first."""
    approval: Approval | None
    """Under which the plan may leave, where the settings ask for one."""
    awaits_approval: bool
    """Whether the plan's mails wait for one."""
    pauses: tuple[Pause, ...]
    suppressed: Mapping[str, int]
    """How many addresses get no mail of a class, `EVERY_CLASS` for all mail."""
    snoozes: tuple[Snooze, ...]
    """That are not over."""
    counts: Mapping[str, int]
    """Number of orders, and of ledger rows by state."""
    runs: tuple[PlanRecord, ...]
    """The latest, newest first."""
    bounces: Mapping[BounceKind, int]
    """How many mails came back, of each kind."""
    last_bounces: tuple[Bounce, ...]
    """The latest, newest first."""
    hosts: tuple[Host, ...]
    """The processes that send, or wait for something to send."""
    rates: Mapping[str, Rate]
    """What each sender has sent lately, over all hosts."""
    calendar: Calendar = field(repr=False, compare=False)

    @property
    def concerns(self) -> Mapping[Concern, int]:
        """What needs attention, with how much there is of it; empty when nothing does."""
        found = Counter(
            {
                Concern.STORE_DOUBTED: int(self.doubt is not None),
                Concern.OVER_LIMIT: len(self.plan.with_status(Status.SEND)) if self.plan.refused else 0,
                Concern.APPROVAL: len(self.plan.send) if self.awaits_approval else 0,
                Concern.SENDERS: len(self.senders),
                Concern.UNSETTLED: len(self.unsettled),
                Concern.ERRORS: len(self.plan.with_status(Status.ERROR)),
                Concern.KEPT: len(self.kept),
                Concern.MISSED: len(self.plan.missed),
                Concern.IMPORTS: sum(max(each.bad, 1) for each in self.imports if not each.good),
            }
        )
        return +found

    @property
    def needs_person(self) -> bool:
        """Whether anything does."""
        return bool(self.concerns)

    def to_json(self) -> dict[str, Any]:
        """All of it for machines (docs/commands.md#sendplan-status)."""
        return overview_json(self, self.calendar)


def overview_of(project: Project, reader: Reader, clock: Clock, real_now: datetime) -> Overview:
    """How the project stands at `clock`; `real_now` (UTC) tells which runs are at work."""
    plan = _tried(project, reader, clock, make_plan(project, reader, clock))
    pauses, senders = reader.pauses(), project.settings.senders
    known = {"", *(each.name for each in project.settings.imports)}
    approval = approval_of(plan, project, reader, real_now) if project.settings.approval else None
    return Overview(
        plan=plan,
        approval=approval,
        awaits_approval=project.settings.approval and bool(plan.send) and approval is None,
        doubt=doubt(project.settings, reader),
        senders=tuple(
            SenderTrouble(each, advice_on(senders[each.sender], each.scope, each.reply))
            for each in reader.sender_reports()
            if each.sender in senders
        ),
        unsettled=unsettled_of(reader, real_now),
        kept=_kept(project, reader, clock, plan, pauses),
        imports=tuple(each for each in reader.last_imports() if each.source in known),
        pauses=pauses,
        suppressed=Counter(each.klass for each in reader.suppressions()),
        snoozes=tuple(each for each in reader.snoozes() if project.settings.calendar.instant(each.until) > clock.now),
        counts=reader.counts(),
        runs=reader.plan_records(RUNS),
        bounces=reader.bounce_counts(),
        last_bounces=reader.last_bounces(BOUNCES),
        hosts=reader.hosts_at_work(real_now),
        rates=reader.rates(real_now),
        calendar=project.settings.calendar,
    )


def unsettled_of(reader: Reader, real_now: datetime) -> tuple[Record, ...]:
    """The messages that a person settles, oldest first; `real_now` (UTC) tells which runs are at work."""
    at_work = reader.live_leases(real_now)
    return tuple(
        each for each in reader.records(UNSETTLED) if each.state is not State.SENDING or each.token not in at_work
    )


def _tried(project: Project, reader: Reader, clock: Clock, plan: Plan) -> Plan:
    """The plan with an error for each mail that cannot be written, such as for a field that its order lacks.

    The first ones are tried out: what stayed open for this in earlier runs is the oldest.
    """
    due: dict[str, list[Entry]] = {}
    for each in plan.with_status(Status.SEND)[:TRIED]:
        due.setdefault(each.order or "", []).append(each)
    if not due:
        return plan
    from sendplan.mail.compose import compose, templates_of

    templates, secret = templates_of(project), reader.meta(SECRET) or ""
    rules = {rule.id: rule for rule in project.rules}
    wrong: dict[str, Entry] = {}
    # What leaves is decided already: without rules, only what is known of the orders is looked at.
    for known in decide_orders(project, reader, clock, rules=(), orders=reader.orders_by_id(due)):
        for entry in due[known.order]:
            rule = rules[entry.rule]
            try:
                compose(project, templates, known.facts, rule, rule.step(entry.step), now=clock.now, secret=secret)
            except UserError as error:
                why = f"its mail cannot be composed: {error}"
                wrong[entry.key] = replace(entry, status=Status.ERROR, reason=Reason.ERROR, why=why)
    return replace(plan, entries=tuple(wrong.get(each.key, each) for each in plan.entries))


def _kept(project: Project, reader: Reader, clock: Clock, plan: Plan, pauses: Sequence[Pause]) -> frozenset[str]:
    """The held messages that something holds back which nobody chose."""
    held = plan.with_status(Status.HELD)
    by_hand = {each.name: not each.automatic for each in pauses}
    kept = set()
    for key, decided, decision in _decided(project, reader, clock, held):
        if decision.reason is Reason.HELD:
            chosen = _hold_is_true(decision)
        elif decision.reason is Reason.PAUSED:
            account = project.settings.accounts[decided.facts.account]
            names = (decision.rule.id, account.sender, "*")
            chosen = next((by_hand[each] for each in names if each in by_hand), True)
        else:
            chosen = False
        if not chosen:
            kept.add(key)
    return frozenset(kept)


def _hold_is_true(decision: Decision) -> bool:
    """Whether what holds a message is so, or only not known; a hold without a condition is a person's."""
    return decision.hold is None or decision.traced(decision.hold.when).value is True


def _decided(
    project: Project, reader: Reader, clock: Clock, entries: Sequence[Entry]
) -> Iterator[tuple[str, OrderDecisions, Decision]]:
    """The decisions behind entries of a plan, by key."""
    wanted = {each.key for each in entries}
    orders = reader.orders_by_id(dict.fromkeys(each.order or "" for each in entries))
    for decided in decide_orders(project, reader, clock, orders=orders):
        for decision in decided.decisions:
            key = key_of(decided.facts.id, *decision.key)
            if key in wanted:
                yield key, decided, decision
