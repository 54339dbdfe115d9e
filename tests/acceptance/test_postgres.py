"""The example shop with its orders on a PostgreSQL server: the same commands, the same plan, and nothing twice."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from doc_pages import Session, blocks, matches
from postgresql import fresh_schema, postgres_url
from projects import Project, received

from sendplan.sink import Sink
from sendplan.store import StoreError
from sendplan.store.postgres import server as server_module
from sendplan.store.postgres.dialect import native
from sendplan.store.postgres.server import Server
from sendplan.store.sql.database import Lock, Parameters, Statement, TableRow

__all__ = ["fresh_schema", "postgres_url"]

NOW = "2026-08-24 12:00"
ROOT = Path(__file__).parents[2]
FILE = "sqlite:///var/shop.db"


def test_a_change_of_the_address_changes_nothing_in_the_plan(shop: Project, fresh_schema: str) -> None:
    """The same orders give the same messages, reasons and sentences, in a file and on a server."""
    plans = []
    for address in (FILE, fresh_schema):
        shop.edit("sendplan.yaml", f"store: {FILE}", f"store: {address}")
        shop("import", str(shop.path("fixtures/orders.csv")))
        plans.append(shop("plan", "--now", NOW, "--format", "json").json["entries"])
        shop.edit("sendplan.yaml", f"store: {address}", f"store: {FILE}")
    assert plans[0] == plans[1]
    assert any(each["reason"] == "send" for each in plans[0])


def test_the_tour_is_the_same_on_a_server(tmp_path: Path, fresh_schema: str) -> None:
    """With one line of the settings changed, every command of the tutorial prints what it prints with a file."""
    session = Session(tmp_path)
    address = fresh_schema.replace("&", r"\&")
    changed = f"$ sed -i 's|^store: .*|store: {address}|' sendplan.yaml\n"
    played = 0
    try:
        for block in blocks(ROOT / "docs/tutorial.md"):
            if block.file.endswith(".yaml"):
                session.save(block)
            if block.language != "console":
                continue
            text = block.text.replace("$ git init", f"{changed}$ git init")
            for command, printed in session.run(replace(block, text=text)):
                assert matches(command.output, printed), "\n".join([command.line, *printed])
                played += 1
    finally:
        session.close()
    assert played > 20
    with psycopg.connect(fresh_schema) as connection:
        assert list(connection.execute("SELECT count(*) > 0 FROM messages WHERE state = 'sent'")) == [(True,)]


PASSWORD = "p@ss/w:ö%rd"


@pytest.fixture
def with_password(postgres_url: str, fresh_schema: str) -> str:
    """The address of a schema for a role that must give a password, which is left open."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS keeper")
        connection.execute(f"CREATE ROLE keeper LOGIN SUPERUSER PASSWORD '{PASSWORD}'")
        (file,) = connection.execute("SHOW hba_file").fetchone() or ("",)
        rules = Path(file).read_text(encoding="utf-8")
        if "keeper" not in rules:
            Path(file).write_text(f"local all keeper scram-sha-256\n{rules}", encoding="utf-8")
        connection.execute("SELECT pg_reload_conf()")
    address = fresh_schema.replace("postgres:@", "keeper:PASSWORD@")
    assert address != fresh_schema
    for _ in range(200):
        try:
            psycopg.connect(address).close()
        except psycopg.OperationalError:
            return address
        time.sleep(0.05)
    raise AssertionError("the server takes a wrong password")


def test_the_password_is_read_where_the_address_says(
    shop: Project, with_password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The password of a store comes from the variable or file that its address names; one that is missing or wrong is
    told, and none is shown."""
    orders = str(shop.path("fixtures/orders.csv"))
    address = with_password.replace("PASSWORD", "${SHOP_DB_PASSWORD}")
    shop.edit("sendplan.yaml", f"store: {FILE}", f"store: {address}")
    assert shop("check").code == 0
    ran = shop("import", orders)
    assert ran.code != 0
    assert "the store needs a password, and the environment variable SHOP_DB_PASSWORD is not set" in ran.err
    monkeypatch.setenv("SHOP_DB_PASSWORD", "hunter2")
    ran = shop("import", orders)
    assert "cannot reach the store" in ran.err
    assert "hunter2" not in ran.err + ran.out
    monkeypatch.setenv("SHOP_DB_PASSWORD", PASSWORD)
    assert shop("import", orders).code == 0
    monkeypatch.delenv("SHOP_DB_PASSWORD")
    shop.write("database-password", f"{PASSWORD}\n")
    shop.edit("sendplan.yaml", "${SHOP_DB_PASSWORD}", "${file:database-password}")
    assert "26 unchanged" in shop("import", orders).out


def test_what_was_sent_is_sent_once(shop: Project, fresh_schema: str, sink: Sink) -> None:
    """A plan on a server's orders leaves once; the same run again sends nothing."""
    shop.edit("sendplan.yaml", f"store: {FILE}", f"store: {fresh_schema}")
    shop("import", str(shop.path("fixtures/orders.csv")))
    planned = shop("plan", "--now", NOW, "-o", str(shop.path("plan.json")))
    assert planned.code == 0
    assert shop("send", str(shop.path("plan.json")), "--now", NOW).code == 0
    first = len(received(sink))
    assert first > 0
    assert shop("send", str(shop.path("plan.json")), "--now", NOW).code == 3
    assert shop("plan", "--now", NOW, "--format", "json").out.count('"reason": "send"') == 0
    assert len(received(sink)) == first


def test_a_plan_looks_orders_up_in_the_ledger_and_never_reads_all_of_it(
    shop: Project, fresh_schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the ledger has become, a plan's statements look up the rows of their candidates by order."""
    shop.edit("sendplan.yaml", f"store: {FILE}", f"store: {fresh_schema}")
    ids = [f"X-{number}" for number in range(5_000)]
    shop.write("orders.csv", "id,account,ordered,email,total,country\n")
    shop.write("sent.csv", "order,rule,step,at\n")
    with shop.path("orders.csv").open("a") as orders, shop.path("sent.csv").open("a") as sent:
        orders.writelines(f"{id_},shop-de,2026-08-1{id_[-1]},{id_.lower()}@example.org,9.00,DE\n" for id_ in ids)
        sent.writelines(f"{id_},dunning,payment-reminder,2026-08-20 10:00\n" for id_ in ids)
    assert shop("import", str(shop.path("orders.csv"))).code == 0
    assert shop("import", str(shop.path("sent.csv")), "--history").code == 0
    with psycopg.connect(fresh_schema, autocommit=True) as connection:
        connection.execute("ANALYZE")
        asked: list[tuple[str, Parameters]] = []
        rows = Server.rows

        def heard(self: Server, sql: str, parameters: Parameters = ()) -> list[TableRow]:
            asked.append((sql, parameters))
            return rows(self, sql, parameters)

        monkeypatch.setattr(Server, "rows", heard)
        assert shop("plan", "--now", NOW).code == 0
        walks = [each for each in asked if "EXISTS (SELECT 1 FROM messages" in each[0]]
        assert len(walks) > 3
        for sql, parameters in walks:
            text, values = native(sql, parameters)
            explained = psycopg.RawCursor(connection).execute(f"EXPLAIN {text}".encode(), values or None).fetchall()
            found = "\n".join(line for (line,) in explained)
            assert "Seq Scan on messages" not in found, found
            assert "hashed SubPlan" not in re.sub(r"ANY \(id = \(hashed SubPlan \d+\)\.col1\)", "", found), found


INTEND = "INSERT INTO notes VALUES ('sending')"


def in_steps(server: Server) -> None:
    with server.transaction() as transaction:
        transaction.execute(INTEND)


def in_one_round_trip(server: Server) -> None:
    server.at_once(Lock.LEDGER, [Statement(INTEND)])


@pytest.mark.parametrize("change", [in_steps, in_one_round_trip])
@pytest.mark.parametrize(
    ("at_commit", "said"),
    [
        ("RAISE WARNING 'canceling wait for synchronous replication'", "did not confirm that a change is safe"),
        ("PERFORM pg_sleep(20)", "did not confirm a change in"),
        ("RAISE EXCEPTION 'no room'", "no room"),
        ("RAISE EXCEPTION USING ERRCODE = 'serialization_failure'", "written to all the time"),
        ("RAISE EXCEPTION USING ERRCODE = 'deadlock_detected'", "written to all the time"),
        ("RAISE EXCEPTION USING ERRCODE = 'disk_full'", "its disk has room"),
        ("PERFORM pg_terminate_backend(pg_backend_pid())", "the store cannot be used"),
    ],
)
def test_a_commit_that_is_not_confirmed_without_a_word_is_none(
    fresh_schema: str,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Server], None],
    at_commit: str,
    said: str,
) -> None:
    """What a server says at a commit, instead of nothing, or nothing at all, counts as not stored: no mail leaves."""
    monkeypatch.setattr(server_module, "COMMIT_SECONDS", 0.5)
    monkeypatch.setattr(server_module, "LOCK_MILLISECONDS", 500)
    with closing(Server(fresh_schema)) as server:
        with server.transaction() as transaction:
            transaction.execute(f'CREATE SCHEMA "{server.schema}"')
            transaction.execute("CREATE TABLE notes (text text)")
            transaction.execute(
                f"CREATE FUNCTION warn() RETURNS trigger language plpgsql AS $$ BEGIN {at_commit}; RETURN NULL; END $$"
            )
            transaction.execute(
                "CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON notes DEFERRABLE INITIALLY DEFERRED"
                " FOR EACH ROW EXECUTE FUNCTION warn()"
            )
        with pytest.raises(StoreError) as refused:
            change(server)
    assert said in " ".join(str(each.message) + str(each.help) for each in refused.value.problems)


def test_no_statement_is_compiled(fresh_schema: str) -> None:
    """Compiling a statement would take longer than finding the few rows that it is for."""
    with psycopg.connect(fresh_schema) as connection:
        assert list(connection.execute("SHOW jit")) == [("on",)]
    with closing(Server(fresh_schema)) as server:
        assert server.rows("SHOW jit") == [("off",)]


def test_a_pooler_that_mixes_sessions_is_named() -> None:
    """What a pooler in transaction mode makes of prepared statements says which mode it needs."""
    for error in (psycopg.errors.DuplicatePreparedStatement("exists"), psycopg.errors.InvalidSqlStatementName("gone")):
        (problem,) = server_module.broken(error).problems
        assert problem.help is not None
        assert "session mode" in problem.help


def test_a_lost_connection_is_a_clear_problem(shop: Project, fresh_schema: str, postgres_url: str) -> None:
    """A server that cannot be reached is named as a problem, without a traceback and without the password."""
    address = "postgresql://shop@127.0.0.1:9/shop"
    shop.edit("sendplan.yaml", f"store: {FILE}", f"store: {address}")
    ran = shop("status")
    assert ran.code != 0
    assert "cannot reach the store" in ran.err + ran.out


def test_two_projects_share_a_server(shop: Project, fresh_schema: str, postgres_url: str) -> None:
    """Each schema is a store of its own."""
    shop.edit("sendplan.yaml", f"store: {FILE}", f"store: {fresh_schema}")
    shop("import", str(shop.path("fixtures/orders.csv")))
    with psycopg.connect(postgres_url) as connection:
        rows = connection.execute("SELECT count(*) FROM pg_tables WHERE tablename = 'orders'").fetchone()
        assert rows is not None
        assert rows[0] >= 1
    second = fresh_schema.replace("shop_", "second_")
    shop.edit("sendplan.yaml", f"store: {fresh_schema}", f"store: {second}")
    assert shop("plan", "--now", NOW, "--format", "json").json["entries"] == []


DOCUMENTED = re.compile(r"```text\n(.*?)```", re.DOTALL)


def documented(heading: str) -> str:
    """The first block of statements under a heading of docs/hosts.md."""
    text = (ROOT / "docs/hosts.md").read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2]
    found = DOCUMENTED.search(text)
    assert found is not None
    return found[1]


@pytest.fixture
def own_database(postgres_url: str) -> str:
    """The address of the role `shop` and its database, made as the page on hosts says, with WHO for the role."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS shop WITH (FORCE)")
        for role in ("worker", "shop"):
            connection.execute(f"DROP ROLE IF EXISTS {role}".encode())
        for statement in documented("From a file to three hosts").splitlines():
            connection.execute(statement.encode())
        connection.execute("CREATE ROLE worker LOGIN")
    return postgres_url.replace("postgres:@/postgres", "WHO@/shop")


def test_a_role_of_a_worker_needs_no_more_than_what_is_documented(shop: Project, own_database: str, sink: Sink) -> None:
    """The documented rights are enough to import, plan and send, also after rules changed; they own no table."""
    owner, worker = (f"store: {own_database.replace('WHO', who)}" for who in ("shop", "worker"))
    shop.edit("sendplan.yaml", f"store: {FILE}", owner)
    assert shop("import", str(shop.path("fixtures/orders.csv"))).code == 0
    with psycopg.connect(own_database.replace("WHO", "shop"), autocommit=True) as connection:
        connection.execute(documented("Rights").encode())
    shop.edit("sendplan.yaml", owner, worker)
    assert shop("plan", "--now", NOW, "-o", str(shop.path("plan.json"))).code == 0
    assert shop("send", str(shop.path("plan.json")), "--now", NOW).code == 0
    assert len(received(sink)) > 0
    assert shop("pause", "dunning").code == 0
    assert "dunning" in shop("status").out
    shop.edit("rules/dunning.yaml", "due: max(payment_due, ", "due: max(payment_due, shipped, ")
    assert shop("import", str(shop.path("fixtures/orders.csv"))).code == 0
    assert shop("run", "--no-import", "--now", "2026-08-25 12:00").code == 0
    refused = shop("forget", "paul.winter@example.net")
    assert refused.code != 0
    assert "this login does not own the store's tables" in refused.err
    with (
        psycopg.connect(own_database.replace("WHO", "worker")) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("DROP TABLE sendplan.orders")


def test_the_history_may_be_partitioned_as_documented(shop: Project, own_database: str, sink: Sink) -> None:
    """With monthly partitions mails leave as before; a latest month that is gone is noticed, and nothing goes twice."""
    owner = own_database.replace("WHO", "shop")
    shop.edit("sendplan.yaml", f"store: {FILE}", f"store: {owner}")
    shop("import", str(shop.path("fixtures/orders.csv")))
    assert shop("run", "--no-import", "--now", NOW).code == 0
    before = len(received(sink))
    with psycopg.connect(owner, autocommit=True, options="-c search_path=sendplan") as connection:
        connection.execute(documented("Years of history").encode())
        count = "SELECT count(*) FROM message_log"
        [(stories,)] = connection.execute(count)
        assert shop("run", "--no-import", "--now", "2026-08-31 12:00").code == 0
        assert len(received(sink)) > before
        assert [(stories,)] < list(connection.execute(count))
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="append-only"):
            connection.execute("DELETE FROM message_log")
        connection.execute("DROP TABLE message_log_before")
        assert list(connection.execute(count)) == [(0,)]
    sent = len(received(sink))
    assert "restored backup" in shop("run", "--no-import", "--now", "2026-08-31 12:00").err
    assert shop("adopt").code == 0
    assert shop("run", "--no-import", "--now", "2026-08-31 12:00").code == 0
    assert len(received(sink)) == sent
    assert shop("forget", "paul.winter@example.net").code == 0
