"""The writing half of a store: imports, suppressions, snoozes and pauses, on top of the ledger."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple
from datetime import datetime
from types import MappingProxyType

from sendplan.addresses import mailbox
from sendplan.deciding.narrowing import Index
from sendplan.ledger import EVERY_CLASS, Bounce, Snooze, SnoozeSubject
from sendplan.scopes import Scope
from sendplan.store.records import Act, Approval, ImportRecord
from sendplan.store.sql.candidate_queries import definitions, index_names
from sendplan.store.sql.database import SET_META, Lock, Transaction
from sendplan.store.sql.encoding import encode_instant
from sendplan.store.sql.forgetting import Erasure, alias_of, forgotten_orders, secret_of
from sendplan.store.sql.hosts import SqlHosts
from sendplan.store.sql.imports import SqlImport
from sendplan.store.sql.reader import BOUNCE_COLUMNS, IMPORT_COLUMNS, RESUMED


class SqlStore(SqlHosts):
    """A `Store` (`store/protocols.py`) over any database that the statements know."""

    @contextmanager
    def importing(
        self, file: str, at: datetime, accounts: Mapping[str, str] = MappingProxyType({})
    ) -> Iterator[SqlImport]:
        """One import in one transaction; other imports wait until it is through, on a server mails only for its end."""
        with self._database.transaction(Lock.IMPORT) as connection:
            self.refuse_left()
            fields = {each.name: each for each in self._fields}
            yield SqlImport(connection, self._database, fields, self._codec, file, at, self._wall(), accounts)

    def note_import(self, record: ImportRecord) -> None:
        done, refused = record.imported, json.dumps(list(map(astuple, record.refused)))
        counts = (done.inserted, done.updated, done.unchanged, record.bad)
        sql = f"INSERT INTO import_runs ({IMPORT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        self._changed(sql, encode_instant(record.at), record.file, *counts, record.source, int(record.stored), refused)

    def ensure_indexes(self, indexes: Iterable[Index]) -> None:
        wanted = definitions(indexes, {each.name: each for each in self._fields}, self._database.dialect)
        present = index_names(self._database.indexes())
        if present == wanted.keys() or not self._database.owns_tables():
            return
        with self._database.transaction() as connection:
            for name in sorted(present - wanted.keys()):
                connection.execute(f"DROP INDEX IF EXISTS {name}")
            for name in sorted(wanted.keys() - present):
                connection.execute(wanted[name])

    def unmark(self, order: str) -> bool:
        """End the mark that a refused row left on an order; False when there was none."""
        return self._changed("DELETE FROM refused_rows WHERE order_id = ?", order)

    def suppress(self, address: str, *, at: datetime, reason: str = "", klass: str = EVERY_CLASS) -> bool:
        sql = "INSERT INTO suppressions (address, at, reason, class) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
        return self._changed(sql, mailbox(address), encode_instant(at), reason, klass)

    def unsuppress(self, address: str, klass: str = EVERY_CLASS) -> bool:
        return self._changed("DELETE FROM suppressions WHERE address = ? AND class = ?", mailbox(address), klass)

    def note_mail(self, fingerprint: str, at: datetime) -> bool:
        sql = "INSERT INTO mails_read (fingerprint, at) VALUES (?, ?) ON CONFLICT DO NOTHING"
        return self._changed(sql, fingerprint, encode_instant(at))

    def note_bounce(self, bounce: Bounce) -> None:
        sql = f"INSERT INTO bounces ({BOUNCE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        told = (bounce.address, bounce.diagnosis, bounce.status)
        self._changed(sql, bounce.order, *bounce.key, bounce.kind.value, encode_instant(bounce.at), *told)

    def snooze(self, snooze: Snooze) -> bool:
        with self._database.transaction():
            replaced = self.wake(snooze.subject, snooze.name, snooze.rule)
            self._changed(
                "INSERT INTO snoozes (subject, name, rule, until, at, reason) VALUES (?, ?, ?, ?, ?, ?)",
                snooze.subject,
                snooze.name,
                snooze.rule,
                snooze.until.isoformat(),
                encode_instant(snooze.at),
                snooze.reason,
            )
            return not replaced

    def wake(self, subject: SnoozeSubject, name: str, rule: str | None = None) -> bool:
        sql = "DELETE FROM snoozes WHERE subject = ? AND name = ? AND rule = coalesce(?, rule)"
        return self._changed(sql, subject, name, rule)

    def note_run(self, rules: Collection[str], at: datetime) -> None:
        with self._database.transaction() as connection:
            sql = (
                "INSERT INTO rule_runs (rule, at) VALUES (?, ?) ON CONFLICT (rule) DO UPDATE"
                " SET at = excluded.at WHERE excluded.at < rule_runs.at"
            )
            connection.executemany(sql, [(rule, encode_instant(at)) for rule in sorted(rules)])

    def pause(self, name: str, *, at: datetime, reason: str = "", automatic: bool = False) -> bool:
        sql = "INSERT INTO pauses (name, at, reason, automatic) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
        return self._changed(sql, name, encode_instant(at), reason, int(automatic))

    def resume(self, name: str) -> bool:
        with self._database.transaction() as connection:
            _note_resumed(connection, name)
            return connection.execute("DELETE FROM pauses WHERE name = ?", (name,)).rowcount > 0

    def approve(self, approval: Approval) -> None:
        sql = "INSERT INTO approvals (plan, digest, keys, at, who) VALUES (?, ?, ?, ?, ?)"
        keys = json.dumps(sorted(approval.keys), ensure_ascii=False)
        self._changed(sql, approval.plan, approval.digest, keys, encode_instant(approval.at), approval.who)

    def note_act(self, act: Act) -> None:
        sql = "INSERT INTO acts (at, who, act, subject, detail) VALUES (?, ?, ?, ?, ?)"
        self._changed(sql, encode_instant(act.at), act.who, act.act, act.subject, act.detail)

    def report_sender(self, sender: str, scope: Scope, reply: str) -> None:
        sql = (
            "INSERT INTO sender_reports (sender, scope, reply, since, tried_at) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (sender) DO UPDATE"
            " SET scope = excluded.scope, reply = excluded.reply, tried_at = excluded.tried_at"
        )
        wall = self._wall()
        self._changed(sql, sender, scope.value, reply, wall, wall)

    def try_sender(self, sender: str, rest: float) -> bool:
        with self._database.transaction() as connection:
            wall = self._wall()
            row = connection.execute("SELECT tried_at FROM sender_reports WHERE sender = ?", (sender,)).fetchone()
            if row is not None and 0 <= wall - row[0] < rest * 1000:
                return False
            connection.execute("UPDATE sender_reports SET tried_at = ? WHERE sender = ?", (wall, sender))
            return True

    def clear_sender(self, sender: str) -> bool:
        with self._database.transaction() as connection:
            _note_resumed(connection, sender)
            return connection.execute("DELETE FROM sender_reports WHERE sender = ?", (sender,)).rowcount > 0

    def forget(
        self, orders: Collection[str], addresses: Collection[str] = (), texts: Collection[str] = (), *, at: datetime
    ) -> Mapping[str, str]:
        """Erase these orders, and suppressions and snoozes of these addresses; what was sent is kept under an alias."""
        with self._database.erasing() as connection:
            secret = secret_of(connection)
            aliases = {order: alias_of(secret, order) for order in orders}
            others = {mailbox(each): alias_of(secret, mailbox(each)) for each in addresses}
            Erasure(connection, self._database.dialect, aliases, others, texts, encode_instant(at)).run()
            return aliases

    def forgotten(self, orders: Iterable[str]) -> Mapping[str, str]:
        with self._database.transaction() as connection:
            return forgotten_orders(connection, self._database.dialect, orders)

    def purge(self) -> None:
        self._database.purge()

    def set_meta(self, name: str, value: str) -> None:
        self._changed(SET_META, name, value)

    def _changed(self, sql: str, *parameters: object) -> bool:
        with self._database.transaction() as connection:
            return connection.execute(sql, parameters).rowcount > 0


def _note_resumed(connection: Transaction, name: str) -> None:
    """What failed before now is in no row any more."""
    length = connection.execute("SELECT coalesce(max(id), 0) FROM message_log").fetchone()[0]
    connection.execute(SET_META, (f"{RESUMED} {name}", str(length)))
