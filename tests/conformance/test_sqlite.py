"""What only a SQLite file can get wrong: side effects of reading, file modes, old files, the database's own guard."""

from __future__ import annotations

import hashlib
import sqlite3
import sys
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from stores import CALENDAR, KEY, NOW, Stores, intend, lease, order, put, settle

from sendplan.fields import FieldType, with_own
from sendplan.ledger import MOVES, State
from sendplan.problems import UserError
from sendplan.store import StoreError, open_reader, open_store

FIELDS = with_own({})


@pytest.fixture
def sqlite_stores(tmp_path: Path) -> Stores:
    return Stores("sqlite:///var/shop.db", tmp_path)


def contents(folder: Path) -> dict[str, str]:
    files = sorted(each for each in folder.rglob("*") if each.is_file())
    return {str(each.relative_to(folder)): hashlib.sha256(each.read_bytes()).hexdigest() for each in files}


def test_reading_leaves_no_trace(sqlite_stores: Stores) -> None:
    """Planning on a store changes no byte of it and makes no file beside it."""
    store = sqlite_stores.store()
    put(store, order())
    store.close()
    before = contents(sqlite_stores.folder)

    reader = sqlite_stores.reader()
    assert [each.id for each in reader.orders()] == ["E1"]
    assert contents(sqlite_stores.folder) == before == {"var/shop.db": before["var/shop.db"]}
    reader.close()
    assert contents(sqlite_stores.folder) == before


def test_reading_beside_a_writer_sees_committed_orders_only(sqlite_stores: Stores) -> None:
    """While an import is running, a reader sees the store as it was before it."""
    store = sqlite_stores.store()
    put(store, order("E1"))
    with store.importing("orders.csv", NOW) as run:
        run.upsert(("id", "account", "ordered"), [(2, ("E2", "ebay-de", date(2026, 8, 11)))])
        assert [each.id for each in sqlite_stores.reader().orders()] == ["E1"]

    assert [each.id for each in sqlite_stores.reader().orders()] == ["E1", "E2"]
    store.close()


def test_a_new_store_is_its_owners_alone(sqlite_stores: Stores) -> None:
    """The file with the buyers' addresses, and its logs, can be read by nobody else."""
    store = sqlite_stores.store()
    put(store, order())
    files = list((sqlite_stores.folder / "var").iterdir())

    assert {each.name: oct(each.stat().st_mode & 0o777) for each in files} == {
        "shop.db": "0o600",
        "shop.db-shm": "0o600",
        "shop.db-wal": "0o600",
    }
    store.close()


def test_every_commit_reaches_the_disk(sqlite_stores: Stores) -> None:
    """A store runs with a write-ahead log and full synchronisation, as exactly-once sending needs."""
    store = sqlite_stores.store()

    assert store._database.rows("PRAGMA journal_mode") == [("wal",)]  # type: ignore[attr-defined]
    assert store._database.rows("PRAGMA synchronous") == [(2,)]  # type: ignore[attr-defined]
    store.close()


@pytest.mark.parametrize("before", State)
@pytest.mark.parametrize("after", [None, *State])
def test_the_database_itself_refuses_illegal_moves(sqlite_stores: Stores, before: State, after: State | None) -> None:
    """Even somebody who writes SQL by hand cannot make a move that the ledger does not allow."""
    if before is after:
        return
    store = sqlite_stores.store()
    put(store, order())
    token = lease(store)
    if before is State.DROPPED:
        store.move("E1", KEY, State.DROPPED, at=NOW)
    else:
        intend(store, token)
        if before is not State.SENDING:
            settle(store, token, before)
    store.close()
    statement = "DELETE FROM messages" if after is None else f"UPDATE messages SET state = '{after}'"

    with closing(sqlite3.connect(sqlite_stores.folder / "var/shop.db")) as connection:
        if after in MOVES[before]:
            assert connection.execute(statement).rowcount == 1
        else:
            with pytest.raises(sqlite3.IntegrityError, match="illegal move"):
                connection.execute(statement)


def test_the_database_refuses_unknown_states_and_rewritten_history(sqlite_stores: Stores) -> None:
    """No row begins in a state that needs an intent, and the history cannot be changed."""
    store = sqlite_stores.store()
    put(store, order())
    intend(store, lease(store))
    store.close()

    with closing(sqlite3.connect(sqlite_stores.folder / "var/shop.db")) as connection:
        for state in ("uncertain", "posted"):
            copied = "at, attempts, reply, queue_id, sender, recipients, token, actor, wall"
            insert = f"INSERT INTO messages (order_id, rule, step, state, {copied})"
            with pytest.raises(sqlite3.IntegrityError, match="illegal move"):
                connection.execute(f"{insert} SELECT 'E2', rule, step, '{state}', {copied} FROM messages")
        for statement in ("DELETE FROM message_log", "UPDATE message_log SET reply = 'x'"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                connection.execute(statement)


def test_the_database_refuses_a_second_row_for_a_message(sqlite_stores: Stores) -> None:
    """Whatever a program does, one message has one row: the last lock, when every other one has failed."""
    store = sqlite_stores.store()
    put(store, order())
    intend(store, lease(store))
    store.close()
    columns = "state, at, attempts, reply, queue_id, sender, recipients, actor, wall"
    insert = f"INSERT INTO messages (order_id, rule, step, token, {columns})"
    with closing(sqlite3.connect(sqlite_stores.folder / "var/shop.db")) as connection:
        for token in ("token", "'another'"):
            with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
                connection.execute(f"{insert} SELECT order_id, rule, step, {token}, {columns} FROM messages")


def test_people_can_read_the_orders(sqlite_stores: Stores) -> None:
    """The view `orders_readable` shows dates as days, instants in UTC and money as decimals."""
    store = sqlite_stores.store()
    put(
        store,
        order("E1", paid=date(2026, 8, 12), total=Decimal("19.99"), credited=Decimal("-0.0125")),
        order("E2", paid=date(2026, 3, 29), total=Decimal(5), warranty_ends=date(1969, 1, 1)),
        order("E3", paid=date(2026, 1, 1)),
    )
    store.close()

    with closing(sqlite3.connect(sqlite_stores.folder / "var/shop.db")) as connection:
        query = "SELECT id, ordered, paid, total, credited, warranty_ends FROM orders_readable ORDER BY id"
        assert connection.execute(query).fetchall() == [
            ("E1", "2026-08-11 08:00:00Z", "2026-08-12", "19.99", "-0.0125", None),
            ("E2", "2026-08-11 08:00:00Z", "2026-03-29", "5.00", None, "1969-01-01"),
            ("E3", "2026-08-11 08:00:00Z", "2026-01-01", None, None, None),
        ]


def test_opening_an_up_to_date_store_is_quick(sqlite_stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a store with something to migrate needs the library that does it, which is slow to load."""
    sqlite_stores.store().close()
    monkeypatch.setitem(sys.modules, "sqlite_utils", None)

    sqlite_stores.store().close()
    with pytest.raises(ImportError):
        sqlite_stores.store(with_own({"new": FieldType.TEXT}))


def test_an_old_store_is_read_as_it_is_and_migrated_when_written(tmp_path: Path) -> None:
    """A store from before the ledger existed still reads, and gets what it lacks when it is next written."""
    store = open_store("sqlite:///shop.db", tmp_path, FIELDS, CALENDAR)
    put(store, order())
    store.close()
    with closing(sqlite3.connect(tmp_path / "shop.db", isolation_level=None)) as connection:
        for table in ("messages", "message_log", "plans"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("DELETE FROM _sqlite_migrations WHERE name IN ('messages', 'plans')")

    reader = open_reader("sqlite:///shop.db", tmp_path, FIELDS, CALENDAR)
    assert [each.id for each in reader.orders()] == ["E1"]
    assert reader.histories(["E1"]) == {}
    assert list(reader.records(State)) == []
    assert reader.plan_records() == ()

    store = open_store("sqlite:///shop.db", tmp_path, FIELDS, CALENDAR)
    assert store.move("E1", KEY, State.SENT, at=NOW)
    store.close()


def test_addresses_suppressed_by_the_first_edition_stay_suppressed(tmp_path: Path) -> None:
    """Their rows get the one spelling that all of a mailbox share; the earliest of two wins."""
    open_store("sqlite:///shop.db", tmp_path, FIELDS, CALENDAR).close()
    with closing(sqlite3.connect(tmp_path / "shop.db", isolation_level=None)) as connection:
        for number, address in enumerate(("b@xn--bcher-kva.example", "c@example.com", "stra\u00dfe@example.com")):
            connection.execute("INSERT INTO suppressions (address, at, reason) VALUES (?, ?, '')", (address, number))
        connection.execute("DELETE FROM _sqlite_migrations WHERE name = 'suppressed_mailboxes'")
    spelled = {"b@b\u00fccher.example", "c@example.com", "stra\u00dfe@example.com"}

    reader = open_reader("sqlite:///shop.db", tmp_path, FIELDS, CALENDAR)
    assert reader.overrides().suppressed.keys() == spelled
    store = open_store("sqlite:///shop.db", tmp_path, FIELDS, CALENDAR)
    assert {each.address for each in store.suppressions()} == spelled
    assert store.unsuppress("b@xn--bcher-kva.example")
    store.close()


def test_a_file_that_is_no_store_is_told_to_the_user(tmp_path: Path) -> None:
    """A store setting that names some other file ends in a message that says so."""
    (tmp_path / "notes.txt").write_text("these are notes, not a database" * 50)

    for opener in (open_reader, open_store):
        with pytest.raises(UserError) as raised:
            opener("sqlite:///notes.txt", tmp_path, FIELDS, CALENDAR)
        assert raised.value.problems[0].code == "store-unreadable"


def test_an_unknown_kind_of_store_is_told_to_the_user(tmp_path: Path) -> None:
    """A store address of another database ends in a message with the right form."""
    with pytest.raises(UserError) as raised:
        open_reader("mysql://localhost/shop", tmp_path, FIELDS, CALENDAR)

    assert "sqlite:///var/shop.db" in raised.value.problems[0].help


@pytest.mark.parametrize("opened", ["store", "reader"])
def test_a_store_of_a_later_version_is_refused(sqlite_stores: Stores, opened: str) -> None:
    """An older program does not read or change what it may not understand, and says so."""
    sqlite_stores.store().close()
    with closing(sqlite3.connect(sqlite_stores.folder / "var/shop.db", isolation_level=None)) as connection:
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('sendplan', 'tomorrow', '2030')"
        )
    with pytest.raises(StoreError, match="a later version of sendplan \\(tomorrow\\)") as caught:
        getattr(sqlite_stores, opened)()
    assert caught.value.problems[0].code == "store-newer"


def test_a_failed_commit_leaves_no_transaction_behind(sqlite_stores: Stores) -> None:
    """After a commit that the disk refused the store goes on with new changes, each durable again."""
    store = sqlite_stores.store()
    put(store, order())
    with closing(sqlite3.connect(sqlite_stores.folder / "var/shop.db")) as other:
        limit = store._database.connection.execute("PRAGMA page_count").fetchone()[0]  # type: ignore[attr-defined]
        store._database.connection.execute(f"PRAGMA max_page_count = {limit}")  # type: ignore[attr-defined]
        with pytest.raises(StoreError, match="full"):
            store.set_meta("note", "x" * 100_000)
        store._database.connection.execute("PRAGMA max_page_count = 100000")  # type: ignore[attr-defined]
        store.set_meta("note", "kept")
        assert other.execute("SELECT value FROM meta WHERE name = 'note'").fetchone() == ("kept",)


def test_messages_of_earlier_versions_get_no_bounces(tmp_path: Path) -> None:
    """An old ledger is brought up to date whole: what was sent stays sent, and its guessable ids match nothing."""
    store = open_store("sqlite:///shop.db", tmp_path, FIELDS, CALENDAR)
    assert store.move("E1", KEY, State.SENT, at=NOW)
    store.close()
    with closing(sqlite3.connect(tmp_path / "shop.db", isolation_level=None)) as connection:
        connection.execute("DROP INDEX messages_digest")
        for column in ("digest", "address"):
            connection.execute(f"ALTER TABLE messages DROP COLUMN {column}")
        for table in ("bounces", "mails_read"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("DELETE FROM meta WHERE name = 'secret'")
        connection.execute("DELETE FROM _sqlite_migrations WHERE name = 'bounces'")

    with closing(open_reader("sqlite:///shop.db", tmp_path, FIELDS, CALENDAR)) as reader:
        assert (reader.last_bounces(5), dict(reader.bounce_counts()), reader.mailed("")) == ((), {}, None)
    store = open_store("sqlite:///shop.db", tmp_path, FIELDS, CALENDAR)
    assert store.histories(["E1"])["E1"].records[KEY].state is State.SENT
    assert store.mailed("") is None
    assert store.meta("secret")
    store.close()
