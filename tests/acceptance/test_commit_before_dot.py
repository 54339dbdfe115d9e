"""The end of a message leaves after its intent is durable: seen from the server, the store and the system."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from sendplan.calendar import Calendar
from sendplan.dispatch import delivery
from sendplan.dispatch.stopping import Stop
from sendplan.fields import Value, catalogue
from sendplan.ledger import State
from sendplan.plan import Plan
from sendplan.planning.planner import Clock, make_plan
from sendplan.project.project import Project, load
from sendplan.sink import Cue, Sink
from sendplan.sink import SmtpStep as Step
from sendplan.store import Store, open_store
from sendplan.store.sql.ledger import SqlLedger

NOW = datetime(2026, 8, 24, 10, 0, tzinfo=UTC)
CONNECTIONS = 4
SETTINGS = """\
shop: {{name: Shop, timezone: Europe/Berlin, country: DE}}
store: sqlite:///var/shop.db
state: state
senders:
  main:
    from: Shop <shop@example.com>
    host: 127.0.0.1
    port: {port}
    security: none
    limits: {{connections: {connections}}}
accounts:
  web: {{portal: shop}}
regions:
  anywhere: any
"""
RULES = "rules:\n  - {id: reminder, title: Reminder, trigger: not paid, due: ordered + 7 days, template: reminder}\n"
TEMPLATE = "---\nsubject: Reminder\n---\nDear buyer\n"


@contextmanager
def shop(folder: Path, script: Callable[[Cue], None], orders: int) -> Iterator[tuple[Sink, Project, Plan]]:
    """A server, a project with so many due orders, and their plan."""
    with Sink(script) as sink:
        for path, text in (
            ("sendplan.yaml", SETTINGS.format(port=sink.port, connections=CONNECTIONS)),
            ("rules/rules.yaml", RULES),
            ("templates/reminder.en.md", TEMPLATE),
        ):
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(text)
        store = open_store("sqlite:///var/shop.db", folder, catalogue(), Calendar(ZoneInfo("Europe/Berlin"), "DE"))
        with store.importing("orders.csv", NOW) as run:
            row: dict[str, Value | None] = {"account": "web", "ordered": NOW - timedelta(days=9)}
            for number in range(orders):
                named = {"id": f"E{number}", "email": f"e{number}@example.org", **row}
                run.upsert(tuple(named), [(number, tuple(named.values()))])
            run.carried(catalogue(), ["web"])
            run.finish(0)
        project, problems = load(folder)
        assert project is not None, problems
        plan = make_plan(project, store, Clock(NOW))
        store.close()
        yield sink, project, plan


def test_no_dot_reaches_the_server_while_the_store_is_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole bodies may arrive, but no mail ends before its intent can be written; then all of them do."""
    bodies, ends, asked = threading.Semaphore(0), list[Cue](), threading.Event()

    def script(cue: Cue) -> None:
        if cue.step is Step.BODY:
            bodies.release()
        elif cue.step is Step.DOT:
            ends.append(cue)

    with shop(tmp_path, script, CONNECTIONS) as (sink, project, plan):
        all_opened, lock = threading.Barrier(CONNECTIONS + 1), sqlite3.connect(tmp_path / "var/shop.db", timeout=60)
        locked, decide_again, together = threading.Event(), delivery.decide_again, SqlLedger.together

        def decide_before_the_lock(*arguments: object) -> object:
            verdict = decide_again(*arguments)  # type: ignore[arg-type]
            all_opened.wait(60)
            locked.wait(60)
            return verdict

        def asking(store: SqlLedger) -> object:
            if locked.is_set():
                asked.set()
            return together(store)

        monkeypatch.setattr(delivery, "decide_again", decide_before_the_lock)
        monkeypatch.setattr(SqlLedger, "together", asking)
        sending = threading.Thread(
            target=delivery.deliver, args=(plan, project, lambda: Clock(NOW)), kwargs={"stop": Stop()}
        )
        sending.start()
        all_opened.wait(60)
        lock.execute("BEGIN IMMEDIATE")
        locked.set()
        for _ in range(CONNECTIONS):
            assert bodies.acquire(timeout=60)
        assert asked.wait(60)
        assert (ends, sink.mails) == ([], [])
        lock.execute("COMMIT")
        lock.close()
        sending.join()
        assert len(sink.mails) == len(ends) == CONNECTIONS
        assert set(states(project)) == {State.SENT}


def states(project: Project) -> list[State]:
    settings = project.settings
    store: Store = open_store(settings.store, settings.folder, settings.fields, settings.calendar)
    found = [each.state for each in store.records(State)]
    store.close()
    return found


CALL = re.compile(r"^(\d+) +(?:<\.\.\. )?(\w+)(?:\((.*)| resumed>(.*))$")


def test_the_system_has_written_the_intent_before_each_dot(tmp_path: Path) -> None:
    """Between the body and the dot of every mail the store's log and then the mark were flushed to the disk."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    if subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, check=False).returncode:
        pytest.skip("strace may not trace here")
    with shop(tmp_path, lambda cue: None, orders=40) as (sink, _, plan):
        (tmp_path / "plan.json").write_bytes(b"".join(plan.chunks()))
        log = tmp_path / "calls"
        traced = ("strace", "-f", "-y", "-s", "8", "-e", "trace=sendto,fsync,fdatasync", "-o", str(log))
        sendplan = (sys.executable, "-m", "sendplan", "send", "plan.json", "--now", NOW.isoformat())
        done = subprocess.run(
            [*traced, *sendplan, "--project", str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert len(sink.mails) == 40
        assert dots_after_their_flushes(log.read_text().splitlines()) == 40


def dots_after_their_flushes(lines: list[str]) -> int:
    """How many final dots there are; each must come after flushes that began after its body had left."""
    flushed: list[tuple[int, int, str]] = []
    begun: dict[str, tuple[int, str]] = {}
    left: dict[str, int] = {}
    dots = 0
    for number, line in enumerate(lines):
        match = CALL.match(line)
        if match is None:
            continue
        thread, call, arguments, _ = match.groups()
        if arguments is not None:
            begun[thread] = (number, arguments)
        start, said = begun[thread]
        if call == "sendto" and arguments is not None:
            if '".\\r\\n' in said:
                dots += 1
                since = left[thread]
                log = [end for begin, end, file in flushed if begin > since and "shop.db-wal" in file]
                assert log, f"{line}: its intent is not on the disk"
                mark = [end for begin, end, file in flushed if begin > since and ".mark" in file]
                assert mark, f"{line}: the mark is not on the disk"
                assert min(log) < max(mark)
            left[thread] = number
        elif call in ("fsync", "fdatasync") and line.rstrip().endswith("= 0"):
            flushed.append((start, number, said))
    return dots
