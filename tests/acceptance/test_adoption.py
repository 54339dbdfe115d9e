"""A store that may have forgotten mails that left sends nothing until a person has looked at it."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from projects import ROOT, Project

from sendplan import cli
from sendplan.dispatch.desk import Desk
from sendplan.sink import Sink
from sendplan.store.claims import Settlement
from sendplan.store.journal import Journal

NOW = ("--now", "2026-08-24 12:00")
NEXT_DAY = ("--now", "2026-08-25 12:00")
BY_HAND = "E-2044/dunning/payment-reminder"


@pytest.fixture
def filled(shop: Project) -> Project:
    """The example shop with its orders."""
    assert shop("import", str(ROOT / "fixtures" / "orders.csv")).code == 0
    return shop


def backup(shop: Project) -> None:
    """Keep the store as it is now, as a backup program would."""
    with sqlite3.connect(shop.path("var/shop.db")) as source, sqlite3.connect(shop.path("backup.db")) as target:
        source.backup(target)
    source.close()
    target.close()


def restore(shop: Project) -> None:
    for name in ("shop.db", "shop.db-wal", "shop.db-shm"):
        shop.path(f"var/{name}").unlink(missing_ok=True)
    shutil.copy(shop.path("backup.db"), shop.path("var/shop.db"))


def test_the_first_run_of_a_new_project_just_sends(filled: Project, sink: Sink) -> None:
    """A new store needs no adoption."""
    assert filled("run", *NOW).code == 0
    assert sink.mails
    assert json.loads(filled.path("var/last-sent").read_text())["high_water"] > 0


def test_a_mail_sent_by_hand_before_the_first_run_is_no_doubt(filled: Project, sink: Sink) -> None:
    """What a person recorded before sendplan ever sent does not make the store a foreign one."""
    assert filled("resolve", BY_HAND, "sent", "--at", "2026-08-20 09:00").code == 0
    assert filled("run", *NOW).code == 0
    assert sink.mails


def test_a_restored_backup_sends_nothing(filled: Project, sink: Sink) -> None:
    """A store older than the last mail is refused with exit code 3, and says what to do."""
    backup(filled)
    filled("run", *NOW)
    sent = len(sink.mails)
    restore(filled)
    ran = filled("run", *NOW)
    assert (ran.code, len(sink.mails)) == (3, sent)
    assert "restored backup" in ran.err
    assert "sendplan adopt" in ran.err
    status = filled("status", *NOW)
    assert (status.code, "restored backup" in status.out) == (1, True)
    assert "restored backup" in filled("status", *NOW, "--format", "json").json["store_doubted"]


class Killed(BaseException):
    """The process dies here: nothing after it happens, not even what is in a `finally`."""


def killed_in_the_middle(shop: Project, monkeypatch: pytest.MonkeyPatch, sink: Sink, mails: int) -> None:
    """A run that dies right after the server took its `mails`th mail, before that answer is written down."""
    original = Desk.settle

    def settle(*arguments: Any, **named: Any) -> None:
        if len(sink.mails) >= mails:
            raise Killed
        original(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Desk, "settle", settle)
        with pytest.raises(Killed):
            shop("run", *NOW)


def whole_backup(shop: Project) -> None:
    """Keep the whole of `var/`, with the mark in it."""
    shutil.copytree(shop.path("var"), shop.path("var.backup"))


def whole_restore(shop: Project) -> None:
    shutil.rmtree(shop.path("var"))
    shutil.copytree(shop.path("var.backup"), shop.path("var"))


def plain_copy(shop: Project) -> None:
    """Keep the file alone, as a copying program would, without what only its log holds."""
    shutil.copy(shop.path("var/shop.db"), shop.path("backup.db"))


@pytest.mark.parametrize(
    ("before", "after", "put_back"),
    [
        (backup, lambda shop: None, restore),
        (plain_copy, lambda shop: None, restore),
        (whole_backup, lambda shop: None, whole_restore),
        (lambda shop: None, plain_copy, restore),
    ],
    ids=["online backup", "plain copy", "whole var", "log deleted"],
)
def test_a_backup_is_noticed_even_when_the_run_after_it_was_killed(
    filled: Project,
    sink: Sink,
    monkeypatch: pytest.MonkeyPatch,
    before: Callable[[Project], None],
    after: Callable[[Project], None],
    put_back: Callable[[Project], None],
) -> None:
    """The mark is beyond each mail's intent before the mail ends, so a kill at any moment leaves no gap."""
    with closing(sqlite3.connect(filled.path("var/shop.db"))) as held:
        held.execute("SELECT count(*) FROM orders").fetchall()  # A reader, so that the log outlives the run.
        before(filled)
        killed_in_the_middle(filled, monkeypatch, sink, 3)
        after(filled)
    sent = len(sink.mails)
    put_back(filled)
    ran = filled("run", *NOW)
    assert (ran.code, len(sink.mails)) == (3, sent)
    assert "restored backup" in ran.err


def test_the_mark_is_exact(filled: Project, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backup made after the last mail's intent is as good as the store: it is not refused."""
    killed_in_the_middle(filled, monkeypatch, sink, 3)
    backup(filled)
    restore(filled)
    assert filled("run", *NOW).code != 3


def test_a_lost_mark_is_written_again(filled: Project, sink: Sink) -> None:
    """Of the two marks one is enough: a new computer, or a `var/` without it, brings no doubt."""
    filled("run", *NOW)
    for mark in (state_mark(filled), filled.path("var/last-sent")):
        kept = mark.read_text()
        mark.unlink()
        assert filled("run", *NOW).code == 0
        assert json.loads(mark.read_text())["high_water"] > json.loads(kept)["high_water"]


def test_the_higher_mark_counts(filled: Project, sink: Sink) -> None:
    """An old mark beside a newer one does not make a restored backup good."""
    filled("run", *NOW)
    backup(filled)
    old = filled.path("var/last-sent").read_text()
    filled("run", *NEXT_DAY)
    filled.write("var/last-sent", old)
    restore(filled)
    assert filled("run", *NEXT_DAY).code == 3


def test_an_empty_mark_is_none(filled: Project, sink: Sink) -> None:
    """What a full disk left of a mark that was to be made is no mark, and no doubt."""
    filled.write("var/last-sent", "")
    assert filled("run", *NOW).code == 0


def test_a_project_that_has_sent_does_not_begin_anew_without_a_word(filled: Project, sink: Sink) -> None:
    """A `var/` that was deleted, or put back as it was before the first import, is noticed."""
    filled("run", *NOW)
    sent = len(sink.mails)
    shutil.rmtree(filled.path("var"))
    filled("import", str(ROOT / "fixtures" / "orders.csv"))
    ran = filled("run", *NOW)
    assert (ran.code, len(sink.mails)) == (3, sent)
    assert "has sent from another one before" in ran.err
    assert filled("status", *NOW).code == 1
    assert filled("adopt", *NOW).code == 0
    assert (filled("run", *NOW).code, len(sink.mails)) == (0, sent)


def test_a_folder_made_anew_is_a_new_project(filled: Project, sink: Sink) -> None:
    """What once lay at the same path does not stand against a project that was made there later."""
    filled("run", *NOW)
    shutil.rmtree(filled.path("var"))
    for mark in marks_of(filled):
        os.utime(mark, (1, 1))
    filled("import", str(ROOT / "fixtures" / "orders.csv"))
    assert filled("run", *NOW).code == 0


def test_another_place_may_be_named_for_the_mark(filled: Project, sink: Sink) -> None:
    """`state:` in the settings holds the mark, for a container's volume."""
    filled.edit("sendplan.yaml", "store: ", "state: elsewhere\nstore: ")
    assert filled("run", *NOW).code == 0
    assert [path.suffix for path in filled.path("elsewhere").iterdir()] == [".mark"]
    assert marks_of(filled) == []


def test_without_a_place_for_the_mark_nothing_leaves(filled: Project, sink: Sink) -> None:
    """A state directory that cannot be written is told, with what to change."""
    filled.write("in-the-way", "")
    filled.edit("sendplan.yaml", "store: ", "state: in-the-way/marks\nstore: ")
    ran = filled("run", *NOW)
    assert (ran.code, sink.mails) == (4, [])
    assert "mark-unwritable" in ran.err
    assert "state:" in ran.err


def test_a_journal_is_proof_enough(filled: Project, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store without marks that lacks a message which a journal calls sent is refused, again and again."""
    backup(filled)
    original = Journal.write

    def write(journal: Journal, settlement: Settlement) -> None:
        original(journal, settlement)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "write", write)
        with pytest.raises(Killed):
            filled("run", *NOW)
    sent = len(sink.mails)
    restore(filled)
    for mark in (*marks_of(filled), filled.path("var/last-sent")):
        mark.unlink()
    for _ in range(2):
        ran = filled("run", *NOW)
        assert (ran.code, len(sink.mails)) == (3, sent)
        assert ".journal" in ran.err
    (journal,) = filled.path("var/journals").glob("*.journal")
    assert filled("adopt", *NOW).code == 0
    assert journal.with_suffix(".adopted").exists()
    assert (filled("run", *NOW).code, len(sink.mails)) == (0, sent)


def test_the_demo_notes_nothing_in_the_users_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the demo sends to itself is nothing that a later project has to be compared with."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert cli.run(["demo"]) == 0
    assert list(tmp_path.iterdir()) == []


def marks_of(shop: Project) -> list[Path]:
    """The marks of this folder's stores in the user's state directory."""
    folder = Path(os.environ["XDG_STATE_HOME"], "sendplan")
    return [path for path in folder.glob("*.mark") if json.loads(path.read_text())["folder"] == str(shop.folder)]


def state_mark(shop: Project) -> Path:
    (mark,) = marks_of(shop)
    return mark


def test_a_foreign_store_sends_nothing(filled: Project, sink: Sink) -> None:
    """A store that another project sent from is refused."""
    filled("run", *NOW)
    sent = len(sink.mails)
    shutil.rmtree(filled.path("var"))
    filled("import", str(ROOT / "fixtures" / "orders.csv"))
    filled.write("var/last-sent", json.dumps({"identity": "another", "high_water": 1}))
    ran = filled("run", *NOW)
    assert (ran.code, len(sink.mails)) == (3, sent)
    assert "not the one that this project sent from last" in ran.err


def test_a_copy_without_its_marks_sends_nothing(filled: Project, sink: Sink) -> None:
    """A store that remembers mails, in a project that never sent, is refused."""
    filled("run", *NOW)
    sent = len(sink.mails)
    state_mark(filled).unlink()
    filled.path("var/last-sent").unlink()
    ran = filled("run", *NEXT_DAY)
    assert (ran.code, len(sink.mails)) == (3, sent)
    assert "copy of another project's store" in ran.err


def test_a_broken_mark_sends_nothing(filled: Project, sink: Sink) -> None:
    """A mark that nobody can read is a doubt, not a traceback."""
    filled.write("var/last-sent", "{")
    ran = filled("run", *NOW)
    assert (ran.code, sink.mails) == (3, [])
    assert "cannot be read" in ran.err


@pytest.mark.parametrize("outcome", ["sent", "drop"])
def test_resolving_does_not_settle_a_doubt(filled: Project, sink: Sink, outcome: str) -> None:
    """Settling messages in a restored store is refused, so that it cannot catch up with the mark."""
    backup(filled)
    filled("run", *NOW)
    restore(filled)
    assert filled("resolve", BY_HAND, outcome).code == 3
    assert filled("run", *NOW).code == 3


def test_adopting_tells_what_would_be_mailed_again_and_begins_from_now(filled: Project, sink: Sink) -> None:
    """After adoption nothing of earlier orders is mailed, and the next run works."""
    backup(filled)
    filled("run", *NOW)
    sent = len(sink.mails)
    restore(filled)
    told = filled("adopt", *NOW, "--format", "json").json
    assert told["orders_from"] == "2026-08-24T12:00:00+02:00"
    assert len(told["would_have_sent"]) == sent
    assert "restored backup" in told["why"]
    assert filled("run", *NOW).code == 0
    assert len(sink.mails) == sent


def test_a_store_that_nothing_is_wrong_with_stays_as_it_is(filled: Project, sink: Sink) -> None:
    """Adopting a healthy store, before or after its first mails, takes no order's mail away."""
    assert "Nothing to adopt" in filled("adopt", "--now", "2026-08-23 12:00").out
    assert filled("run", *NOW).code == 0
    again = filled("adopt", *NOW, "--format", "json").json
    assert again == {"why": None, "orders_from": None, "would_have_sent": []}
    planned = filled("plan", *NEXT_DAY, "--format", "json").json
    assert [each for each in planned["entries"] if each["status"] == "send"]


def test_an_adopted_store_is_another_one_from_then_on(filled: Project, sink: Sink) -> None:
    """Restoring the old backup once more, after adoption and with no mail since, is noticed again."""
    backup(filled)
    filled("run", *NOW)
    restore(filled)
    filled("adopt", *NOW)
    restore(filled)
    assert filled("run", *NOW).code == 3
