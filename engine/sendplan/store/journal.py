"""The reply journal: what a server answered, written down before the ledger is, so that a crash forgets less.

Every execution has a file of its own and holds a lock on it while it lives: a file without a living owner is replayed
into the ledger and removed. One that tells of a sent message which the store lacks is kept: the store is not the one
that the message was sent from.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sendplan.ledger import MessageKey, State
from sendplan.store.claims import Settlement

if TYPE_CHECKING:
    from sendplan.store.protocols import Reader, Store


def line_of(settlement: Settlement) -> bytes:
    """An outcome as one line of the journal."""
    one = settlement
    next_attempt = one.next_attempt.isoformat() if one.next_attempt else None
    values = [one.order, *one.key, one.token, one.to.value, one.at.isoformat(), one.reply, one.queue_id]
    return (json.dumps([*values, next_attempt, one.charged]) + "\n").encode()


def settlement_of(line: bytes) -> Settlement:
    """The outcome back; ValueError for a torn line."""
    order, rule, step, token, to, at, reply, queue_id, next_attempt, charged = json.loads(line)
    again = datetime.fromisoformat(next_attempt) if next_attempt else None
    moment = datetime.fromisoformat(at)
    return Settlement(order, (rule, step), token, State(to), moment, reply, queue_id, again, charged)


class Journal:
    """The file of one execution."""

    def __init__(self, folder: Path, token: str) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = folder / f"{token}.journal"
        fresh = folder / f"{token}.new"
        self._file = os.open(fresh, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        self._torn = False
        self._told: set[tuple[str, MessageKey]] = set()
        fcntl.flock(self._file, fcntl.LOCK_EX)
        fresh.rename(self._path)  # Nobody ever sees it unlocked.

    def in_flight_again(self, order: str, key: MessageKey, token: str, at: datetime) -> None:
        """Before another intent for a message: what was heard of the one before must not settle this one."""
        if (order, key) in self._told:
            self.write(Settlement(order, key, token, State.SENDING, at, ""))

    def write(self, settlement: Settlement) -> None:
        """Hand one line to the system, in one write. Raises OSError when it was not taken whole."""
        self._told.add((settlement.order, settlement.key))
        line = line_of(settlement)
        written = os.write(self._file, b"\n" + line if self._torn else line)
        self._torn = written < len(line)
        if self._torn:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))

    def close(self, *, settled: bool) -> None:
        """Forget it when the ledger holds everything, else leave it to `replay`."""
        if settled:
            self._path.unlink(missing_ok=True)
        os.close(self._file)


def replay(folder: Path, store: Store) -> int:
    """Bring what vanished executions had heard into the ledger; how many messages that settled."""
    settled = 0
    for path, settlements in _left_behind(folder):
        settled += sum(store.settle(settlements))
        if not any(_lacks(store, settlement) for settlement in settlements):
            path.unlink(missing_ok=True)
    return settled


def lacking(folder: Path, store: Reader) -> Iterator[tuple[str, Settlement]]:
    """What vanished executions have sent and the store knows nothing of, each with its journal's name."""
    for path, settlements in _left_behind(folder):
        yield from ((path.name, settlement) for settlement in settlements if _lacks(store, settlement))


def put_away(folder: Path, store: Reader) -> None:
    """Keep the journals that speak against this store where they no longer count: a person has accepted it."""
    for name in sorted({name for name, _ in lacking(folder, store)}):
        (folder / name).rename((folder / name).with_suffix(".adopted"))


def _lacks(store: Reader, settlement: Settlement) -> bool:
    """Whether the store would send this message again although it was sent: it never saw the intent."""
    if settlement.to is not State.SENT:
        return False
    history = store.histories([settlement.order]).get(settlement.order)
    record = history.records.get(settlement.key) if history else None
    if record is None:
        return not store.moves(settlement.order, settlement.key)  # Else a person opened it again.
    return record.state is State.DEFERRED


def forget(folder: Path, aliases: Mapping[str, str]) -> None:
    """Let the journals that were left behind, also those put away, know these orders by their aliases alone."""
    for path in sorted((*folder.glob("*.journal"), *folder.glob("*.adopted"))):
        with path.open("r+b") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue  # Its owner lives, and removes it in the end.
            lines = file.read().splitlines(keepends=True)
            kept = b"".join(_aliased(line, aliases) for line in lines)
            file.seek(0)
            file.write(kept)
            file.truncate()
            os.fsync(file.fileno())


def _aliased(line: bytes, aliases: Mapping[str, str]) -> bytes:
    with suppress(ValueError):
        settlement = settlement_of(line)
        if settlement.order in aliases:
            return line_of(replace(settlement, order=aliases[settlement.order], reply="", queue_id=""))
    return line


def _left_behind(folder: Path) -> Iterator[tuple[Path, list[Settlement]]]:
    """The journals without a living owner, each locked while the caller works on it."""
    for path in sorted(folder.glob("*.journal")):
        try:
            file = path.open("rb")
        except FileNotFoundError:
            continue  # Somebody else was faster.
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue  # Its owner lives and settles itself.
            yield path, _settlements(file.read())


def _settlements(content: bytes) -> list[Settlement]:
    """The last word on each message; lines torn by a crash or a full disk say nothing."""
    last: dict[tuple[str, MessageKey], Settlement] = {}
    for line in content.splitlines():
        with suppress(ValueError):
            settlement = settlement_of(line)
            last[settlement.order, settlement.key] = settlement
    return [each for each in last.values() if each.to is not State.SENDING]
