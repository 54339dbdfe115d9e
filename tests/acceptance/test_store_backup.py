"""`sendplan store backup`: a consistent copy while others write, over no file that is something else."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from projects import ROOT, Project

from sendplan.sink import Sink

NOW = ("--now", "2026-08-24 12:00")


@pytest.fixture
def filled(shop: Project) -> Project:
    """The example shop with its orders, some of which got mail."""
    assert shop("import", str(ROOT / "fixtures" / "orders.csv")).code == 0
    assert shop("run", *NOW).code == 0
    return shop


def count(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM messages WHERE state = 'sent'").fetchone()[0])


def test_a_backup_is_made_while_somebody_writes(filled: Project, sink: Sink) -> None:
    """What is committed is in it, also when it is still in the log, and what is not is not; the writer goes on."""
    target = filled.path("backup.db")
    with closing(sqlite3.connect(filled.path("var/shop.db"), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM suppressions")
        other.execute("INSERT INTO suppressions (address, at, reason) VALUES ('half@example.org', 1, '')")
        assert filled("store", "backup", str(target)).code == 0
        other.execute("ROLLBACK")
    assert count(target) == len(sink.mails) > 0
    assert target.stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(target)) as copy:
        assert copy.execute("SELECT count(*) FROM suppressions WHERE address LIKE 'half%'").fetchone() == (0,)
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_backup_of_the_last_moment_can_be_put_back(filled: Project, sink: Sink) -> None:
    """Nothing is forgotten by it, so the next run goes on, and it is a backup no more."""
    target = filled.path("backup.db")
    assert filled("store", "backup", str(target)).code == 0
    shutil.copy(target, filled.path("var/shop.db"))
    sent = len(sink.mails)
    assert (filled("run", *NOW).code, len(sink.mails)) == (0, sent)
    ran = filled("store", "backup", str(target))
    assert ran.code == 0
    shutil.copy(filled.path("var/shop.db"), filled.path("other.db"))
    assert filled("store", "backup", str(filled.path("other.db"))).code == 2


def test_an_earlier_backup_is_replaced_and_nothing_else(filled: Project) -> None:
    """A nightly job may use one name; the store itself, a store in use, settings and orders stay as they are."""
    target = filled.path("backup.db")
    for _ in range(2):
        assert filled("store", "backup", str(target)).code == 0
    for name in ("var/shop.db", "sendplan.yaml", "fixtures/orders.csv"):
        path = filled.path(name)
        path.parent.mkdir(exist_ok=True)
        path.touch()
        path.write_bytes(path.read_bytes() or b"id,account")
        before = path.read_bytes()
        ran = filled("store", "backup", str(path))
        assert (ran.code, path.read_bytes() == before) == (2, True)
        assert "output-exists" in ran.err
    filled.path("backup.db-wal").write_text("in use")
    assert filled("store", "backup", str(target)).code == 2


def test_a_backup_that_is_put_back_too_late_is_noticed(filled: Project, sink: Sink) -> None:
    """What left after the backup would leave again: exit code 3."""
    target = filled.path("backup.db")
    assert filled("store", "backup", str(target)).code == 0
    assert filled("run", "--now", "2026-08-27 12:00").code == 0
    sent = len(sink.mails)
    shutil.copy(target, filled.path("var/shop.db"))
    assert (filled("run", "--now", "2026-08-27 12:00").code, len(sink.mails)) == (3, sent)


def test_there_must_be_a_store(shop: Project) -> None:
    """A backup of nothing is an error, and makes no file."""
    ran = shop("store", "backup", str(shop.path("backup.db")))
    assert ran.code == 1
    assert "there is no store" in ran.err
    assert not shop.path("backup.db").exists()
