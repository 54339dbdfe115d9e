"""What is done to sendplan, and the figures of each: kills, broken servers, full disks, clocks, other people."""

from __future__ import annotations

import random
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial

from disks import DISKS, full
from points import POINTS
from processes import LEASE_SECONDS, Conditions
from restores import RESTORES, backup_of_the_last_moment, no_place_for_the_mark, restored, restored_at_random
from server import FAULTS
from shop import NOW, Row, shop

from sendplan.ledger import State
from sendplan.mail.smtp import Session

Fault = Callable[[], Row]

AFTER_THE_DOT = frozenset(
    {
        "takes the mail, then hangs up",
        "takes the mail, then is silent",
        "hangs up before taking the mail",
        "is silent at BODY",
        "hangs up at BODY",
        "is silent at DOT",
        "garbage after the dot",
        "an endless line after the dot",
    }
)
"""Faults that show only when the whole mail has left: whatever happens in the body may be noticed too late."""


def kills(number: int, *, at_once: int = 3, mails: int = 60, seed: int = 1) -> Row:
    """kill -9 at random moments, several processes with different plans on one store."""
    chance = random.Random(seed)
    with shop(connections=3) as one:
        killed = rounds = 0
        while killed < number:
            rounds += 1
            one.order(mails)
            processes = [one.start("run", at=NOW + timedelta(seconds=chance.randrange(50))) for _ in range(at_once)]
            for process in processes:
                time.sleep(chance.random() * 0.12)
                if not process.ended():
                    process.send(signal.SIGKILL)
            killed += sum(process.wait() == 128 + signal.SIGKILL for process in processes)
        one.heal()
        return one.row(f"kill -9 at {killed} random moments, {at_once} processes on one store")


def kill_at(point: str) -> Row:
    """kill -9 at one named point of the protocol."""
    patch, unknown = POINTS[point]
    with shop() as one:
        one.order(8)
        process = one.run(conditions=Conditions(at_start=patch))
        note = "" if process.code == 128 + signal.SIGKILL else f"! ended with {process.code}"
        one.heal(runs=1)
        return one.row(f"kill -9 {point}", note, may_be_uncertain=unknown)


def stopped_longer_than_its_lease() -> Row:
    """SIGSTOP in the middle; another process takes over; SIGCONT."""
    with shop(connections=2) as one:
        one.server.start("slow")
        one.order(60)
        first = one.start("run")
        one.server.wait_for(10)
        first.send(signal.SIGSTOP)
        time.sleep(LEASE_SECONDS + 0.5)
        one.run(at=NOW + timedelta(seconds=1))
        first.send(signal.SIGCONT)
        first.wait()
        one.heal(runs=1)
        return one.row("SIGSTOP longer than a lease, meanwhile another run")


def terminated(mails: int) -> Row:
    """SIGTERM in the middle; a second run sends the rest."""
    with shop(connections=4) as one:
        one.order(mails)
        process = one.start("run")
        one.server.wait_for(mails // 3)
        process.send(signal.SIGTERM)
        code = process.wait()
        before = len(one.server.accepted())
        one.run(at=NOW + timedelta(minutes=1))
        note = f"{before} before the end, exit code {code}"
        return one.row(f"SIGTERM in the middle of {mails} mails", note, may_be_uncertain=False)


def paused(connections: int) -> Row:
    """`sendplan pause` in the middle; what is accepted after it has ended."""
    with shop(connections=connections) as one:
        one.server.start("slow")
        one.order(200)
        process = one.start("run")
        one.server.wait_for(20)
        one.run("pause")
        before = len(one.server.accepted())
        process.wait()
        after = len(one.server.accepted()) - before
        one.run("resume")
        one.run(at=NOW + timedelta(minutes=1))
        wrong = "!" if after > connections or before >= 200 else ""
        note = f"{after} mails after the pause{wrong}"
        return one.row(f"a pause, {connections} connections", note, may_be_uncertain=False)


def broken_server(fault: str) -> Row:
    """A server that is broken in this way, then a healthy one."""
    with shop(connections=2) as one:
        one.order(24)
        one.server.start(fault)
        if fault in ("no TLS", "foreign certificate"):
            one.configure(security="starttls")
        for minute in range(3):
            one.run(at=NOW + timedelta(minutes=minute), conditions=Conditions(hours_ahead=minute))
        one.heal()
        failed = one.count(State.FAILED)
        note = f"{failed} failed and listed" if failed else ""
        return one.row(f"server: {fault}", note, may_be_uncertain=fault in AFTER_THE_DOT)


def full_disk() -> Row:
    """No file may grow beyond a size that is reached in the middle."""
    with shop() as one:
        one.order(200)
        size = max(path.stat().st_size for path in one.folder.glob("var/shop.db*"))
        code = one.run(conditions=Conditions(file_limit=size + 150_000)).code
        before = len(one.server.accepted())
        one.heal(runs=2)
        note = f"{before} mails before, exit code {code}" + ("!" if before in (0, 200) or code != 4 else "")
        return one.row("the disk is full in the middle", note, may_be_uncertain=False)


def locked_database() -> Row:
    """Another program holds the store's lock for longer than anybody waits."""
    with shop(connections=2) as one:
        one.server.start("slow")
        one.order(60)
        process = one.start("run", conditions=Conditions(busy_seconds=0.5))
        one.server.wait_for(10)
        with closing(sqlite3.connect(one.folder / "var" / "shop.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            before = len(one.server.accepted())
            code = process.wait()
            after = len(one.server.accepted()) - before
            other.execute("ROLLBACK")
        one.heal(runs=1)
        wrong = "!" if after > 2 or code != 4 else ""
        note = f"{after} mails under the lock, exit code {code}{wrong}"
        return one.row("the database is locked in the middle", note, may_be_uncertain=False)


def read_only_database() -> Row:
    """The store may be read and not written."""
    with shop() as one:
        one.order(10)
        var = one.folder / "var"
        for path in (var, *var.iterdir()):
            path.chmod(0o555 if path.is_dir() else 0o444)
        code = one.run(conditions=Conditions(as_nobody=True)).code
        before = len(one.server.accepted())
        for path in (var, *var.iterdir()):
            path.chmod(0o755 if path.is_dir() else 0o644)
        one.run()
        note = f"{before} mails, exit code {code}" + ("!" if before or code == 0 else "")
        return one.row("the database is read-only", note, may_be_uncertain=False)


def two_runs_at_once(*, same_plan: bool) -> Row:
    """Two `run`s that start in the same second."""
    with shop(connections=2) as one:
        one.order(100)
        later = NOW if same_plan else NOW + timedelta(seconds=1)
        processes = [one.start("run", at=NOW), one.start("run", at=later)]
        codes = sorted(process.wait() for process in processes)
        if same_plan:
            one.run(at=NOW + timedelta(minutes=1))
        name = "two runs in the same second, " + ("one plan" if same_plan else "two plans")
        return one.row(name, f"exit codes {codes}", may_be_uncertain=False)


def every_minute(start: datetime, minutes: int, step: int, name: str) -> Row:
    """`run` again and again while orders become due."""
    with shop() as one:
        for minute in range(0, minutes, step):
            moment = start + timedelta(minutes=minute)
            if minute % (step * 7) == 0:
                one.order(1, ordered=moment - timedelta(days=7, minutes=1))
            one.run(at=moment)
        one.run(at=start + timedelta(minutes=minutes + 60 * 24))
        return one.row(name, f"{len(range(0, minutes, step))} runs", may_be_uncertain=False)


def clock_set_back() -> Row:
    """The clock goes back an hour between runs, and in a store's leases too."""
    with shop() as one:
        for hours in (0, -1, -1, 0, 1):
            one.order(5)
            one.run(at=NOW + timedelta(hours=hours), conditions=Conditions(hours_ahead=hours))
        return one.row("the clock is set back an hour", may_be_uncertain=False)


def paid_before_the_dot() -> Row:
    """A payment that is imported between the last decision and the dot."""
    with shop() as one:
        ids = one.order(10)
        victim = ids[4]

        def pay() -> None:
            original = Session._body

            def body(session: Session, message: object) -> object:
                if f"{victim.lower()}@" in str(message):
                    one.put([victim], paid_amount=12, paid=NOW)
                return original(session, message)  # type: ignore[arg-type]

            Session._body = body  # type: ignore[assignment,method-assign]

        one.run(conditions=Conditions(at_start=pay))
        one.due.remove(f"{victim.lower()}@example.org")
        wrong = "!" if f"{victim.lower()}@example.org" in one.server.accepted() else ""
        return one.row("an order is paid between plan and dot", f"9 of 10 left to pay{wrong}", may_be_uncertain=False)


def all_faults(killed: int) -> Iterator[Fault]:
    """The long list, cheap ones first."""
    for point in POINTS:
        yield partial(kill_at, point)
    for fault in FAULTS:
        if fault not in ("none", "slow"):
            yield partial(broken_server, fault)
    yield from (stopped_longer_than_its_lease, partial(terminated, 1000), partial(paused, 1), partial(paused, 4))
    for disk in DISKS:
        yield partial(full, disk)
    for name in RESTORES:
        yield partial(restored, name)
    for seed in range(5):
        yield partial(restored_at_random, seed=seed)
    yield from (backup_of_the_last_moment, no_place_for_the_mark)
    yield from (full_disk, locked_database, read_only_database, paid_before_the_dot, clock_set_back)
    yield from (partial(two_runs_at_once, same_plan=True), partial(two_runs_at_once, same_plan=False))
    yield partial(every_minute, NOW - timedelta(hours=10), 24 * 60, 1, "run every minute for a day")
    for name, night in (
        ("spring", datetime(2026, 3, 28, 22, tzinfo=UTC)),
        ("autumn", datetime(2026, 10, 24, 22, tzinfo=UTC)),
    ):
        yield partial(every_minute, night, 6 * 60, 5, f"the night of the {name} clock change, a run every 5 minutes")
    yield partial(kills, killed)
