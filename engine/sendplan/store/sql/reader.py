"""The reading half of a store: what planning needs."""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from sendplan.calendar import Calendar
from sendplan.deciding.narrowing import Narrowing
from sendplan.fields import Field, Value
from sendplan.ledger import (
    EVERY_CLASS,
    Bounce,
    BounceKind,
    History,
    Mailed,
    MessageKey,
    Move,
    Overrides,
    Record,
    RefusedData,
    Snooze,
    SnoozeSubject,
    State,
)
from sendplan.plan import Plan
from sendplan.scopes import Scope
from sendplan.store.hosts import Host, Rate
from sendplan.store.records import (
    Act,
    Approval,
    Imported,
    ImportProblem,
    ImportRecord,
    LeftOpen,
    OrderCells,
    Pause,
    PlanRecord,
    SenderReport,
    StoredOrder,
    Suppression,
    overrides_of,
)
from sendplan.store.search import SEARCHED, Search
from sendplan.store.sql.candidate_queries import CandidateQueries, index_names
from sendplan.store.sql.database import RowSource, TableRow
from sendplan.store.sql.encoding import (
    ARRIVAL,
    Cell,
    Codec,
    column,
    decode_instant,
    decode_optional_instant,
    encode_instant,
    quoted,
    stored_fields,
)

EXECUTIONS = "executions"
"""The note of how often a plan was taken in hand."""
RESUMED = "resumed"
"""The note, with the name of a rule or sender behind it, of how long the history was when it went on."""
LEASES = "(SELECT token, id AS plan, lease_until FROM plans UNION ALL SELECT token, plan, lease_until FROM hosts)"
"""Every lease: of those who began a plan, and of those who take part in it."""
MINUTE = 60_000
DAY = 86_400_000
"""Windows of the senders' limits, in milliseconds."""
RECENT = 10_000
"""Moves of the ledger that are looked at for refusals in a row."""
MOST_AT_ONCE = 20_000
"""Orders whose cells are fetched by one statement; more are found first and then fetched in chunks."""
CHUNK = 2_000
"""Rows fetched at once: memory stays flat, and no query stays open while its rows are worked on."""


class SqlReader:
    """A `Reader` (`store/protocols.py`), also of an older store: what that does not have yet is missing or empty."""

    def __init__(self, source: RowSource, fields: Mapping[str, Field], calendar: Calendar) -> None:
        self._source = source
        self._calendar = calendar
        self._tables = {name: source.columns(name) for name in _TABLES}
        self._codec = Codec(calendar, self._zone())
        self._fields = self._readable_fields(fields)
        self._keeps_arrival = ARRIVAL in self._tables["orders"]
        self._all = self._columns(self._fields)

    def orders(self) -> Iterator[StoredOrder]:
        last = ""
        while rows := self._rows("orders", self._all.select, "WHERE id > ? ORDER BY id LIMIT ?", (last, CHUNK)):
            yield from map(self._all.order, rows)
            last = rows[-1][0]

    def orders_by_id(self, ids: Iterable[str]) -> Iterator[StoredOrder]:
        for chunk in _chunks(sorted(set(ids))):
            rows = self._rows("orders", self._all.select, f"WHERE {self._among('id')} ORDER BY id", chunk)
            yield from map(self._all.order, rows)

    def ordered_before(self, moment: datetime) -> tuple[str, ...]:
        rows = self._rows("orders", "id", "WHERE ordered < ? ORDER BY id", (encode_instant(moment),))
        return tuple(id_ for (id_,) in rows)

    def find(self, text: str, limit: int) -> tuple[StoredOrder, ...]:
        search = Search.of(text)
        if not search.words:
            return ()
        named = list(islice(self._found(("id", "number", "email"), [search.whole_pattern()], search.names), limit))
        parts = self._found(SEARCHED, search.patterns(), search.matches)
        others = (order for order in parts if not search.names(order.values))
        return (*named, *islice(others, limit - len(named)))

    def _found(
        self, names: Collection[str], patterns: Sequence[str], matches: Callable[[Mapping[str, Value]], bool]
    ) -> Iterator[StoredOrder]:
        """The orders, by id, that have each pattern in one of these fields, and really match."""
        columns = [quoted(column(each)) for each in self._fields if each.name in names]
        word = f"({' OR '.join(f'{each} {self._source.dialect.like} ? {_ESCAPE}' for each in columns)})"
        condition = f"WHERE id > ? AND {' AND '.join([word] * len(patterns))} ORDER BY id LIMIT ?"
        wanted = [pattern for pattern in patterns for _ in columns]
        last = ""
        while rows := self._rows("orders", self._all.select, condition, (last, *wanted, CHUNK)):
            yield from (order for order in map(self._all.order, rows) if matches(order.values))
            last = rows[-1][0]

    def candidates(
        self, narrowings: Sequence[Narrowing], fields: Collection[str] | None = None
    ) -> Iterator[StoredOrder]:
        if self._is_elsewhere():
            yield from self.orders()
            return
        wanted = [each for each in self._fields if fields is None or each.name in fields]
        columns = self._columns(wanted)
        within = f"WHERE {self._source.dialect.among('rowid', '?', numbers=True)}"
        for chunk in _chunks(self._rowids(narrowings)):
            yield from map(columns.order, self._rows("orders", columns.select, within, chunk))

    def cells(
        self, narrowings: Sequence[Narrowing], fields: Sequence[str], rules: Collection[str]
    ) -> Iterator[OrderCells] | None:
        if not self._tables["orders"]:
            return iter(())
        if self._is_elsewhere():
            return None
        queries = self._candidate_queries()
        ledger, wanted = queries.ledger(rules)
        refused = "id IN (SELECT order_id FROM refused_rows)" if self._tables["refused_rows"] else "1 = 0"
        columns = {each.name: quoted(column(each)) for each in self._fields}
        select = ", ".join(["id", "account", ledger, refused, *(columns.get(name, "NULL") for name in fields)])
        found: dict[str, OrderCells] = {}
        for walk in queries.walks(narrowings):
            sql = f"SELECT {select} {walk.source} LIMIT {MOST_AT_ONCE}"
            rows = self._source.rows(sql, (*wanted, *walk.parameters))
            if len(rows) == MOST_AT_ONCE:
                return self._cells_in_chunks(select, wanted, self._rowids(narrowings))
            found.update((row[0], row) for row in rows)
        return iter(found.values())

    def _cells_in_chunks(self, select: str, wanted: Sequence[Cell], rowids: array[int]) -> Iterator[OrderCells]:
        within = self._source.dialect.among("rowid", "?", numbers=True)
        for chunk in _chunks(rowids):
            yield from self._source.rows(f"SELECT {select} FROM orders WHERE {within}", (*wanted, *chunk))

    def _is_elsewhere(self) -> bool:
        """Whether the bare dates still start where another zone had it, until the next import."""
        return self._calendar.zone.key != (self.meta("zone") or self._calendar.zone.key)

    def accounts(self) -> frozenset[str]:
        if not self._tables["orders"]:
            return frozenset()
        return frozenset(row[0] for row in self._source.rows(self._candidate_queries().accounts()))

    def histories(self, ids: Iterable[str], rules: Collection[str] | None = None) -> Mapping[str, History]:
        found: dict[str, dict[MessageKey, Record]] = {}
        condition, wanted = f"WHERE {self._among('order_id')}", list[str]()
        if rules is not None:
            condition, wanted = f"{condition} AND {self._among('rule')}", [json.dumps(sorted(rules))]
        ids = sorted(set(ids))
        for chunk in _chunks(ids):
            for row in self._rows("messages", RECORD_COLUMNS, condition, (*chunk, *wanted)):
                record = record_of(row)
                found.setdefault(record.order, {})[record.rule, record.step] = record
        marks = self._marks(ids)
        return {order: History(found.get(order, {}), marks.get(order)) for order in found.keys() | marks.keys()}

    def _marks(self, ids: Sequence[str]) -> Mapping[str, RefusedData]:
        """The marks of refused rows on these orders."""
        return {
            order: RefusedData(file, line, frozenset(json.loads(fields)))
            for chunk in _chunks(ids)
            for order, file, line, fields in self._rows(
                "refused_rows", "order_id, file, line, fields", f"WHERE {self._among('order_id')}", chunk
            )
        }

    def imported(self) -> Mapping[str, Mapping[str, datetime]]:
        carried: dict[str, dict[str, datetime]] = {}
        for account, field, at in self._rows("imports", "account, field, at"):
            carried.setdefault(account, {})[field] = decode_instant(at)
        return carried

    def import_records(self, limit: int = 10) -> tuple[ImportRecord, ...]:
        return tuple(
            map(_import_record, self._rows("import_runs", IMPORT_COLUMNS, "ORDER BY id DESC LIMIT ?", (limit,)))
        )

    def last_imports(self) -> tuple[ImportRecord, ...]:
        latest = "WHERE id IN (SELECT max(id) FROM import_runs GROUP BY source) ORDER BY id DESC"
        return tuple(map(_import_record, self._rows("import_runs", IMPORT_COLUMNS, latest)))

    def overrides(self) -> Overrides:
        adopted = self.meta("orders_from")
        return overrides_of(
            self.suppressions(),
            self.snoozes(),
            paused=frozenset(each.name for each in self.pauses()),
            orders_from=datetime.fromisoformat(adopted) if adopted else None,
        )

    def first_runs(self) -> Mapping[str, datetime]:
        return {rule: decode_instant(at) for rule, at in self._rows("rule_runs", "rule, at")}

    def suppressions(self) -> tuple[Suppression, ...]:
        klass = "class" if "class" in self._tables["suppressions"] else f"'{EVERY_CLASS}' AS class"
        rows = self._rows("suppressions", f"address, at, reason, {klass}", "ORDER BY address, class")
        return tuple(Suppression(address, decode_instant(at), reason, of) for address, at, reason, of in rows)

    def snoozes(self) -> tuple[Snooze, ...]:
        rows = self._rows("snoozes", "subject, name, until, at, rule, reason", "ORDER BY subject, name, rule")
        return tuple(
            Snooze(SnoozeSubject(subject), name, date.fromisoformat(until), decode_instant(at), rule, reason)
            for subject, name, until, at, rule, reason in rows
        )

    def pauses(self) -> tuple[Pause, ...]:
        rows = self._rows("pauses", "name, at, reason, automatic", "ORDER BY name")
        return tuple(Pause(name, decode_instant(at), reason, bool(by)) for name, at, reason, by in rows)

    def sender_reports(self) -> tuple[SenderReport, ...]:
        rows = self._rows("sender_reports", "sender, scope, reply, since, tried_at", "ORDER BY sender")
        return tuple(
            SenderReport(sender, Scope(scope), reply, decode_instant(since), decode_instant(tried_at))
            for sender, scope, reply, since, tried_at in rows
        )

    def records(self, states: Iterable[State]) -> Iterator[Record]:
        wanted = json.dumps([state.value for state in states])
        last = (-1 << 62, 0)
        condition = f"WHERE {self._among('state')} AND (at, rowid) > (?, ?) ORDER BY at, rowid LIMIT ?"
        while rows := self._rows("messages", f"{RECORD_COLUMNS}, rowid", condition, (wanted, *last, CHUNK)):
            yield from map(record_of, rows)
            last = (rows[-1][4], rows[-1][-1])

    def sent(self, begin: datetime, end: datetime, limit: int) -> Iterator[Record]:
        rest = f"WHERE {_SENT_WITHIN} ORDER BY at DESC, rowid DESC LIMIT ?"
        span = (encode_instant(begin), encode_instant(end))
        return map(record_of, self._rows("messages", RECORD_COLUMNS, rest, (*span, limit)))

    def sent_by_rule(self, begin: datetime, end: datetime) -> Mapping[str, int]:
        span = (encode_instant(begin), encode_instant(end))
        rest = f"WHERE {_SENT_WITHIN} GROUP BY rule ORDER BY rule"
        return dict(self._rows("messages", "rule, count(*)", rest, span))

    def moves(self, order: str, key: MessageKey) -> tuple[Move, ...]:
        condition = "WHERE order_id = ? AND rule = ? AND step = ? ORDER BY id"
        rows = self._rows("message_log", "at, before, after, reply, actor", condition, (order, *key))
        return tuple(
            Move(decode_instant(at), _state(before), _state(after), reply, actor)
            for at, before, after, reply, actor in rows
        )

    def mailed(self, digest: str) -> Mailed | None:
        condition = f"WHERE digest = ? AND digest <> '' AND state IN {_GONE}"
        rows = self._rows("messages", "order_id, rule, step, address", condition, (digest,))
        if not rows:
            return None
        order, rule, step, address = rows[0]
        return Mailed(order, (rule, step), address)

    def bounces_of(self, order: str, key: MessageKey) -> tuple[Bounce, ...]:
        condition = "WHERE order_id = ? AND rule = ? AND step = ? ORDER BY id"
        return tuple(map(_bounce, self._rows("bounces", BOUNCE_COLUMNS, condition, (order, *key))))

    def last_bounces(self, limit: int) -> tuple[Bounce, ...]:
        return tuple(map(_bounce, self._rows("bounces", BOUNCE_COLUMNS, "ORDER BY id DESC LIMIT ?", (limit,))))

    def bounce_counts(self) -> Mapping[BounceKind, int]:
        return {BounceKind(kind): count for kind, count in self._rows("bounces", "kind, count(*)", "GROUP BY kind")}

    def refusals(self, rule: str, limit: int) -> tuple[str, ...]:
        return tuple(reply for _, reply in self._failures("rule", rule, limit))

    def sender_refusals(self, sender: str, limit: int) -> tuple[str, ...]:
        return tuple(reply for _, reply in self._failures("sender", sender, limit))

    def _failures(self, column: str, name: str, limit: int) -> list[tuple[str, str]]:
        """Order and reply of each."""
        resumed = int(self.meta(f"{RESUMED} {name}") or 0)
        # Far enough back for any rule that is at work, and never the whole history of years.
        since = f"id > ? AND id > (SELECT max(id) FROM message_log) - {RECENT}"
        condition = f"WHERE {column} = ? AND after IN ('sent', 'failed') AND {since} ORDER BY id DESC LIMIT ?"
        rows = self._rows("message_log", "after, order_id, reply", condition, (name, resumed, limit))
        return [(order, reply) for _, order, reply in takewhile(lambda row: row[0] == State.FAILED, rows)]

    def counts(self) -> Mapping[str, int]:
        orders = self._rows("orders", "count(*)")
        return {
            "orders": orders[0][0] if orders else 0,
            **dict.fromkeys((state.value for state in State), 0),
            **dict(self._rows("messages", "state, count(*)", "GROUP BY state")),
        }

    def approvals(self, since: datetime) -> tuple[Approval, ...]:
        rest = "WHERE at >= ? ORDER BY id DESC"
        rows = self._rows("approvals", "plan, digest, keys, at, who", rest, (encode_instant(since),))
        return tuple(
            Approval(plan, digest, frozenset(json.loads(keys)), decode_instant(at), who)
            for plan, digest, keys, at, who in rows
        )

    def acts(self, limit: int) -> tuple[Act, ...]:
        rows = self._rows("acts", "at, who, act, subject, detail", "ORDER BY id DESC LIMIT ?", (limit,))
        return tuple(Act(decode_instant(at), *rest) for at, *rest in rows)

    def plan_records(self, limit: int = 10) -> tuple[PlanRecord, ...]:
        rows = self._rows("plans", PLAN_COLUMNS, "ORDER BY created DESC, rowid DESC LIMIT ?", (limit,))
        return tuple(map(plan_record, rows))

    def live_leases(self, at: datetime) -> frozenset[str]:
        live = ("WHERE lease_until > ?", (encode_instant(at),))
        return frozenset(token for table in ("plans", "hosts") for (token,) in self._rows(table, "token", *live))

    def hosts_at_work(self, at: datetime) -> tuple[Host, ...]:
        live = ("WHERE lease_until > ? ORDER BY owner, token", (encode_instant(at),))
        leases = [
            *self._rows("plans", "token, owner, id, lease_until", *live),
            *self._rows("hosts", "token, owner, plan, lease_until", *live),
        ]
        held: dict[str, dict[str, int]] = {}
        for token, sender, number in self._rows("connections", "token, sender, held", "ORDER BY sender"):
            held.setdefault(token, {})[sender] = number
        return tuple(
            Host(owner, plan, decode_instant(until), held.get(token, {}))
            for token, owner, plan, until in sorted(leases, key=lambda each: (each[1], each[2]))
        )

    def rates(self, at: datetime) -> Mapping[str, Rate]:
        now = encode_instant(at)
        columns = f"sender, sum(CASE WHEN wall > {now - MINUTE} THEN recipients ELSE 0 END), sum(recipients)"
        rest = "WHERE after = 'sending' AND wall > ? GROUP BY sender ORDER BY sender"
        return {
            sender: Rate(int(*minute), int(day))
            for sender, *minute, day in self._rows("message_log", columns, rest, (now - DAY,))
        }

    def plan(self, plan_id: str) -> Plan | None:
        rows = self._rows("plans", "json", "WHERE id = ?", (plan_id,))
        return Plan.from_json(json.loads(rows[0][0])) if rows else None

    def meta(self, name: str) -> str | None:
        rows = self._rows("meta", "value", "WHERE name = ?", (name,))
        return rows[0][0] if rows else None

    def high_water(self) -> int:
        rows = self._rows("message_log", "max(id)")
        moves = (rows[0][0] or 0) if rows else 0
        return moves + int(self.meta(EXECUTIONS) or 0)

    def close(self) -> None:
        self._source.close()

    def _rows(self, table: str, columns: str, rest: str = "", parameters: Sequence[object] = ()) -> list[TableRow]:
        present = self._tables[table]
        if not present:
            return []
        sql = f"SELECT {columns} FROM {table} {rest}"
        for name in _ADDED.get(table, {}).keys() - present:
            sql = re.sub(rf"\b{name}\b", _ADDED[table][name], sql)
        return self._source.rows(sql, parameters)

    def _among(self, column: str) -> str:
        """Whether a column is in a list given as one parameter, so that no limit on parameters matters."""
        return self._source.dialect.among(column, "?")

    def _rowids(self, narrowings: Sequence[Narrowing]) -> array[int]:
        """The rows of the candidates, packed: a rule that tells no orders apart has as many as there are orders."""
        if not self._tables["orders"]:
            return array("q")
        queries = self._candidate_queries()
        found = array("q")
        walks = queries.walks(narrowings)
        for walk in walks:
            found.extend(self._source.numbers(f"SELECT rowid {walk.source}", walk.parameters))
        return found if len(walks) < 2 else array("q", sorted(set(found)))

    def _candidate_queries(self) -> CandidateQueries:
        names = index_names(self._source.indexes())
        return CandidateQueries(self._fields, names, self._source.dialect, has_ledger=bool(self._tables["messages"]))

    def _columns(self, fields: Sequence[Field]) -> OrderColumns:
        return OrderColumns(fields, self._codec, keeps_arrival=self._keeps_arrival)

    def _zone(self) -> ZoneInfo | None:
        key = self.meta("zone")
        return ZoneInfo(key) if key else None

    def _readable_fields(self, fields: Mapping[str, Field]) -> list[Field]:
        """The fields that the store has in their present type; the others are missing until the next import."""
        kept = json.loads(self.meta("fields") or "{}")
        return [field for field in stored_fields(fields).values() if kept.get(column(field)) == field.type]


class OrderColumns:
    """What is fetched of an order, and how it becomes one."""

    def __init__(self, fields: Sequence[Field], codec: Codec, *, keeps_arrival: bool = True) -> None:
        arrival = quoted(ARRIVAL) if keeps_arrival else "NULL"
        self.select = ", ".join(["id", "account", "version", arrival, *(quoted(column(each)) for each in fields)])
        self._decoders = [(each.name, codec.decoder(each.type)) for each in fields]

    def order(self, row: TableRow) -> StoredOrder:
        """The order in a row of `select`."""
        values: dict[str, Value] = {
            name: decode(cell) if decode else cell
            for (name, decode), cell in zip(self._decoders, row[4:], strict=True)
            if cell is not None
        }
        return StoredOrder(row[0], row[1], row[2], values, decode_optional_instant(row[3]))


_TABLES = (
    "orders",
    "imports",
    "refused_rows",
    "import_runs",
    "suppressions",
    "snoozes",
    "rule_runs",
    "pauses",
    "sender_reports",
    "meta",
    "plans",
    "messages",
    "message_log",
    "bounces",
    "approvals",
    "acts",
    "hosts",
    "lots",
    "connections",
)

_SENT_WITHIN = "state = 'sent' AND at >= ? AND at < ?"

_ESCAPE = "ESCAPE '\\'"

RECORD_COLUMNS = "rule, step, order_id, state, at, attempts, next_attempt, reply, queue_id, sender, token, repeat_from"

_ADDED: Mapping[str, Mapping[str, str]] = {
    "plans": {"left_open": "'[]'", "copies_refused": "'[]'"},
    "import_runs": {"source": "''", "stored": "1", "refused": "'[]'"},
    "pauses": {"automatic": "0"},
    "messages": {"digest": "''", "address": "''"},
}
"""What a column holds in a store that no writing command has brought up to date yet."""

PLAN_COLUMNS = "id, state, created, sent, failed, uncertain, owner, left_open, copies_refused, lease_until"
IMPORT_COLUMNS = "at, file, inserted, updated, unchanged, bad, source, stored, refused"


_GONE = f"('{State.SENT}', '{State.UNCERTAIN}', '{State.SENDING}')"
"""The message left, or may have."""
BOUNCE_COLUMNS = "order_id, rule, step, kind, at, address, diagnosis, status"


def record_of(row: TableRow) -> Record:
    rule, step, order, state, at, attempts, next_attempt, reply, queue_id, sender, token, repeat_from = row[:12]
    return Record(
        rule=rule,
        step=step,
        order=order,
        state=State(state),
        at=decode_instant(at),
        attempts=attempts,
        next_attempt=decode_optional_instant(next_attempt),
        reply=reply,
        queue_id=queue_id,
        sender=sender,
        token=token,
        repeat_from=decode_optional_instant(repeat_from),
    )


def plan_record(row: TableRow) -> PlanRecord:
    """A row of `PLAN_COLUMNS`."""
    id_, state, created, sent, failed, uncertain, owner, left_open, copies_refused, lease_until = row
    return PlanRecord(
        id_,
        state,
        decode_instant(created),
        sent,
        failed,
        uncertain,
        owner,
        decode_optional_instant(lease_until),
        tuple(LeftOpen(cause, why, count, tuple(keys)) for cause, why, count, keys in json.loads(left_open)),
        tuple(json.loads(copies_refused)),
    )


def _bounce(row: TableRow) -> Bounce:
    order, rule, step, kind, at, address, diagnosis, status = row
    return Bounce(order, (rule, step), BounceKind(kind), decode_instant(at), address, diagnosis, status)


def _import_record(row: TableRow) -> ImportRecord:
    """A row of `IMPORT_COLUMNS`."""
    at, file, inserted, updated, unchanged, bad, source, stored, refused = row
    imported = Imported(inserted, updated, unchanged)
    rows = tuple(ImportProblem(*each) for each in json.loads(refused))
    return ImportRecord(decode_instant(at), file, imported, bad, source, bool(stored), rows)


def _state(name: str | None) -> State | None:
    return State(name) if name else None


def _chunks(ids: Sequence[str] | array[int]) -> Iterator[tuple[str]]:
    for start in range(0, len(ids), CHUNK):
        yield (json.dumps(list(ids[start : start + CHUNK])),)


__all__ = ["CHUNK", "PLAN_COLUMNS", "SqlReader", "plan_record"]
