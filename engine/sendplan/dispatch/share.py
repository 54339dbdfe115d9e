"""One process's share of a plan that several hosts send together (docs/hosts.md#sending-together)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime

from sendplan.addresses import mask_all
from sendplan.dispatch.model import Cause, Ending, Result
from sendplan.ledger import State
from sendplan.plan import Entry, Reason
from sendplan.project.settings import Sender
from sendplan.store.hosts import Lot, PlanProgress
from sendplan.store.protocols import Store

LOT_SIZE = 16
"""The most messages that a host takes at once: what a host that vanishes holds up until its lease ends."""

_SMALL_PLAN = 8
"""A small plan is cut into at least as many parts, so that several hosts find some."""


def lots_of(entries: Sequence[Entry]) -> tuple[Lot, ...]:
    """A plan's messages in parts of one sender each; those of one order are in one part, as they follow each other."""
    size = min(max(len(entries) // _SMALL_PLAN, 1), LOT_SIZE)
    orders: dict[tuple[str, str | None], list[str]] = {}
    for entry in entries:
        if entry.sender:
            orders.setdefault((entry.sender, entry.order), []).append(entry.key)
    parts: list[tuple[str, list[str]]] = []
    latest: dict[str, list[str]] = {}
    for (sender, _), keys in orders.items():
        if sender not in latest or len(latest[sender]) >= size:
            latest[sender] = []
            parts.append((sender, latest[sender]))
        latest[sender].extend(keys)
    return tuple(Lot(number, sender, tuple(keys)) for number, (sender, keys) in enumerate(parts))


class Share:
    """Belongs to one thread, as its `store` does."""

    def __init__(self, store: Store, token: str, entries: Sequence[Entry]) -> None:
        self._store = store
        self._token = token
        self._entries = {entry.key: entry for entry in entries}
        self._lot_of: dict[str, Lot] = {}
        self._ended: dict[int, dict[str, Result]] = {}

    def more(self, sender: str) -> list[Entry]:
        """What this process sends next for a sender; empty when there is nothing to take now."""
        lot = self._store.take_lot(self._token, sender)
        if lot is None:
            return []
        keys = [key for key in lot.keys if key in self._entries]
        self._ended[lot.number] = {}
        self._lot_of |= dict.fromkeys(keys, lot)
        if not keys:  # Everybody in it was forgotten.
            self._store.end_lot(self._token, lot.number, "[]")
        return [self._entries[key] for key in keys]

    def note(self, result: Result) -> None:
        """Tell the others what came of a part once all of it has ended."""
        lot = self._lot_of.pop(result.key, None)
        if lot is None:
            return
        ended = self._ended[lot.number]
        ended[result.key] = result
        if not any(self._lot_of.get(key) is lot for key in lot.keys):
            results = json.dumps([_written(each) for each in ended.values()], ensure_ascii=False)
            self._store.end_lot(self._token, lot.number, results)

    def progress(self) -> PlanProgress:
        """How far the plan has come over all hosts."""
        return self._store.progress(self._token)

    def connections(self, sender: Sender, open_now: int) -> int:
        """How many connections this process may have open now."""
        return self._store.hold_connections(self._token, sender.name, sender.limits.connections, open_now)

    def let_connections_go(self, sender: Sender) -> None:
        """All of the sender's are closed."""
        self._store.let_connections_go(self._token, sender.name)

    def of_others(self) -> Iterator[Result]:
        """What came of the parts that other hosts ended."""
        for text in self._store.ended_lots(self._token):
            yield from map(_read, json.loads(text))

    def settled(self, plan: str, result: Result) -> Result:
        """A result in which a host that vanished had sent the message: what the ledger knows of that."""
        entry = self._entries.get(result.key)
        if entry is None or entry.order is None or result.cause not in _SETTLED_BEFORE:
            return result
        moves = self._store.moves(entry.order, (entry.rule, entry.step or ""))
        if not moves or moves[-1].actor != plan or moves[-1].after not in _ENDINGS:
            return result
        return Result(result.key, _ENDINGS[moves[-1].after], mask_all(moves[-1].reply))

    def leave(self) -> None:
        """Take no more part; what is not ended is there for others."""
        self._store.leave(self._token)


_SETTLED_BEFORE = frozenset({Reason.ALREADY_SENT, Reason.UNRESOLVED, Reason.IN_FLIGHT, Cause.TAKEN})
_ENDINGS = {State.SENT: Ending.SENT, State.UNCERTAIN: Ending.UNCERTAIN, State.FAILED: Ending.FAILED}


def _written(result: Result) -> list[str | None]:
    again = result.next_attempt.isoformat() if result.next_attempt else None
    cause = result.cause.value if result.cause else None
    return [result.key, result.ending.value, mask_all(result.why), cause, again, mask_all(result.copy_refused)]


def _read(written: Sequence[str | None]) -> Result:
    key, ending, why, cause, again, copy_refused = written
    moment = datetime.fromisoformat(again) if again else None
    return Result(key or "", Ending(ending or ""), why or "", _cause(cause), moment, copy_refused or "")


def _cause(name: str | None) -> Reason | Cause | None:
    if name is None:
        return None
    return Cause(name) if name in set(Cause) else Reason(name)
