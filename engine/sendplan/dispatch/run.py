"""One execution of a plan: its threads, its lease and its results (docs/sending.md#what-happens-to-one-message)."""

from __future__ import annotations

import logging
import os
import queue
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from sendplan.addresses import mask_all
from sendplan.dispatch.commits import Commits
from sendplan.dispatch.desk import Desk
from sendplan.dispatch.job import Services
from sendplan.dispatch.lane import Lane
from sendplan.dispatch.model import Cause, DispatchReport, Ending, Result
from sendplan.dispatch.refusals_in_a_row import Streaks
from sendplan.dispatch.reports import LOGIN_REST, Reports
from sendplan.dispatch.stopping import Stop
from sendplan.dispatch.worker import LeaseLostError, Worker
from sendplan.events import emit
from sendplan.ledger import Record
from sendplan.mail.opening import credentials_problem
from sendplan.plan import Entry, Plan
from sendplan.problems import Exit, Problem, UserError
from sendplan.project.settings import Sender
from sendplan.scopes import Scope
from sendplan.store import journal
from sendplan.store.protocols import Store
from sendplan.store.records import LeftOpen, PlanRecord, SenderReport, StoreError

LEASE_SECONDS = 120.0
_RENEWAL_SECONDS = 5.0
_POLL_SECONDS = 0.1


def _streaks(store: Store, entries: Sequence[Entry], reported: Mapping[str, SenderReport]) -> Streaks:
    """A sender that stopped for refused addresses begins a new row: what it tries may be wrong for once."""
    stopped = {name for name, report in reported.items() if report.scope is Scope.ADDRESS}
    senders = {entry.sender for entry in entries if entry.sender} - stopped
    return Streaks(store, {entry.rule for entry in entries}, senders)


def _leave_wrong_login(lane: Lane, report: SenderReport | None, store: Store) -> None:
    """Every failed login counts towards a lock of the account, so a refused one is tried at most hourly."""
    name = lane.sender.name
    if report is not None and report.scope is Scope.LOGIN and not store.try_sender(name, LOGIN_REST):
        lane.stop(Cause.LOGIN, f"{report.reply}; tried again within the hour, or now with `sendplan smtp-test {name}`")


def recover(store: Store, journals: Path, at: datetime) -> tuple[Record, ...]:
    """Settle what vanished executions left behind: from their journals, else `uncertain`; returns the latter."""
    settled = journal.replay(journals, store)
    uncertain = store.recover(at)
    if settled or uncertain:
        emit("recovered", settled=settled, uncertain=len(uncertain))
    return uncertain


def owner() -> str:
    """Who holds a lease: host, process and a nonce of this boot."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        boot = "unknown"
    return f"{socket.gethostname()} {os.getpid()} {boot}"


def _refusal(record: PlanRecord) -> Problem:
    if record.state == "finished":
        message = f"plan {record.id} has already been executed: {record.sent} sent, {record.failed} failed"
        return Problem("plan-executed", message, help="make a new plan with `sendplan plan`, or use `sendplan run`")
    message = f"plan {record.id} is being executed by {record.owner}"
    return Problem(
        "plan-in-execution",
        message,
        help="wait until it ends; the plan of a process that died is freed after two minutes",
    )


class Execution:
    """One execution: the threads, the lease and the results."""

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
        self._plan = plan
        self._entries = entries
        self._senders = senders
        self._lanes: list[Lane] = []
        self._store = store
        self._stop = stop or Stop()
        self._services = replace(services, timeouts=replace(services.timeouts, over=self._stop.gives_up))
        self._progress = progress
        self._token = ""
        self._journal: journal.Journal
        self._results: dict[str, Result] = {}
        self._reported: deque[Result] = deque()
        self._ended: queue.SimpleQueue[Worker | None] = queue.SimpleQueue()
        """Workers that ended; None when a lane wants more."""
        self._commits = Commits(store, services.mark)
        self._broken: BaseException | None = None
        self._renewed = time.monotonic()

    def begin(self) -> bool:
        """Settle what others left behind and take the lease; False when the store or the system fails."""
        try:
            recover(self._store, self._services.journals, self._services.clock())
            self._token = self._take_lease()
            self._journal = journal.Journal(self._services.journals, self._token)
            self._open_lanes()
        except (OSError, StoreError) as error:
            self._break_off(error)
            self._give_back()
            return False
        emit("started", plan=self._plan.id, mails=len(self._entries))
        return True

    def _take_lease(self) -> str:
        token = self._store.start_plan(self._plan, owner(), LEASE_SECONDS)
        if isinstance(token, PlanRecord):
            raise UserError(_refusal(token), Exit.REFUSED)
        return token

    def _open_lanes(self) -> None:
        reports = self._store.sender_reports()
        keeper, reported = Reports(self._commits, reports), {each.sender: each for each in reports}
        streaks = _streaks(self._store, self._entries, reported)
        for name, sender in self._senders.items():
            stopped_by = reported[name].scope if name in reported else None
            lane = self._lane(sender, keeper, streaks, stopped_by)
            if problem := credentials_problem(sender):
                lane.cannot_log_in(problem.message)
            else:
                _leave_wrong_login(lane, reported.get(name), self._store)
            self._lanes.append(lane)

    def _lane(self, sender: Sender, keeper: Reports, streaks: Streaks, stopped_by: Scope | None) -> Lane:
        entries = [each for each in self._entries if each.sender == sender.name]
        return Lane(sender, entries, self._services.pauses, keeper, streaks, stopped_by)

    def _open_desk(self) -> Desk:
        services = self._services
        store = services.open_store()
        return Desk(store, self._journal, self._token, services.clock, self._commits, self._break_off)

    def to_end(self) -> DispatchReport:
        """Work until every lane is empty or stopped."""
        self._work()
        dying = self._broken is not None and not isinstance(self._broken, Exception)
        self._journal.close(settled=not dying and self._commits.close())
        self._take_reports()
        self._give_back()
        if self._broken is not None and not isinstance(self._broken, _TROUBLES):
            raise self._broken
        return self.report()

    def _work(self) -> None:
        """Work with a thread for each connection until nothing is left to take."""
        workers = [
            Worker(
                lane,
                number,
                open_desk=self._open_desk,
                services=self._services,
                stop=self._stop,
                report=self._reported.append,
            )
            for lane in self._lanes
            if lane.stopped is None
            for number in range(lane.connections)
        ]
        threads = [threading.Thread(target=self._guarded, args=(worker,), daemon=True) for worker in workers]
        for thread in threads:
            thread.start()
        self._watch(len(threads))

    def _guarded(self, worker: Worker) -> None:
        try:
            worker.run()
        except BaseException as error:
            self._break_off(error)
        finally:
            self._ended.put(worker)

    def _break_off(self, error: BaseException) -> None:
        """Without a ledger nothing may leave: every mail past its intent is finished, and no other begun."""
        if self._broken is not None:
            return
        self._broken = error
        emit("broken_off", level=logging.ERROR, error=type(error).__name__)
        why = "another process has taken over the plan" if isinstance(error, LeaseLostError) else _BROKEN_OFF[1]
        for lane in self._lanes:
            lane.stop(Cause.STOPPED, why)

    def _watch(self, working: int) -> None:
        while working:
            try:
                working -= self._one_ended()
                self._take_reports()
                self._look_around()
            except KeyboardInterrupt:
                self._stop.hurry() if self._stop.is_set() else self._stop.set()
            except Exception as error:
                self._break_off(error)

    def _look_around(self) -> None:
        """Whatever is to be done now and then while mails leave."""
        if self._stop.is_set():
            self._leave_the_rest()
        if time.monotonic() - self._renewed > _RENEWAL_SECONDS:
            self._renewed = time.monotonic()
            if not self._commits.run(lambda store: store.renew_lease(self._token, LEASE_SECONDS)):
                self._break_off(LeaseLostError())

    def _one_ended(self) -> bool:
        """Whether a worker ended within a moment; several are told one by one."""
        try:
            return self._ended.get(timeout=_POLL_SECONDS) is not None
        except queue.Empty:
            self._commits.flush()  # What a connection noted before it began to wait for its server.
            return False

    def _take_reports(self) -> None:
        """All of the last moment: being woken for each would cost the workers their turn."""
        while self._reported:
            self._note(self._reported.popleft())

    def _note(self, result: Result) -> None:
        self._results[result.key] = result
        self._progress(result)

    def _leave_the_rest(self) -> None:
        for lane in self._lanes:
            lane.stop(Cause.STOPPED, "stopped by a person")

    def report(self) -> DispatchReport:
        """What became of each entry."""
        return self._whole()

    def _whole(self) -> DispatchReport:
        left = self._left()
        for entry in self._entries:
            if entry.key in self._results:
                continue
            cause, why = left.get(entry.key) or _BROKEN_OFF
            if entry.sender not in self._senders:
                cause, why = Cause.LOGIN, f"sender {entry.sender} is no longer in the settings"
            self._results[entry.key] = Result(entry.key, Ending.OPEN, why, cause)
        results = tuple(self._results[entry.key] for entry in self._entries)
        return DispatchReport(
            plan=self._plan.id,
            results=results,
            stopped={lane.sender.name: lane.stopped[1] for lane in self._lanes if lane.stopped},
            interrupted=any(result.cause is Cause.STOPPED for result in results),
            trouble=_told(self._broken) if self._broken is not None else "",
        )

    def _left(self) -> Mapping[str, tuple[Cause, str] | None]:
        """What nobody took, and why."""
        return {entry.key: lane.stopped for lane in self._lanes for entry in lane.rest()}

    def _give_back(self) -> None:
        """Note in the store how it ended, unless the lease is another's by now, and raise the mark a last time."""
        report = self._whole()
        counts = {ending.value: report.count(ending) for ending in Ending}
        emit("ended", plan=report.plan, interrupted=report.interrupted, **counts)
        if isinstance(self._broken, LeaseLostError):
            return
        try:
            self._store.finish_plan(
                self._token,
                state="interrupted" if report.interrupted else "finished",
                sent=report.count(Ending.SENT),
                failed=report.count(Ending.FAILED),
                uncertain=report.count(Ending.UNCERTAIN),
                left_open=left_open(report),
                copies_refused=tuple(dict.fromkeys(each.copy_refused for each in report.results if each.copy_refused)),
            )
            self._services.mark(self._store.high_water())
        except (OSError, StoreError) as error:
            self._break_off(error)


def left_open(report: DispatchReport) -> tuple[LeftOpen, ...]:
    """What a plan did not send, by cause, the most frequent one first."""
    by_cause: dict[str, list[Result]] = {}
    for each in report.open:
        by_cause.setdefault(each.cause.value if each.cause else "", []).append(each)
    groups = [
        LeftOpen(cause, mask_all(each[0].why), len(each), tuple(result.key for result in each[:_KEYS_KEPT]))
        for cause, each in by_cause.items()
    ]
    return tuple(sorted(groups, key=lambda group: -group.count))


def _told(error: BaseException) -> str:
    """What broke a run off, and what to do about it, as one sentence."""
    if isinstance(error, UserError):
        return "; ".join(part for problem in error.problems for part in (problem.message, problem.help) if part)
    if isinstance(error, OSError) and error.strerror:
        return ": ".join(map(str, filter(None, (error.filename, error.strerror))))
    return str(error)


_KEYS_KEPT = 10
"""Of what stayed open for one cause, as many are kept by name."""
_BROKEN_OFF = (Cause.STOPPED, "the execution was interrupted")
_TROUBLES = (OSError, UserError, LeaseLostError)
"""What may happen to any run: told in its report. Everything else is a mistake of this program."""
