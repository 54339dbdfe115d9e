"""A store that the first edition filled: whoever upgrades mails nobody twice, and keeps every wish and every doubt.

`first_edition/` is a project as version 1.0 left it, with its store as SQL: mails that were sent, by hand too, failed,
were refused for now, of unknown outcome, and dropped.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from pathlib import Path

import pytest
from projects import Project, received

from sendplan.commands.context import load_settings, reader_for
from sendplan.ledger import State
from sendplan.sink import Sink

THERE = Path(__file__).parent / "first_edition"
DAYS = ("2026-03-20 12:00", "2026-03-21 12:00", "2026-03-27 12:00", "2026-04-03 12:00", "2026-04-10 12:00")


@pytest.fixture
def shop(tmp_path: Path, capsys: pytest.CaptureFixture[str], sink: Sink, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The project as the first edition left it, with a mail server of today."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    shutil.copytree(THERE, tmp_path / "shop")
    with sqlite3.connect(tmp_path / "shop" / "var" / "shop.db") as connection:
        connection.executescript((THERE / "shop.sql").read_text(encoding="utf-8"))
    connection.close()
    project = Project(tmp_path / "shop", capsys)
    project.edit("sendplan.yaml", "port: 2525", f"port: {sink.port}")
    return project


def ledger(shop: Project) -> dict[str, str]:
    with reader_for(load_settings(shop.folder)) as reader:
        return {f"{each.order}/{each.rule}/{each.step}".rstrip("/"): each.state.value for each in reader.records(State)}


def run_to_the_end(shop: Project) -> None:
    for now in DAYS:
        assert shop("run", "--now", now).code == 0


def test_nobody_is_mailed_twice(shop: Project, sink: Sink) -> None:
    """What the first edition settled stays so; only what was open goes on, each message once, in its ladder's order."""
    before = ledger_of_dump(shop)
    assert Counter(before.values()) == {"sent": 13, "failed": 3, "uncertain": 2, "deferred": 1, "dropped": 1}
    run_to_the_end(shop)
    after = ledger(shop)
    assert {key: state for key, state in after.items() if before.get(key) not in (None, "deferred")} == {
        key: state for key, state in before.items() if state != "deferred"
    }
    new = sorted(key for key in after if before.get(key) in (None, "deferred"))
    assert new == [
        "E0/dunning/second",
        "E1/dunning/second",
        "E7/dunning/second",
        "E8/dunning/first",
        "E8/dunning/reminder",
        "E8/dunning/second",
        "E8/welcome",
    ]
    assert len(sink.mails) == len(new)


def ledger_of_dump(shop: Project) -> dict[str, str]:
    with sqlite3.connect(shop.path("var/shop.db")) as connection:
        rows = connection.execute("SELECT order_id, rule, step, state FROM messages").fetchall()
    connection.close()
    return {f"{order}/{rule}/{step}".rstrip("/"): state for order, rule, step, state in rows}


def test_wishes_are_kept(shop: Project, sink: Sink) -> None:
    """An address that was suppressed stays so for every class, and what waited for a person still does."""
    listed = shop("suppress", "--list", "--format", "json").json
    assert {(each["address"], each["class"]) for each in listed} == {
        ("fail@example.com", None),
        ("g@example.com", None),
    }
    unsettled = [each["key"] for each in shop("status", "--now", DAYS[0], "--format", "json").json["unsettled"]]
    assert sorted(unsettled) == [
        "E2/dunning/reminder",
        "E2/welcome",
        "E3/welcome",
        "E4/dunning/reminder",
        "E4/welcome",
    ]
    run_to_the_end(shop)
    assert "g@example.com" not in {str(mail["To"]) for mail in received(sink)}


def test_new_names_while_upgrading(shop: Project, sink: Sink) -> None:
    """A rule that becomes a ladder, a ladder that becomes a rule and a renamed account repeat nothing."""
    shop.edit("sendplan.yaml", "web: {portal: shop}", "online: {portal: shop, formerly: [web]}")
    shop.write(
        "rules/rules.yaml",
        "rules:\n"
        "  - id: hello\n    title: Hello\n    trigger: not cancelled\n    due: ordered\n    formerly: [welcome]\n"
        "    ladder: {every: 1 year, steps: [{id: first, template: mail}, {id: later, template: mail}]}\n"
        "  - id: reminder\n    title: Reminder\n    trigger: open_amount >= 1.00\n    due: payment_due + 7 days\n"
        "    template: mail\n    formerly: [dunning]\n",
    )
    run_to_the_end(shop)
    new = sorted(key for key in ledger(shop) if key.split("/")[1] in ("hello", "reminder"))
    assert new == ["E8/hello/first", "E8/reminder"]
    assert len(sink.mails) == 2
