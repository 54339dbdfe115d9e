"""A plan that several hosts send together: whoever began it, and those that take part (docs/hosts.md#sending-together).

Each takes a few messages at a time and opens its share of the connections. What keeps a message from going out twice is
its intent alone, as on one host.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from sendplan.dispatch import run
from sendplan.dispatch.job import Services
from sendplan.dispatch.lane import Lane
from sendplan.dispatch.model import Cause, DispatchReport, Result
from sendplan.dispatch.refusals_in_a_row import Streaks
from sendplan.dispatch.reports import Reports
from sendplan.dispatch.run import Execution, owner
from sendplan.dispatch.share import Share, lots_of
from sendplan.dispatch.stopping import Stop
from sendplan.plan import Entry, Plan
from sendplan.project.settings import Sender
from sendplan.scopes import Scope
from sendplan.store.hosts import PlanProgress
from sendplan.store.protocols import Store
from sendplan.store.records import StoreError

LOOK_SECONDS = 1.0
"""How often a host looks at what the others do."""

PATIENCE_SECONDS = 10.0
"""How long what this host cannot send is left for another one, and how long one waits for a connection."""

_RECOVERY_SECONDS = 10.0


class SharedExecution(Execution):
    """What all hosts of a plan do."""

    def __init__(
        self,
        plan: Plan,
        entries: tuple[Entry, ...],
        senders: Mapping[str, Sender],
        services: Services,
        store: Store,
        stop: Stop | None,
        progress: Callable[[Result], None],
    ) -> None:
        super().__init__(plan, entries, senders, services, store, stop, progress)
        # The run's own store is used by whichever thread commits.
        self._share_store = services.open_store()
        self._share: Share | None = None
        self._allowed: dict[str, int] = {}
        """Sender → how many connections this host may have open."""
        self._looked = self._recovered = float("-inf")
        self._without_connection: dict[str, float] = {}
        """Sender → since when this host may not open any."""

    def begin(self) -> bool:
        try:
            return super().begin()
        except BaseException:
            self._share_store.close()
            raise

    def _open_lanes(self) -> None:
        self._share = Share(self._share_store, self._token, self._entries)
        super()._open_lanes()

    def _lane(self, sender: Sender, keeper: Reports, streaks: Streaks, stopped_by: Scope | None) -> Lane:
        pauses = self._services.pauses
        return Lane(sender, (), pauses, keeper, streaks, stopped_by, hungry=lambda: self._ended.put(None))

    def _work(self) -> None:
        super()._work()
        while self._more_to_do():
            super()._work()

    def _more_to_do(self) -> bool:
        """Wait until there is something to take here again; False when the plan, or this host's part, has ended."""
        since = time.monotonic()
        try:
            for lane in self._lanes:
                self._part.let_connections_go(lane.sender)
            self._allowed.clear()
            while self._broken is None and not self._stop.is_set():
                self._look_around()
                progress = self._part.progress()
                lanes = [each for each in self._lanes if each.stopped is None and each.sender.name in progress.free]
                if progress.executing and lanes:
                    for lane in lanes:
                        lane.grow(True)
                    return True
                if not self._worth_waiting(progress, time.monotonic() - since):
                    break
                self._stop.wait(LOOK_SECONDS / 4)
        except (OSError, StoreError) as error:
            self._break_off(error)
        return False

    @abstractmethod
    def _worth_waiting(self, progress: PlanProgress, waited: float) -> bool:
        """Whether there may be something to do for this host after all."""

    @property
    def _part(self) -> Share:
        assert self._share is not None
        return self._share

    def _look_around(self) -> None:
        super()._look_around()
        now = time.monotonic()
        if looking := now - self._looked > LOOK_SECONDS:
            self._looked = now
            if not self._part.progress().executing:
                self._ended_elsewhere()
        if now - self._recovered > _RECOVERY_SECONDS:
            self._recovered = now
            self._commits.run(lambda store: store.recover(self._services.clock()))
        for lane in self._lanes:
            if lane.stopped is None and lane.may_grow:
                self._feed(lane, looking=looking)

    def _ended_elsewhere(self) -> None:
        for lane in self._lanes:
            lane.stop(Cause.STOPPED, "the plan was ended on another host")

    def _feed(self, lane: Lane, *, looking: bool) -> None:
        """Let the lane have its share of the connections, and of what is left."""
        name, now = lane.sender.name, time.monotonic()
        if looking or name not in self._allowed:
            self._allowed[name] = self._part.connections(lane.sender, lane.open)
            lane.allow(self._allowed[name])
        if self._allowed[name] == 0:
            if now - self._without_connection.setdefault(name, now) > PATIENCE_SECONDS:
                del self._without_connection[name]
                lane.grow(False)
            return
        self._without_connection.pop(name, None)
        while lane.wants_more:
            entries = self._part.more(name)
            lane.add(entries)
            if not entries:
                lane.grow(False)

    def _note(self, result: Result) -> None:
        super()._note(result)
        self._part.note(result)

    def _left(self) -> Mapping[str, tuple[Cause, str] | None]:
        stopped = {lane.sender.name: lane.stopped for lane in self._lanes}
        return {entry.key: stopped.get(entry.sender or "") for entry in self._entries}

    def _merge(self) -> None:
        """Take in what came of the others' messages, and what the ledger knows of those that a vanished host sent."""
        for result in self._part.of_others():
            if result.key not in self._results:
                super()._note(result)
        for key, result in self._results.items():
            self._results[key] = self._part.settled(self._plan.id, result)

    def _leave(self) -> None:
        try:
            if self._share is not None:
                self._share.leave()
        except StoreError as error:
            self._break_off(error)
        finally:
            self._share_store.close()


class PlanEndedError(Exception):
    """There is nothing to take part in any more."""


class Beginner(SharedExecution):
    """The host that made the plan: it waits for the others, and tells what came of all."""

    def __init__(
        self,
        plan: Plan,
        entries: tuple[Entry, ...],
        senders: Mapping[str, Sender],
        services: Services,
        store: Store,
        stop: Stop | None,
        progress: Callable[[Result], None],
        *,
        sending_at: datetime | None,
    ) -> None:
        super().__init__(plan, entries, senders, services, store, stop, progress)
        self._sending_at = sending_at

    def _take_lease(self) -> str:
        with self._store.together():
            token = super()._take_lease()
            mine = [entry for entry in self._entries if entry.sender in self._senders]
            self._store.share_plan(token, lots_of(mine), self._sending_at)
            return token

    def _worth_waiting(self, progress: PlanProgress, waited: float) -> bool:
        elsewhere = bool(progress.free) and progress.others and waited < PATIENCE_SECONDS
        return progress.executing and (progress.held or elsewhere)

    def _give_back(self) -> None:
        try:
            if self._share is not None:
                self._merge()
        except StoreError as error:
            self._break_off(error)
        super()._give_back()
        self._leave()


class Helper(SharedExecution):
    """A host that takes part in what another one began, and ends it should that one vanish."""

    _mine: frozenset[str] = frozenset()
    """The messages of which this host knows itself what came of them."""

    def begin(self) -> bool:
        """Raises PlanEndedError, and whatever is wrong with the store or the system."""
        begun = super().begin()
        if self._broken is not None:
            raise self._broken
        return begun

    def _take_lease(self) -> str:
        token = self._store.join(owner(), run.LEASE_SECONDS, self._plan.id)
        if token is None:
            raise PlanEndedError
        return token

    def _worth_waiting(self, progress: PlanProgress, waited: float) -> bool:
        return progress.executing and (progress.held or progress.led)

    def report(self) -> DispatchReport:
        """What became of this host's messages."""
        results = tuple(self._results[each.key] for each in self._entries if each.key in self._mine)
        return replace(self._whole(), results=results)

    def _give_back(self) -> None:
        self._mine = frozenset(self._results)
        if self._share is None:
            self._share_store.close()
            return
        try:
            progress = self._part.progress()
            if progress.executing and not (progress.led or progress.free or progress.held):
                self._merge()
                super()._give_back()
            else:
                self._services.mark(self._store.high_water())
        except (OSError, StoreError) as error:
            self._break_off(error)
        self._leave()
