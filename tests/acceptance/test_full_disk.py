"""When the disk or the store fails in the middle, what is past its intent is finished, recorded and told."""

from __future__ import annotations

import errno
import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest
from projects import ROOT, Project, Ran

from sendplan.ledger import State
from sendplan.sink import Sink
from sendplan.store.journal import Journal
from sendplan.store.marks import Marks
from sendplan.store.records import StoreError
from sendplan.store.sql.ledger import SqlLedger
from sendplan.store.sqlite.files import WritableFile, broken

NOW = ("--now", "2026-08-24 12:00")
TOMORROW = ("--now", "2026-08-25 12:00")


@pytest.fixture
def filled(shop: Project) -> Project:
    """The example shop with its orders."""
    assert shop("import", str(ROOT / "fixtures" / "orders.csv")).code == 0
    return shop


def full(after: int, original: Callable[..., object]) -> Callable[..., object]:
    """The same, until the disk is full."""
    calls: list[object] = []

    def call(*arguments: object, **named: object) -> object:
        calls.append(arguments)
        if len(calls) > after:
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(*arguments, **named)

    return call


def states(shop: Project) -> dict[str, int]:
    """How many messages are in each state."""
    with closing(sqlite3.connect(shop.path("var/shop.db"))) as connection:
        return dict(connection.execute("SELECT state, count(*) FROM messages GROUP BY state"))


def told(ran: Ran) -> tuple[int, bool]:
    """The exit code, and whether the report says what happened to the run and to each mail."""
    return ran.code, "the run broke off: " in ran.err and "Plan " in ran.out


def assert_the_rest_follows(shop: Project, sink: Sink) -> None:
    """With room on the disk, the next run sends what is left, and nothing twice."""
    assert shop("run", *TOMORROW).code in (0, 1)
    messages = [re.search(rb"^Message-ID: .*$", mail.content, re.M) for mail in sink.mails]
    keys = [each[0] for each in messages if each]
    assert len(keys) == len(set(keys)) == len(sink.mails) > 10
    assert states(shop).keys() <= {"sent", "deferred"}


def test_a_mark_that_cannot_be_noted_stops_the_run_and_leaves_nothing_in_flight(
    filled: Project, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mail whose mark failed does not leave and is open again; the report is there, with exit code 4."""
    with monkeypatch.context() as patch:
        patch.setattr(Marks, "rise", full(3, Marks.rise))
        ran = filled("run", *NOW)
    assert told(ran) == (4, True)
    assert 0 < len(sink.mails) < 10
    assert State.SENDING not in states(filled)
    assert_the_rest_follows(filled, sink)


def test_an_answer_that_the_journal_cannot_take_is_in_the_ledger(
    filled: Project, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full for the journal alone leaves no outcome unknown."""
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "write", full(3, Journal.write))
        ran = filled("run", *NOW)
    assert told(ran) == (4, True)
    assert states(filled) == {"sent": len(sink.mails)}
    assert_the_rest_follows(filled, sink)


def test_an_answer_that_the_ledger_cannot_take_is_in_the_journal(
    filled: Project, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that fails is told as such, what left is told as sent, and the next run knows it from the journal."""
    with monkeypatch.context() as patch:
        patch.setattr(SqlLedger, "settle", refused_by_the_disk)
        ran = filled("run", *NOW, "--format", "json")
    assert ran.code == 4
    assert "database or disk is full; see that its disk has room" in ran.json["trouble"]
    assert ran.json["sent"] == len(sink.mails) > 0
    assert states(filled).keys() == {"sending"}
    assert_the_rest_follows(filled, sink)


def test_an_answer_that_nothing_can_take_is_told_as_unknown(
    filled: Project, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exit code is 5 and the message is named: nobody will know later what the server said."""
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "write", full(0, Journal.write))
        patch.setattr(SqlLedger, "settle", refused_by_the_disk)
        ran = filled("run", *NOW, "--format", "json")
    assert ran.code == 5
    unknown = [each for each in ran.json["results"] if each["outcome"] == "uncertain"]
    assert len(unknown) == ran.json["uncertain"] == len(sink.mails) > 0
    assert "could not be recorded" in unknown[0]["why"]
    assert ran.json["sent"] == 0


@pytest.mark.parametrize("method", ["start_plan", "recover", "finish_plan", "sender_reports", "high_water"])
def test_whatever_fails_is_reported(filled: Project, sink: Sink, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    """At the beginning, at the end and in between: exit code 4, a report, no traceback, and the next run goes on."""
    with monkeypatch.context() as patch:
        patch.setattr(SqlLedger, method, refused_by_the_disk)
        ran = filled("run", *NOW)
    assert told(ran) == ((1, False) if method == "high_water" else (4, True))  # That is asked before the run begins.
    assert "Traceback" not in ran.err
    assert "sending" not in states(filled)
    assert_the_rest_follows(filled, sink)


def refused_by_the_disk(ledger: SqlLedger, *arguments: object, **named: object) -> object:
    """As SQLite refuses when a write finds no room."""
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    database = ledger._database
    assert isinstance(database, WritableFile)
    raise broken(database._path, error) from error


def test_a_backup_over_the_log_of_another_file_is_a_clear_problem(filled: Project, sink: Sink) -> None:
    """A damaged store is named with what to do, by every command that reads or writes it, and nothing leaves."""
    store = filled.path("var/shop.db")
    content = bytearray(store.read_bytes())
    content[4096:] = b"\x5a" * (len(content) - 4096)
    store.write_bytes(content)
    for command in (
        ("run", *NOW),
        ("plan", *NOW),
        ("status", *NOW),
        ("resolve", "E-2044/dunning/payment-reminder", "drop"),
    ):
        ran = filled(*command)
        assert ran.code == 1
        assert "Traceback" not in ran.err
        assert "store-unreadable" in ran.err or "cannot read the store" in ran.err
        assert "-wal" in ran.err or "malformed" in ran.err
    assert sink.mails == []


def test_a_store_error_is_the_users_error() -> None:
    """It carries a problem and an exit code, so that no command shows a traceback for it."""
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    assert json.dumps([each.code for each in broken(ROOT, error).problems]) == '["store-busy"]'
    assert isinstance(broken(ROOT, error), StoreError)
