"""A person who was forgotten is found nowhere, and gets no mail again; `retention` forgets by itself."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from projects import Project, received

from sendplan.ledger import State
from sendplan.sink import Sink
from sendplan.store.claims import Settlement
from sendplan.store.journal import line_of
from sendplan.store.sql.forgetting import TABLES

NOW = ("--now", "2026-08-24 12:00")
HEAD = "id,account,number,customer,email,name,street,postcode,city,country,items,total,ordered,shipped,consent\n"
MIA = (
    "M-1,ebay-de,NUM-77,CUST-77,Mia.Muster@Example.org,Mia Muster,Musterweg 17,50667,Köln,DE,1,5,2026-08-24,,true\n"
    "M-2,ebay-de,NUM-78,CUST-77,mia.muster@example.org,Mia Muster,Musterweg 17,50667,Köln,DE,1,5,2026-08-24,,true\n"
)
OTHER = "O-1,ebay-de,NUM-99,CUST-99,otto@example.com,Otto Other,Otherweg 1,50667,Köln,DE,1,5,2026-08-24,,true\n"
SECRETS = ("M-1", "M-2", "NUM-7", "CUST-77", "mia.muster", "mia muster", "musterweg", "775577")


@pytest.fixture
def mailed(shop: Project) -> Project:
    """A shop that has mailed Mia and Otto, refused a row of Mia's, snoozed her and suppressed her for advertising."""
    shop.write("orders.csv", HEAD + MIA + OTHER)
    assert shop("import", str(shop.path("orders.csv"))).code == 0
    assert shop("run", *NOW, "--no-import").code == 0
    bad = shop.write(
        "bad.csv", "id,account,ordered,total\nM-1,ebay-de,2026-08-24,much\nM-1,ebay-de,2026-08-24,Mia Muster\n"
    )
    assert shop("import", str(bad)).code == 1
    assert shop("snooze", "mia.muster@example.org", "--until", "2099-01-01").code == 0
    assert shop("snooze", "M-2", "--until", "2099-01-01", "--reason", "Mia asked, 0221-775577").code == 0
    assert (
        shop("suppress", "mia.muster@example.org", "--class", "marketing", "--reason", "Mia asked, 0221-775577").code
        == 0
    )
    outcome = Settlement("M-1", ("first-contact", ""), "t", State.SENT, datetime(2026, 8, 24), "250 ok, Mia Muster")
    for name in ("left.journal", "put-away.adopted"):
        shop.write(f"var/journals/{name}", line_of(outcome).decode())
    return shop


def left(folder: Path) -> list[str]:
    """What of Mia can be read in the project's own files, byte by byte."""
    found = []
    for path in (path for path in (folder / "var").rglob("*") if path.is_file()):
        content = path.read_bytes().lower()
        found += [f"{path.name}: {secret}" for secret in SECRETS if secret.lower().encode() in content]
    return found


@pytest.mark.parametrize("who", ["mia.muster@EXAMPLE.org", "CUST-77"])
def test_a_forgotten_person_is_found_nowhere(mailed: Project, who: str) -> None:
    """Neither a table, an index, a log nor free space of a file of the store holds anything of the person."""
    assert left(mailed.folder)
    ran = mailed("forget", who)
    assert ran.code == 0, ran.err
    assert left(mailed.folder) == []
    with closing(sqlite3.connect(mailed.path("var/shop.db"))) as store:
        for (table,) in store.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')").fetchall():
            for row in store.execute(f'SELECT * FROM "{table}"').fetchall():
                assert not [secret for secret in SECRETS if secret.lower() in str(row).lower()], table
    for command in (("status",), ("plan", *NOW), ("find", "muster"), ("suppress", "--list")):
        said = mailed(*command)
        assert not [secret for secret in SECRETS if secret.lower() in (said.out + said.err).lower()]
    assert mailed("explain", "M-1", *NOW).code == 2


def test_every_table_says_what_forgetting_does_to_it(mailed: Project) -> None:
    """Whoever adds a table decides how a person is erased from it."""
    with closing(sqlite3.connect(mailed.path("var/shop.db"))) as store:
        tables = {name for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert {name for name in tables if not name.startswith(("sqlite_", "_sqlite_"))} == set(TABLES)


def test_nothing_is_mailed_again(mailed: Project, sink: Sink) -> None:
    """The same export again passes the forgotten orders over, whatever changed in it; others are updated."""
    before = len(received(sink))
    assert before >= 3
    mailed("forget", "CUST-77")
    mailed.write("orders.csv", HEAD + MIA.replace(",5,2026", ",9,2026") + OTHER.replace("Otherweg 1", "Otherweg 2"))
    ran = mailed("import", str(mailed.path("orders.csv")))
    assert "3 rows: 0 new, 1 updated, 0 unchanged, 0 bad, 2 passed over" in ran.out
    assert mailed("run", *NOW, "--no-import").code == 0
    assert len(received(sink)) == before
    assert left(mailed.folder) == []


def test_a_refused_row_does_not_bring_a_person_back(mailed: Project) -> None:
    """A bad row of a forgotten order marks nobody."""
    mailed("forget", "CUST-77")
    mailed.write("bad.csv", "id,account,ordered,total\nM-1,ebay-de,2026-08-24,much\nM-2,ebay-de,2026-08-24,6,7\n")
    assert mailed("import", str(mailed.path("bad.csv"))).code == 1
    with closing(sqlite3.connect(mailed.path("var/shop.db"))) as store:
        assert store.execute("SELECT count(*) FROM refused_rows").fetchone() == (0,)


def test_a_suppressed_address_stays_so(mailed: Project) -> None:
    """Who wanted no advertising gets none when a new order brings the address again."""
    mailed("forget", "mia.muster@example.org")
    assert "mia" not in mailed("suppress", "--list").out
    mailed.write("new.csv", HEAD + MIA.splitlines()[0].replace("M-1", "M-3") + "\n")
    assert mailed("import", str(mailed.path("new.csv"))).code == 0
    listed = mailed("suppress", "--list", "--format", "json").out
    assert "mia.muster@example.org" in listed
    assert "marketing" in listed


def test_others_keep_everything(mailed: Project) -> None:
    """An address that somebody else's order has too is that person's as well; their history stays."""
    shared = (
        OTHER.replace("O-1", "O-2").replace("CUST-99", "CUST-98").replace("otto@example.com", "mia.muster@example.org")
    )
    mailed.write("shared.csv", HEAD + shared)
    mailed("import", str(mailed.path("shared.csv")))
    mailed("forget", "CUST-77")
    assert "mia.muster@example.org" in mailed("suppress", "--list").out
    assert "first-contact" in mailed("explain", "O-1", *NOW).out
    assert mailed("explain", "--message", "O-1/first-contact").out.count("sent") >= 1
    with closing(sqlite3.connect(mailed.path("var/shop.db"))) as store:
        assert store.execute("SELECT count(*) FROM messages WHERE order_id = 'O-1'").fetchone() == (1,)


def test_what_is_known_can_be_handed_over(mailed: Project) -> None:
    """A buyer who asks gets orders, mails, suppressions and snoozes as JSON; nothing is forgotten by that."""
    known = mailed("forget", "CUST-77", "--dry-run", "--format", "json").json
    assert [each["id"] for each in known["orders"]] == ["M-1", "M-2"]
    assert known["orders"][0]["street"] == "Musterweg 17"
    assert {each["state"] for each in known["messages"]} == {"sent"}
    assert [each["class"] for each in known["suppressions"]] == ["marketing"]
    assert len(known["snoozes"]) == 2
    assert mailed("forget", "CUST-77", "--dry-run").out.startswith("Would forget 2 orders")
    assert mailed("explain", "M-1", *NOW).code == 0


def test_nobody_is_forgotten_by_mistake(mailed: Project) -> None:
    """A name that nobody has is refused, and so is a part of one."""
    for who in ("nobody@example.com", "CUST-7", "muster@example.org"):
        assert mailed("forget", who).code == 2
    assert mailed("explain", "M-1", *NOW).code == 0


def test_old_orders_are_forgotten_by_run(mailed: Project, sink: Sink) -> None:
    """With `retention`, a run forgets orders that were placed longer ago, and a later export brings none back."""
    before = len(received(sink))
    with mailed.path("sendplan.yaml").open("a") as settings:
        settings.write("retention: 6 years\n")
    old = MIA.replace("M-1", "A-1").replace("M-2", "A-2").replace("2026-08-24", "2015-08-24")
    mailed.write("old.csv", HEAD + old)
    assert mailed("import", str(mailed.path("old.csv"))).code == 0
    ran = mailed("run", *NOW, "--no-import")
    assert "2 orders older than 6 years forgotten" in ran.err
    assert mailed("explain", "A-1", *NOW).code == 2
    assert mailed("explain", "M-1", *NOW).code == 0
    assert "0 new, 0 updated, 0 unchanged, 0 bad, 2 passed over" in mailed("import", str(mailed.path("old.csv"))).out
    assert len(received(sink)) == before


@pytest.mark.parametrize("text", ["6", "six years", "6 hours", "0 years", "-1 years"])
def test_a_retention_is_a_length_of_time(mailed: Project, text: str) -> None:
    """Anything else is told with its place."""
    with mailed.path("sendplan.yaml").open("a") as settings:
        settings.write(f"retention: {text}\n")
    assert "retention" in mailed("check").out
    assert mailed("check").code == 1


def test_a_history_brings_no_forgotten_order_back(mailed: Project) -> None:
    """What an old system has sent for a forgotten order is kept under its alias, never under the order's own id."""
    assert mailed("forget", "CUST-77").code == 0
    sent = mailed.write(
        "sent.csv", "order,rule,step,at\nM-1,first-contact,,2026-08-20\nM-2,first-contact,,2026-08-20\n"
    )
    told = mailed("import", str(sent), "--history")
    assert (told.code, left(mailed.folder)) == (0, [])
    assert "2 rows: " in told.out
    assert "not there yet" not in told.out
