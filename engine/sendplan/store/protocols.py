"""What every store can do; one conformance suite runs over each of them.

Planning only calls the reading half, which has no side effects. Moments cross this border as aware UTC datetimes or
bare dates, money as `Decimal`; how a store keeps them is its own business, but for `OrderCells`. A reader or store
serves one thread at a time: each opens its own, which is cheap. Every method of the writing half is one short durable
transaction. Every method of both raises StoreError when the store itself fails, and no driver's own exception.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from types import MappingProxyType
from typing import Any, Protocol

from sendplan.deciding.narrowing import Index, Narrowing
from sendplan.ledger import (
    EVERY_CLASS,
    Bounce,
    BounceKind,
    History,
    Mailed,
    MessageKey,
    Move,
    Overrides,
    Record,
    RefusedData,
    Snooze,
    SnoozeSubject,
    State,
)
from sendplan.plan import Plan
from sendplan.scopes import Scope
from sendplan.store.claims import ClaimResult, Exchange, Intent, Settlement
from sendplan.store.hosts import Host, Lot, OpenPlan, PlanProgress, Rate
from sendplan.store.records import (
    Act,
    Approval,
    Imported,
    ImportRecord,
    LeftOpen,
    OrderCells,
    Pause,
    PlanRecord,
    RefusedRow,
    SenderReport,
    StoredOrder,
    Suppression,
)


class ImportRun(Protocol):
    """One import, one transaction: all of it is stored when its `with` block ends, nothing when that raises."""

    def encoder(self, field: str) -> Callable[[Any], Any] | None:
        """How this store keeps the values of a field, for `upsert` with `encoded`; None for those kept as they are.

        Whoever reads a file converts each of its texts once, and keeps what is stored of it.
        """

    def upsert(
        self, names: tuple[str, ...], rows: Sequence[tuple[int, tuple[Any, ...]]], *, encoded: bool = False
    ) -> tuple[RefusedRow, ...]:
        """Insert or update orders given as (number, values of `names`); `id` is among the names.

        A row has a number of its own within the import.

        None clears a field, a field not named stays as it is; with `encoded` the others are as `encoder` gives them.
        The refused rows come back, the others are taken.
        """

    def stored(self, ids: Iterable[str]) -> Mapping[str, StoredOrder]:
        """id → the order as it is within this import; unknown ids are left out."""

    def matching(self, field: str, texts: Iterable[str]) -> Mapping[str, tuple[tuple[str, str], ...]]:
        """text → id and account of the orders whose text field is so (`number` is the id where an order has none)."""

    def carried(self, fields: Iterable[str], accounts: Iterable[str] | None) -> tuple[str, ...]:
        """Note, for freshness, that this import carried `fields` for `accounts`; None: for those it had rows for.

        The accounts come back.
        """

    def brought(self, ids: Iterable[str], fields: Iterable[str], file: str = "", own: Collection[str] = ()) -> None:
        """Note that rows of a file that carries `fields` were stored: a mark ends when all of its fields came.

        Those of `own` end only a mark of `file` itself: another file writes them too.
        """

    def mark(self, refused: Mapping[str, RefusedData]) -> None:
        """Mark these orders, known or not: a row of theirs was refused. A mark that is new raises the version.

        An order that is marked already waits for the fields of both.
        """

    def undo(self) -> None:
        """Take back everything since the import began, which goes on: of a refused file only the marks are stored."""

    def finish(self, bad: int) -> Imported:
        """What this import changed."""


class OrderSource(Protocol):
    """Everything that planning needs."""

    def orders(self) -> Iterator[StoredOrder]:
        """Every order, by id."""

    def orders_by_id(self, ids: Iterable[str]) -> Iterator[StoredOrder]:
        """These orders, by id; unknown ids are left out."""

    def candidates(
        self, narrowings: Sequence[Narrowing], fields: Collection[str] | None = None
    ) -> Iterator[StoredOrder]:
        """The orders within any of these narrowings, each once, with these fields (all: None), or with more.

        A store that cannot narrow gives every order.
        """

    def cells(
        self, narrowings: Sequence[Narrowing], fields: Sequence[str], rules: Collection[str]
    ) -> Iterator[OrderCells] | None:
        """The same orders with these fields as the store keeps them, each with its ledger rows under `rules`.

        None where a store keeps no cells, or ones that cannot be compared now.
        """

    def accounts(self) -> frozenset[str]:
        """The accounts that have orders."""

    def histories(self, ids: Iterable[str], rules: Collection[str] | None = None) -> Mapping[str, History]:
        """The ledger's rows of these orders, or only those of `rules`, and the marks of refused rows.

        An order without either is absent.
        """

    def imported(self) -> Mapping[str, Mapping[str, datetime]]:
        """account → field → when an import last carried it (UTC)."""

    def overrides(self) -> Overrides:
        """Suppressed addresses, snoozes and pauses."""

    def first_runs(self) -> Mapping[str, datetime]:
        """rule → the time that its first run went by (UTC)."""

    def counts(self) -> Mapping[str, int]:
        """Number of orders (`orders`) and of ledger rows by state."""


class Reader(OrderSource, Protocol):
    """The reading half: also what `status` and `explain` show."""

    def find(self, text: str, limit: int) -> tuple[StoredOrder, ...]:
        """At most `limit` orders that a search matches (`store.search`), those that it names exactly first, then by id.

        One look at every order.
        """

    def ordered_before(self, moment: datetime) -> tuple[str, ...]:
        """The ids of the orders that were placed before a moment (UTC)."""

    def import_records(self, limit: int = 10) -> tuple[ImportRecord, ...]:
        """The latest imports, newest first."""

    def last_imports(self) -> tuple[ImportRecord, ...]:
        """The latest import of each source, and the latest of a file that somebody named; newest first."""

    def suppressions(self) -> tuple[Suppression, ...]:
        """Suppressed addresses, by address and class."""

    def snoozes(self) -> tuple[Snooze, ...]:
        """Snoozes, also those that are over, by subject, name and rule."""

    def pauses(self) -> tuple[Pause, ...]:
        """Paused senders and rules, by name."""

    def sender_reports(self) -> tuple[SenderReport, ...]:
        """The senders that cannot send, by name."""

    def records(self, states: Iterable[State]) -> Iterator[Record]:
        """Ledger rows in these states, oldest first."""

    def sent(self, begin: datetime, end: datetime, limit: int) -> Iterator[Record]:
        """At most `limit` messages that went out from `begin` until before `end` (UTC), the latest first."""

    def sent_by_rule(self, begin: datetime, end: datetime) -> Mapping[str, int]:
        """How many messages went out from `begin` until before `end` (UTC), by rule."""

    def moves(self, order: str, key: MessageKey) -> tuple[Move, ...]:
        """Everything that ever happened to one message, oldest first; it survives an opened row."""

    def mailed(self, digest: str) -> Mailed | None:
        """The message with this `ledger.message_digest`, if it was sent, or may have been."""

    def bounces_of(self, order: str, key: MessageKey) -> tuple[Bounce, ...]:
        """What came back of one message, oldest first."""

    def last_bounces(self, limit: int) -> tuple[Bounce, ...]:
        """At most `limit` bounces, newest first."""

    def bounce_counts(self) -> Mapping[BounceKind, int]:
        """How many bounces there were of each kind."""

    def refusals(self, rule: str, limit: int) -> tuple[str, ...]:
        """The latest replies to messages of this rule that failed, at most `limit`, newest first.

        Only since the last one that was sent, and since the rule was last resumed.
        """

    def sender_refusals(self, sender: str, limit: int) -> tuple[str, ...]:
        """The same for a sender: only since the last one that was sent, and since the report on it last ended."""

    def approvals(self, since: datetime) -> tuple[Approval, ...]:
        """The approvals given at `since` (UTC, the real clock) or later, newest first."""

    def acts(self, limit: int) -> tuple[Act, ...]:
        """What people changed by hand, the latest, newest first."""

    def plan_records(self, limit: int = 10) -> tuple[PlanRecord, ...]:
        """The latest executed plans, newest first."""

    def live_leases(self, at: datetime) -> frozenset[str]:
        """The tokens of the executions that are at work; `at` is the real time (UTC)."""

    def hosts_at_work(self, at: datetime) -> tuple[Host, ...]:
        """The processes that send, or wait for something to send; `at` is the real time (UTC)."""

    def rates(self, at: datetime) -> Mapping[str, Rate]:
        """What each sender has sent lately; `at` is the real time (UTC)."""

    def plan(self, plan_id: str) -> Plan | None:
        """A plan that was handed to the dispatcher."""

    def meta(self, name: str) -> str | None:
        """A note that the project keeps in the store, such as its identity."""

    def high_water(self) -> int:
        """A number that every execution and every move in the ledger raises: a restored backup shows a lower one."""

    def close(self) -> None:
        """Release the connection."""


class Store(Reader, Protocol):
    """The writing half: `import`, `resolve` and the dispatcher."""

    def ensure_indexes(self, indexes: Iterable[Index]) -> None:
        """Have these indexes, which make planning quick, and none that an earlier call made beside them.

        A login that may not make any leaves them as they are.
        """

    def importing(
        self, file: str, at: datetime, accounts: Mapping[str, str] = MappingProxyType({})
    ) -> AbstractContextManager[ImportRun]:
        """Begin the import of `file`; `at` is when its data came (UTC).

        `accounts` leads from each name that an account has or had to its present one, which the rows carry; a stored
        order keeps the name that it came with.
        """

    def note_import(self, record: ImportRecord) -> None:
        """Add to the log of imports."""

    def move(self, order: str, key: MessageKey, to: State | None, *, at: datetime, reply: str = "") -> bool:
        """A person's move of a message (`resolve`); None opens it again.

        False when the ledger's present state does not allow it, or before the row's `repeat_from`. Opening a failed
        message again lifts the suppression that its refusal made.
        """

    def unmark(self, order: str) -> bool:
        """End the mark that a refused row left on an order (`resolve`); False when there was none."""

    def suppress(self, address: str, *, at: datetime, reason: str = "", klass: str = EVERY_CLASS) -> bool:
        """Send nothing, or nothing of a class, to this address any more; False when its mailbox was suppressed so."""

    def unsuppress(self, address: str, klass: str = EVERY_CLASS) -> bool:
        """Lift this suppression, and no other; False when there was none."""

    def note_mail(self, fingerprint: str, at: datetime) -> bool:
        """Note that a mail to the shop was read; False when it was before."""

    def note_bounce(self, bounce: Bounce) -> None:
        """Add a bounce to its message's history; the message's state stays what it is."""

    def snooze(self, snooze: Snooze) -> bool:
        """Put messages off, in place of an earlier snooze of the same subject and rule; False when there was one."""

    def wake(self, subject: SnoozeSubject, name: str, rule: str | None = None) -> bool:
        """End the snooze of this rule (`""`: of all rules), or whatever is snoozed there (None); False without any."""

    def note_run(self, rules: Collection[str], at: datetime) -> None:
        """Note that a run decided on these rules; `at` (UTC) is the time that it goes by."""

    def trust_addresses_again(self, sender: str) -> int:
        """Lift the suppressions that refusals of this sender made since it last sent one; how many there were."""

    def pause(self, name: str, *, at: datetime, reason: str = "", automatic: bool = False) -> bool:
        """Hold a sender's or rule's messages, `*` all; False when it was already paused.

        `automatic` when the dispatcher does it, so that a person is told.
        """

    def resume(self, name: str) -> bool:
        """End a pause; False when there was none."""

    def approve(self, approval: Approval) -> None:
        """Keep a person's approval of a plan."""

    def note_act(self, act: Act) -> None:
        """Note what somebody did by hand; a note is never changed or removed."""

    def report_sender(self, sender: str, scope: Scope, reply: str) -> None:
        """Note that a sender cannot send, by the store's real clock; `since` stays that of the first note."""

    def try_sender(self, sender: str, rest: float) -> bool:
        """Note a new try with a reported sender; False when the latest one is less than `rest` seconds ago.

        A sender without a report may always be tried.
        """

    def clear_sender(self, sender: str) -> bool:
        """The sender works again; False when there was no report."""

    def forget(
        self, orders: Collection[str], addresses: Collection[str] = (), texts: Collection[str] = (), *, at: datetime
    ) -> Mapping[str, str]:
        """Erase these orders with all that is known of them; order → the alias under which the ledger keeps its mails.

        Later rows of them are passed over. Snoozes of these addresses go too; one that was suppressed is suppressed
        again when a new order brings it. `texts` are taken out of messages that name them. `at` is the real time
        (UTC). Raises StoreError while one of their mails is on its way.
        """

    def forgotten(self, orders: Iterable[str]) -> Mapping[str, str]:
        """Of these orders, those that were forgotten → what their messages are kept under."""

    def purge(self) -> None:
        """Leave nothing readable in the store's files of what was ever deleted or changed in it."""

    def set_meta(self, name: str, value: str) -> None:
        """Keep a note in the store."""

    def together(self) -> AbstractContextManager[None]:
        """One transaction for all changes within: durable at its end, or none of them. Waits for other writers."""

    def start_plan(self, plan: Plan, owner: str, lease_seconds: float) -> str | PlanRecord:
        """Take the lease on a plan, kept whole in the store: a token, or the record that refuses it.

        A finished plan is refused for ever, one under a live lease while that lasts; an interrupted one may be
        continued by anyone. Leases run by the store's real clock.
        """

    def renew_lease(self, token: str, lease_seconds: float) -> bool:
        """Prolong the lease; False when it is another's by now."""

    def finish_plan(
        self,
        token: str,
        *,
        state: str,
        sent: int,
        failed: int,
        uncertain: int,
        left_open: Sequence[LeftOpen] = (),
        copies_refused: Sequence[str] = (),
    ) -> bool:
        """Give the lease back, `finished` or `interrupted`, adding what this execution sent; False without a lease.

        `left_open` takes the place of what an earlier execution of the same plan left.
        """

    def claim(self, intents: Sequence[Intent]) -> tuple[ClaimResult, ...]:
        """The durable intents, immediately before the last bytes: `sending` rows, or `deferred` ones turned into them.

        An answer for each, as if they came one after the other: one that is refused concerns no other.

        Only under a live lease, while the order is still at `version`, nothing was paused (rule, sender, all) or
        snoozed, `address` is not suppressed for the class, and the sender's limits allow `recipients` more. Limits are
        counted in recipients over all processes, by the store's real clock.
        """

    def settle(self, outcomes: Sequence[Settlement]) -> tuple[bool, ...]:
        """The outcomes of intents, one after the other.

        Only with the intent's token, from `sending`, or late from `uncertain`; False otherwise.
        """

    def exchange(self, outcomes: Sequence[Settlement], intents: Sequence[Intent]) -> Exchange:
        """Settle outcomes, then claim intents, durable together; with a server in between, in one round trip.

        Raises StoreError when nothing of it was changed.
        """

    def refuse(
        self,
        order: str,
        key: MessageKey,
        to: State,
        *,
        token: str,
        sender: str,
        at: datetime,
        reply: str,
        next_attempt: datetime | None = None,
    ) -> bool:
        """A refusal before the end of the message, which was certainly not sent: `deferred` or `failed`, no intent.

        Only from no row, or from a `deferred` one whose next attempt has come; False otherwise.
        """

    def recover(self, at: datetime) -> tuple[Record, ...]:
        """Make every `sending` row whose lease has ended `uncertain`, and return these rows.

        Their executor, or its journal, may still `settle` them with their token.
        """

    @property
    def shared(self) -> bool:
        """Whether several hosts may work on it."""

    def real_time(self) -> float:
        """The store's real clock, in seconds since 1970."""

    def share_plan(self, token: str, lots: Sequence[Lot], sending_at: datetime | None = None) -> None:
        """Let other hosts take part in the plan of this lease; parts that some still work on stay as they are.

        `sending_at` is the time (UTC) that somebody gave it to go by.
        """

    def open_plans(self) -> tuple[OpenPlan, ...]:
        """The plans in which a host may take part: somebody is at work on them, and not all has ended."""

    def join(self, owner: str, lease_seconds: float, plan: str = "") -> str | None:
        """Take part in an open plan, or wait for one: a lease's token, or None when it is not open any more."""

    def leave(self, token: str) -> None:
        """End taking part: what was taken and has not ended is free again."""

    def take_lot(self, token: str, sender: str) -> Lot | None:
        """A part of the plan that nobody has in hand, or whose host vanished; None when there is none now."""

    def end_lot(self, token: str, number: int, results: str) -> bool:
        """Note what came of a part; False when it is another's by now."""

    def ended_lots(self, token: str) -> tuple[str, ...]:
        """What came of the parts that others ended."""

    def progress(self, token: str) -> PlanProgress:
        """How far the plan of this lease has come."""

    def hold_connections(self, token: str, sender: str, limit: int, open_now: int) -> int:
        """How many connections this lease may have open to a sender's server: its share of `limit` over all hosts.

        `open_now` are those that it has; they count until it has closed them.
        """

    def let_connections_go(self, token: str, sender: str) -> None:
        """This lease has no connection to the sender's server any more."""

    def take_firing(self, moment: datetime) -> bool:
        """Take on this moment (UTC) of the schedule, for all hosts; False when it, or a later one, was taken on."""
