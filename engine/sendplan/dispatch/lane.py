"""One sender's share of a plan: what is next, and whether anything may leave right now."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable

from sendplan.dispatch.circuit_breaker import Breaker
from sendplan.dispatch.minute_pace import Pace
from sendplan.dispatch.model import CAUSES, Cause, Pauses
from sendplan.dispatch.refusals_in_a_row import Streaks
from sendplan.dispatch.reports import Reports
from sendplan.events import emit
from sendplan.plan import Entry
from sendplan.project.settings import Sender
from sendplan.scopes import Scope

TRIES = 3
"""How often one message may lose its connection before it is left open, whatever the others do."""


_AHEAD = 2
"""For each connection so many entries should wait."""


class Lane:
    """Shared by the sender's connections; every method may be called from any thread."""

    def __init__(
        self,
        sender: Sender,
        entries: Iterable[Entry],
        pauses: Pauses,
        reports: Reports,
        streaks: Streaks,
        report: Scope | None = None,
        *,
        hungry: Callable[[], None] | None = None,
    ) -> None:
        """`report`: why an earlier execution could not send; then one mail goes first.

        With `hungry`, which is called when little is left, more entries may be added, and connections are allowed
        one by one (`allow`).
        """
        self.sender = sender
        self.streaks = streaks
        self.doubting = report is Scope.ADDRESS
        """The server knew none of several buyers: it is not believed until it takes a mail."""
        self.stopped: tuple[Cause, str] | None = None
        """Why nothing more leaves."""
        self._waiting = deque(entries)
        self._orders: set[str | None] = set()
        self._tries: Counter[str] = Counter()
        self._pauses = pauses
        self._reports = reports
        self._proving = report is not None
        self._breaker = Breaker(pauses)
        self._pace = Pace(sender.limits.per_minute)
        self._hungry = hungry
        self.may_grow = hungry is not None
        """Whether more entries may still come."""
        self._connections = sender.limits.connections if hungry else min(sender.limits.connections, len(self._waiting))
        self._allowed = 0 if hungry else self._connections
        self._open = 0
        self._slowdowns = 0
        self._resume_at = float("-inf")
        self._changed = threading.Condition()

    @property
    def connections(self) -> int:
        """How many may be open at once, at present."""
        return self._connections

    def take(self, number: int) -> Entry | None:
        """The next entry for connection `number`, counted from 0; None when there is nothing more for it, or not now.

        Waits while the sender rests, while all that is left belongs to orders in other hands (one order's mails leave
        in the plan's order), and while those may still put something back.
        """
        with self._changed:
            while not self._over(number) and number < self._allowed:
                now = time.monotonic()
                rest = max(self._resume_at, self._breaker.resume_at) - now
                if rest <= 0:
                    rest = self._pace.wait(now)
                entry = self._next_free() if rest <= 0 else None
                if entry is not None:
                    return entry
                self._changed.wait(rest if rest > 0 else None)
            return None

    def _over(self, number: int) -> bool:
        left = self._waiting or self._orders or self.may_grow
        return self.stopped is not None or not left or number >= self._connections

    def parked(self, number: int) -> bool:
        """Wait until connection `number` may be open; False when there is nothing more for it."""
        with self._changed:
            self._changed.wait_for(lambda: self._over(number) or number < self._allowed)
            return not self._over(number)

    def connected(self, change: int) -> None:
        """A connection was opened (1) or closed (-1)."""
        with self._changed:
            self._open += change

    @property
    def open(self) -> int:
        """How many connections there are."""
        return self._open

    def allow(self, connections: int) -> None:
        """So many connections may be open from now on; those above it close after their mail."""
        with self._changed:
            self._allowed = connections
            self._changed.notify_all()

    @property
    def wants_more(self) -> bool:
        """Whether entries should be added."""
        with self._changed:
            return self.may_grow and self.stopped is None and len(self._waiting) < _AHEAD * max(self._allowed, 1)

    def add(self, entries: Iterable[Entry]) -> None:
        """More to send, after what waits."""
        with self._changed:
            self._waiting.extend(entries)
            self._changed.notify_all()

    def grow(self, may: bool) -> None:
        """Whether more entries may come."""
        with self._changed:
            self.may_grow = may
            self._changed.notify_all()

    def ahead(self, number: int) -> Entry | None:
        """What connection `number` may prepare while it still sends; None when it had better ask `take` later."""
        with self._changed:
            if self.resting or self.sender.limits.per_minute or number >= min(self._connections, self._allowed):
                return None
            return self._next_free()

    @property
    def resting(self) -> bool:
        """Whether nothing may leave right now."""
        return self.stopped is not None or max(self._resume_at, self._breaker.resume_at) > time.monotonic()

    def _next_free(self) -> Entry | None:
        if (self._breaker.probing or self._proving) and self._orders:
            return None
        entry = next((each for each in self._waiting if each.order not in self._orders), None)
        if entry is not None:
            self._waiting.remove(entry)
            self._orders.add(entry.order)
        if self._hungry is not None and self.may_grow and len(self._waiting) < _AHEAD * self._allowed:
            self._hungry()
        return entry

    def done(self, entry: Entry) -> None:
        """This entry has its result."""
        with self._changed:
            self._orders.discard(entry.order)
            self._changed.notify_all()

    def put_back(self, entry: Entry, *, lost: bool) -> bool:
        """Try this entry again, before all others; False when nothing leaves any more.

        False also when its try was `lost` often enough: it may be the message that the server cannot bear.
        """
        with self._changed:
            self._tries[entry.key] += lost
            if self.stopped is not None or self._tries[entry.key] >= TRIES:
                return False
            self._orders.discard(entry.order)
            self._waiting.appendleft(entry)
            self._changed.notify_all()
            return True

    def rest(self) -> tuple[Entry, ...]:
        """What nobody took."""
        with self._changed:
            return tuple(self._waiting)

    def stop(self, cause: Cause, why: str) -> None:
        """Nothing more leaves; the first reason stands."""
        with self._changed:
            if self.stopped is None:
                self.stopped = (cause, why)
                # What the operator or the shop's own limits stop is in order.
                level = logging.ERROR if cause in CAUSES.values() else logging.INFO
                emit("sender_stopped", level, sender=self.sender.name, cause=cause)
            self._changed.notify_all()

    def sent(self, recipients: int) -> None:
        """The end of a message left."""
        with self._changed:
            self._pace.sent(time.monotonic(), recipients)

    def opened(self) -> None:
        """A connection is ready for mails."""
        with self._changed:
            self._breaker.reached()

    def answered(self) -> None:
        """The server works: it said something about one message."""
        with self._changed:
            self._breaker.succeeded()
            self._slowdowns = 0
            self._changed.notify_all()
        self._reports.answered(self.sender.name)

    def accepted(self, rule: str) -> None:
        """The server took a mail of this rule over: the sender works."""
        self.streaks.taken(rule, self.sender.name)
        with self._changed:
            self._proving = self.doubting = False
        self.answered()
        self._reports.accepted(self.sender.name)

    def refused(self, scope: Scope, reply: str) -> None:
        """Nothing of this sender is taken: it stops, and the store keeps why."""
        self.doubting = self.doubting or scope is Scope.ADDRESS
        self._reports.stopped(self.sender.name, scope, reply)
        self.stop(CAUSES[scope], reply)

    def cannot_log_in(self, why: str) -> None:
        """This computer cannot read the sender's credentials: it leaves the sender to others, and says so."""
        self._reports.unreadable(self.sender.name, why)
        self.stop(CAUSES[Scope.CREDENTIALS], why)

    def host_failed(self, why: str) -> None:
        """The server could not be reached, or went away."""
        with self._changed:
            self._breaker.failed(time.monotonic())
            emit("host_failed", logging.WARNING, sender=self.sender.name, probing=self._breaker.probing)
            self._changed.notify_all()
            resting, given_up = self._breaker.probing, self._breaker.given_up
        if resting:
            self._reports.stopped(self.sender.name, Scope.HOST, why)
        if given_up:
            self.stop(Cause.SENDER_DOWN, why)

    def connection_failed(self, why: str) -> None:
        """A connection could not be opened: a server that works may just want one fewer."""
        with self._changed:
            one_fewer = self._breaker.working and self._connections > 1
            if one_fewer:
                self._connections -= 1
                self._changed.notify_all()
        if not one_fewer:
            self.host_failed(why)

    def slow_down(self, why: str) -> None:
        """The server finds us too fast: one connection fewer, and a rest that grows."""
        with self._changed:
            if time.monotonic() < self._resume_at:
                return  # Another connection has heard it already.
            exhausted = self._slowdowns >= len(self._pauses.rate)
            if not exhausted:
                self._resume_at = time.monotonic() + self._pauses.rate[self._slowdowns]
            self._slowdowns += 1
            self._connections = max(self._connections - 1, 1)
            emit("slowed_down", logging.WARNING, sender=self.sender.name, connections=self._connections)
            self._changed.notify_all()
        self._reports.stopped(self.sender.name, Scope.ACCOUNT_RATE, why)
        if exhausted:
            self.stop(Cause.RATE, why)

    def wait_for_quota(self, seconds: float, why: str) -> None:
        """Our own limit is used up: wait when it soon frees, else leave the rest open."""
        if seconds > self._pauses.quota:
            self.stop(Cause.LIMITS, why)
            return
        with self._changed:
            self._resume_at = max(self._resume_at, time.monotonic() + seconds)
            self._changed.notify_all()
