"""A store that may have forgotten mails that left sends nothing until a person has looked at it."""

from __future__ import annotations

import json
import shutil
import sqlite3

import pytest
from projects import ROOT, Project

from sendplan.sink import Sink
from sendplan.store import adoption

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


def test_a_backup_is_noticed_even_when_the_run_after_it_was_killed(
    filled: Project, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mark outside the store rises before the first mail, not only at the end of a run."""
    backup(filled)

    def kill(*arguments: object, **named: object) -> None:
        raise SystemExit(137)

    with monkeypatch.context() as patch:
        patch.setattr("sendplan.dispatch.executor._Run.to_end", kill)
        patch.setattr("sendplan.dispatch.delivery.keep_mark", _once(adoption.keep_mark))
        with pytest.raises(SystemExit):
            filled("run", *NOW)
    restore(filled)
    assert filled("run", *NOW).code == 3
    assert sink.mails == []


def _once(keep: object) -> object:
    """Only the first call gets through: the last one of a run does not happen in a process that was killed."""
    calls: list[object] = []

    def call(*arguments: object) -> None:
        calls.append(arguments)
        if len(calls) == 1:
            keep(*arguments)  # type: ignore[operator]

    return call


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


def test_a_copy_without_its_mark_sends_nothing(filled: Project, sink: Sink) -> None:
    """A store that remembers mails, in a project that never sent, is refused."""
    filled("run", *NOW)
    sent = len(sink.mails)
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


def test_an_adopted_store_is_another_one_from_then_on(filled: Project, sink: Sink) -> None:
    """Restoring the old backup once more, after adoption and with no mail since, is noticed again."""
    backup(filled)
    filled("run", *NOW)
    restore(filled)
    filled("adopt", *NOW)
    restore(filled)
    assert filled("run", *NOW).code == 3
