"""What is done to hosts and to their database server, and the figures of each; the mail server's log is the judge."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from itertools import count

from disk import small_disk
from fleet import LEASE_SECONDS, NOW, Fleet, ended, fleet
from frail_connection import FrailConnection, frail_connection
from network import DATABASE, MAIL, network
from postgres_server import Postgres
from processes import Process
from shop import Row

Fault = Callable[[], Row]


def together(mails: int = 240) -> Row:
    """Nothing is done to anybody: three hosts, one plan."""
    with fleet() as one:
        one.server.start("slow")
        one.configure()
        one.order(mails)
        workers = _workers(one)
        process = one.on(0, "run")
        code = process.wait()
        ended(workers)
        parts = sum("sent from here" in each.printed() for each in workers)
        note = f"exit code {code}, {parts} workers took part"
        return one.row("three hosts, nothing wrong", note if code == 0 else f"! {note}", may_be_uncertain=False)


def kills(number: int, *, mails: int = 60, seed: int = 1) -> Row:
    """kill -9 of whoever sends, at random moments."""
    chance = random.Random(seed)
    with fleet() as one:
        killed = rounds = 0
        workers = _workers(one)
        while killed < number:
            rounds += 1
            one.order(mails)
            runs = [one.on(host, "run", at=NOW + timedelta(seconds=rounds)) for host in (0, 1)]
            for _ in range(4):
                time.sleep(chance.random() * 0.4)
                process = chance.choice([*runs, *workers])
                if not process.ended():
                    process.send(signal.SIGKILL)
                    process.wait()
                    killed += 1
                workers = [_again(one, host, each) for host, each in enumerate(workers, start=1)]
            for process in runs:
                if not process.ended() and chance.random() < 0.5:
                    process.send(signal.SIGKILL)
                    killed += 1
                process.wait()
        ended(workers)
        one.heal()
        return one.row(f"kill -9 of {killed} processes on three hosts")


def database_kills(number: int, *, mails: int = 40, seed: int = 2) -> Row:
    """kill -9 of the database server, at random moments."""
    chance = random.Random(seed)
    with fleet() as one:
        workers = _workers(one)
        for rounds in range(number):
            one.order(mails)
            process = one.on(0, "run", at=NOW + timedelta(seconds=rounds))
            time.sleep(0.1 + chance.random() * 0.8)
            one.database.kill()
            one.database.start()
            process.wait()
            workers = [_again(one, host, each) for host, each in enumerate(workers, start=1)]
        ended(workers)
        one.heal()
        return one.row(f"kill -9 of the database server, {number} times")


def sessions_ended(number: int, *, mails: int = 60, seed: int = 3) -> Row:
    """pg_terminate_backend of random sessions."""
    chance = random.Random(seed)
    sql = "SELECT pid FROM pg_stat_activity WHERE application_name = 'sendplan' ORDER BY pid"
    with fleet() as one:
        cut = rounds = 0
        workers = _workers(one)
        while cut < number:
            rounds += 1
            one.order(mails)
            process = one.on(0, "run", at=NOW + timedelta(seconds=rounds))
            while not process.ended() and cut < number:
                time.sleep(chance.random() * 0.2)
                if sessions := one.database.sql(sql):
                    one.database.sql(f"SELECT pg_terminate_backend({chance.choice(sessions)[0]})")
                    cut += 1
            process.wait()
            workers = [_again(one, host, each) for host, each in enumerate(workers, start=1)]
        ended(workers)
        one.heal()
        return one.row(f"pg_terminate_backend of {cut} sessions")


def connections_cut(every: int, *, mails: int = 4) -> Row:
    """The connection ends at each question to the database in turn (or each `every`th), heard there or not."""
    with fleet(connections=2) as one:
        seconds = count()

        def run(number: int, *, heard: bool) -> FrailConnection:
            one.order(mails)
            with frail_connection(one.database.folder, number, heard=heard) as frail:
                one.address = one.database.url_at(str(frail.folder))
                one.configure()
                process = one.on(0, "run", at=NOW + timedelta(seconds=next(seconds)))
                process.wait()
            one.address = one.database.url
            assert "Traceback" not in process.printed(), process.printed()
            return frail

        questions = run(0, heard=True).asked
        cuts = 0
        for number in range(1, questions + 1, every):
            for heard in (False, True):
                cuts += run(number, heard=heard).cut
                run(0, heard=True)
        one.heal()
        note = f"a run asks {questions} times"
        return one.row(f"the connection to the database cut at {cuts} moments", note if cuts else f"! {note}")


def cut_off() -> Row:
    """The network between a host and the database is cut while it sends; the mail server hears it all the time."""
    with network() as wires, fleet(mail_host=MAIL) as one:
        one.database.listen(DATABASE)
        one.server.start("slow")
        one.address = one.database.url_at(DATABASE)
        one.configure()
        one.order(400)
        workers = [one.on(1, "worker", at_start=wires.move_in), one.on(2, "worker")]
        process = one.on(0, "run")
        one.server.wait_for(60)
        wires.cut_from_database()
        code = process.wait()
        limit = time.monotonic() + 90
        while not workers[0].ended() and time.monotonic() < limit:
            time.sleep(0.1)
        told = workers[0].printed()
        wires.mend()
        ended(workers)
        one.heal(runs=2)
        note = f"the others ended the plan (exit code {code})"
        said = "cannot be used" in told or "did not confirm" in told
        return one.row("a host cut off from the database", note if said else f"! it did not say so: {told}")


def disk_full() -> Row:
    """The database server's disk is full while mails leave, and has room again later."""
    with small_disk(200) as disk, fleet(disk=disk) as one:
        one.server.start("slow")
        one.configure()
        one.order(600)
        workers = _workers(one)
        process = one.on(0, "run")
        one.server.wait_for(30)
        disk.fill()
        code = process.wait()
        disk.clear()
        one.database.kill()
        one.database.start()
        ended(workers)
        one.heal()
        return one.row("the database's disk full", f"exit code {code}" if code else "! it never was")


def stopped_beyond_the_lease(who: int) -> Row:
    """SIGSTOP of a host for longer than its lease; the others go on; SIGCONT."""
    with fleet() as one:
        one.server.start("slow")
        one.configure()
        one.order(300)
        workers = _workers(one)
        process = one.on(0, "run")
        one.server.wait_for(30)
        late = [process, *workers][who]
        late.send(signal.SIGSTOP)
        time.sleep(LEASE_SECONDS + 1.0)
        late.send(signal.SIGCONT)
        process.wait()
        ended(workers)
        one.heal(runs=1)
        return one.row(f"SIGSTOP of {('the host that began', 'a worker')[who]} beyond its lease")


def clocks_apart() -> Row:
    """A host whose clock is hours off takes no part, and says so."""
    with fleet() as one:
        one.order(60)
        workers = [one.on(1, "worker", hours_ahead=5.0), one.on(2, "worker")]
        time.sleep(1.0)
        process = one.on(0, "run")
        process.wait()
        late = workers[0]
        ended(workers)
        told = "18000 seconds ahead" in late.printed().replace("17999", "18000").replace("18001", "18000")
        note = "the host said so" if told and late.code == 3 else f"! {late.code} {late.printed()}"
        return one.row("a host's clock five hours ahead", note, may_be_uncertain=False)


def paused() -> Row:
    """`pause` on one host holds on all of them."""
    with fleet() as one:
        one.server.start("slow")
        one.configure()
        one.order(400)
        workers = _workers(one)
        process = one.on(0, "run")
        one.server.wait_for(30)
        one.on(2, "pause").wait()
        before = len(one.server.accepted())
        process.wait()
        ended(workers)
        after = len(one.server.accepted()) - before
        # Every connection may have had one mail past its intent.
        note = f"{after} accepted after the pause"
        one.on(2, "resume").wait()
        one.heal(runs=1)
        return one.row("pause in the middle", note if after <= one.connections else f"! {note}", may_be_uncertain=False)


def promoted_without_commits() -> Row:
    """The database server is lost with commits that the second one lacks: nobody sends before `adopt`."""
    with fleet() as one:
        one.order(60)
        second = Postgres(one.folder.parent / "second", primary=one.database)
        second.start()
        workers = _workers(one)
        one.on(0, "run").wait()
        _caught_up(one, second)
        # The second server does not hear of what follows.
        second.sql("ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()")
        time.sleep(0.5)
        ids = one.order(60)
        one.on(0, "run", at=NOW + timedelta(minutes=1)).wait()
        ended(workers)
        one.database.kill()
        second.promote()
        one.address = second.url
        one.configure()
        orders = one.order(0)
        assert not orders
        again = one.on(0, "run", at=NOW + timedelta(minutes=2))
        code = again.wait()
        other = one.on(1, "run", at=NOW + timedelta(minutes=3)).wait()
        one.database, lost = second, len(ids)
        try:
            note = f"exit codes {code} and {other}, {lost} mails forgotten by the store"
            return one.row("a second server that lacks commits", note if (code, other) == (3, 3) else f"! {note}")
        finally:
            second.stop()


def synchronous(number: int = 6) -> Row:
    """With a synchronous second server: the wait is cancelled, or the first is killed; the second takes over."""
    with fleet() as one:
        second = Postgres(one.folder.parent / "second", primary=one.database)
        second.start()
        one.database.sql("ALTER SYSTEM SET synchronous_standby_names = 'second'", "SELECT pg_reload_conf()")
        chance = random.Random(4)
        waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        workers = _workers(one)
        cancelled = 0
        for rounds in range(number):
            one.order(40)
            process = one.on(0, "run", at=NOW + timedelta(seconds=rounds))
            time.sleep(0.2 + chance.random() * 0.4)
            for [pid] in one.database.sql("SELECT pid FROM pg_stat_replication"):
                _signal_walsender(int(str(pid)), signal.SIGSTOP)
            time.sleep(0.3)
            for [pid] in one.database.sql(waiting):
                one.database.sql(f"SELECT pg_cancel_backend({pid})")
                cancelled += 1
            time.sleep(0.2)
            for [pid] in one.database.sql("SELECT pid FROM pg_stat_replication"):
                _signal_walsender(int(str(pid)), signal.SIGCONT)
            process.wait()
            workers = [_again(one, host, each) for host, each in enumerate(workers, start=1)]
        one.order(40)
        process = one.on(0, "run", at=NOW + timedelta(minutes=1))
        time.sleep(0.4)
        one.database.kill()
        process.wait()
        ended(workers)
        second.promote()
        second.sql("ALTER SYSTEM SET synchronous_standby_names = ''", "SELECT pg_reload_conf()")
        one.database, one.address = second, second.url
        try:
            one.heal()
            return one.row(f"a synchronous second server, {cancelled} waits cancelled, then it takes over")
        finally:
            second.stop()


def _signal_walsender(pid: int, number: int) -> None:
    import os
    from contextlib import suppress

    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _caught_up(one: Fleet, second: Postgres) -> None:
    [[wanted]] = one.database.sql("SELECT pg_current_wal_lsn()")
    while not second.sql(f"SELECT 1 WHERE pg_last_wal_replay_lsn() >= '{wanted}'"):
        time.sleep(0.05)


def _workers(one: Fleet) -> list[Process]:
    """A worker on each of the hosts that plan nothing."""
    return one.workers(range(1, len(one.hosts)))


def _again(one: Fleet, host: int, worker: Process) -> Process:
    return one.on(host, "worker") if worker.ended() else worker


def all_faults(number: int) -> Iterator[Fault]:
    """Every fault; `number` is how many kills."""
    yield together
    yield paused
    yield clocks_apart
    yield partial(stopped_beyond_the_lease, 0)
    yield partial(stopped_beyond_the_lease, 1)
    yield partial(kills, number)
    yield partial(sessions_ended, max(number // 5, 3))
    yield partial(database_kills, max(number // 10, 2))
    yield partial(connections_cut, max(1_000 // number, 3))
    yield cut_off
    yield disk_full
    yield promoted_without_commits
    yield partial(synchronous, max(number // 50, 2))
