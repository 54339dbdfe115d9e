"""Forgetting: what happens to each table of a store when an order or a person is forgotten (docs/privacy.md#forget).

What was sent stays known by a hash: the order's id gives way to an alias that only this store can compute again, so
that a later row of the same order is recognised and passed over.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from sendplan.addresses import masked
from sendplan.dataclass import dataclass
from sendplan.ledger import SnoozeSubject, State
from sendplan.problems import Exit, Problem
from sendplan.store.records import StoreError
from sendplan.store.sql.database import Dialect, Transaction

SECRET = "forgetting"
"""The note in the store that aliases are computed with."""
ALIAS = "forgotten:"
"""How an alias begins."""
ORDER, ADDRESS = "order", "address"
"""What is forgotten: an order that is passed over from now on, an address that had been suppressed."""
_SETTLED = (State.DEFERRED, State.UNCERTAIN, State.FAILED)
"""What is dropped: nobody can look at it any more."""


def alias_of(secret: str, text: str) -> str:
    """What stands for an order's id or an address that was forgotten."""
    return ALIAS + hmac.new(secret.encode(), text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:32]


def secret_of(connection: Transaction) -> str:
    """The secret of this store."""
    return str(connection.execute("SELECT value FROM meta WHERE name = ?", (SECRET,)).fetchone()[0])


def forgotten_orders(connection: Transaction, dialect: Dialect, orders: Iterable[str]) -> Mapping[str, str]:
    """Of these orders, those that were forgotten, each with what stands for it."""
    if connection.execute("SELECT 1 FROM forgotten LIMIT 1").fetchone() is None:
        return {}
    secret = secret_of(connection)
    by_alias = {alias_of(secret, order): order for order in orders}
    sql = f"SELECT alias FROM forgotten WHERE kind = ? AND {dialect.among('alias', '?')}"
    found = connection.execute(sql, (ORDER, json.dumps(list(by_alias)))).fetchall()
    return {by_alias[alias]: alias for (alias,) in found}


@dataclass(frozen=True, slots=True)
class Erasure:
    """One act of forgetting, within its transaction."""

    connection: Transaction
    dialect: Dialect
    aliases: Mapping[str, str]
    """Order → what stands for it."""
    addresses: Mapping[str, str]
    """Address, as `addresses.mailbox` spells it → what stands for it."""
    texts: Collection[str]
    """What else tells who it was: names, streets, numbers, addresses as they were written."""
    at: int

    def run(self) -> None:
        """Erase from every table; raises StoreError while one of their mails is on its way."""
        listed = self.dialect.among("order_id", "?")
        moving = self.connection.execute(
            f"SELECT 1 FROM messages WHERE {listed} AND state = '{State.SENDING}'", (self.ids,)
        )
        if moving.fetchone() is not None:
            message = "a mail to them is on its way right now: nothing was forgotten"
            raise StoreError(Problem("plan-in-execution", message, None, "try again after the run"), Exit.REFUSED)
        for erase in TABLES.values():
            if erase is not None:
                erase(self)
        self._remember((alias, ORDER, "") for alias in self.aliases.values())

    @property
    def ids(self) -> str:
        """The orders as JSON, for one parameter."""
        return json.dumps(list(self.aliases))

    def remember_suppressions(self) -> None:
        listed = self.dialect.among("address", "?")
        addresses = json.dumps(list(self.addresses))
        rows = self.connection.execute(f"SELECT address, class FROM suppressions WHERE {listed}", (addresses,))
        self._remember((self.addresses[address], ADDRESS, klass) for address, klass in rows.fetchall())
        self.connection.execute(f"DELETE FROM suppressions WHERE {listed}", (addresses,))

    def _remember(self, rows: Iterable[tuple[str, str, str]]) -> None:
        sql = "INSERT INTO forgotten (alias, kind, class, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
        self.connection.executemany(sql, [(*row, self.at) for row in rows])

    def delete(self, table: str, column: str) -> None:
        self.connection.execute(f"DELETE FROM {table} WHERE {self.dialect.among(column, '?')}", (self.ids,))

    def drop_open_messages(self) -> None:
        states = ", ".join(f"'{each}'" for each in _SETTLED)
        where = f"{self.dialect.among('order_id', '?')} AND state IN ({states})"
        self.connection.execute(
            f"UPDATE messages SET state = '{State.DROPPED}', reply = '', next_attempt = NULL WHERE {where}", (self.ids,)
        )

    def rename(self, table: str, *emptied: str) -> None:
        blank = "".join(f", {column} = ''" for column in emptied)
        sql = f"UPDATE {table} SET order_id = ?{blank} WHERE order_id = ?"
        self.connection.executemany(sql, [(alias, order) for order, alias in self.aliases.items()])

    def wake(self) -> None:
        sql = "DELETE FROM snoozes WHERE subject = ? AND name = ?"
        self.connection.executemany(sql, [(SnoozeSubject.ORDER, order) for order in self.aliases])
        self.connection.executemany(sql, [(SnoozeSubject.ADDRESS, address) for address in self.addresses])

    def rewrite(self, table: str, key: str, column: str, change: Callable[[str], str]) -> None:
        """Change a column of texts where that makes a difference."""
        rows = self.connection.execute(f"SELECT {key}, {column} FROM {table}").fetchall()
        changed = [(change(text), name) for name, text in rows if text and change(text) != text]
        self.connection.executemany(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", changed)

    def scrubbed(self, text: str) -> str:
        """A text without whatever tells who it was."""
        known = sorted({*self.texts, *self.aliases, *self.addresses} - {""}, key=len, reverse=True)
        pattern = "|".join(map(re.escape, known))
        return re.sub(rf"(?<![\w-])(?:{pattern})(?![\w-])", "…", text, flags=re.IGNORECASE) if known else text

    def scrubbed_json(self, text: str) -> str:
        """JSON with every text in it scrubbed."""
        return json.dumps(_each_text(json.loads(text), self.scrubbed), ensure_ascii=False)

    def plan_without(self, text: str) -> str:
        """A stored plan without their messages; what it sent is in the ledger."""
        plan = json.loads(text)
        kept = [entry for entry in plan["entries"] if entry["order"] not in self.aliases]
        if len(kept) == len(plan["entries"]):
            return text
        return json.dumps({**plan, "entries": kept}, ensure_ascii=False)

    def scrubbed_plan(self, text: str) -> str:
        """A note of the store: a plan that waits for a person loses their messages, any other stays."""
        return self.plan_without(text) if text.startswith("{") and '"entries"' in text else text

    def keys_without(self, text: str) -> str:
        """A list of messages without theirs."""
        return json.dumps([key for key in json.loads(text) if _order_of(key) not in self.aliases])

    def open_without(self, text: str) -> str:
        """What an execution left open, without their messages' keys."""
        orders = set(self.aliases)
        left = [
            [cause, self.scrubbed(why), count, [key for key in keys if _order_of(key) not in orders]]
            for cause, why, count, keys in json.loads(text)
        ]
        return json.dumps(left)


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, list):
        return [_each_text(each, change) for each in value]
    return change(value) if isinstance(value, str) else value


def _order_of(key: str) -> str:
    """`ORDER` of `ORDER/RULE` or `ORDER/RULE/STEP`; rules' ids hold no slash, an order's id may."""
    return key.rsplit("/", 2 if key.count("/") > 1 else 1)[0]


def _messages(erasure: Erasure) -> None:
    erasure.drop_open_messages()
    erasure.rename("messages", "reply", "queue_id", "digest", "address")


def _acts(erasure: Erasure) -> None:
    """What somebody wrote about them goes as a whole: it may name them in any way."""
    shown = {masked(address) for address in erasure.addresses}
    changed = []
    for id_, subject, detail in erasure.connection.execute("SELECT id, subject, detail FROM acts").fetchall():
        scrubbed = "…" if subject in shown else erasure.scrubbed(subject)
        about = erasure.scrubbed(detail) if scrubbed == subject else "…"
        if (scrubbed, about) != (subject, detail):
            changed.append((scrubbed, about if detail else "", id_))
    erasure.connection.executemany("UPDATE acts SET subject = ?, detail = ? WHERE id = ?", changed)


def _plans(erasure: Erasure) -> None:
    erasure.rewrite("plans", "id", "json", erasure.plan_without)
    erasure.rewrite("plans", "id", "left_open", erasure.open_without)
    erasure.rewrite("plans", "id", "copies_refused", erasure.scrubbed_json)


def _lots(erasure: Erasure) -> None:
    erasure.rewrite("lots", "rowid", "keys", erasure.keys_without)
    erasure.rewrite("lots", "rowid", "results", erasure.scrubbed_json)


TABLES: Mapping[str, Callable[[Erasure], None] | None] = {
    "orders": lambda erasure: erasure.delete("orders", "id"),
    "refused_rows": lambda erasure: erasure.delete("refused_rows", "order_id"),
    "messages": _messages,
    "message_log": lambda erasure: erasure.rename("message_log", "reply"),
    "bounces": lambda erasure: erasure.rename("bounces", "address", "diagnosis"),
    "snoozes": Erasure.wake,
    "suppressions": Erasure.remember_suppressions,
    "plans": _plans,
    "import_runs": lambda erasure: erasure.rewrite("import_runs", "id", "refused", erasure.scrubbed_json),
    "pauses": lambda erasure: erasure.rewrite("pauses", "name", "reason", erasure.scrubbed),
    "sender_reports": lambda erasure: erasure.rewrite("sender_reports", "sender", "reply", erasure.scrubbed),
    "approvals": lambda erasure: erasure.rewrite("approvals", "id", "keys", erasure.scrubbed_json),
    "acts": _acts,
    "imports": None,
    "mails_read": None,
    "rule_runs": None,
    "meta": lambda erasure: erasure.rewrite("meta", "name", "value", erasure.scrubbed_plan),
    "forgotten": None,
    "hosts": None,
    "lots": _lots,
    "connections": None,
}
"""Every table, and how a person is erased from it; None where nothing in it is anybody's.

A table that is missing here fails a test: whoever adds one decides what forgetting does to it.
"""
