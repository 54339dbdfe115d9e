"""The reply journal: what a server answered, written down before the ledger is, so that a crash forgets less.

Every execution has a file of its own and holds a lock on it while it lives: a file without a living owner is replayed
into the ledger and removed.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sendplan.ledger import MessageKey, State

if TYPE_CHECKING:
    from sendplan.store.protocols import Store


@dataclass(frozen=True, slots=True)
class Settlement:
    """The outcome of one intent."""

    order: str
    key: MessageKey
    token: str
    """Of the lease under which the intent was written."""
    to: State
    at: datetime
    reply: str
    queue_id: str = ""
    next_attempt: datetime | None = None
    charged: bool = True

    def apply(self, store: Store) -> bool:
        """Bring it into the ledger; False when the ledger knows better."""
        return store.settle(
            self.order,
            self.key,
            self.token,
            self.to,
            at=self.at,
            reply=self.reply,
            queue_id=self.queue_id,
            next_attempt=self.next_attempt,
            charged=self.charged,
        )

    def to_line(self) -> bytes:
        """The settlement as one line of the journal."""
        next_attempt = self.next_attempt.isoformat() if self.next_attempt else None
        values = [self.order, *self.key, self.token, self.to.value, self.at.isoformat(), self.reply, self.queue_id]
        return (json.dumps([*values, next_attempt, self.charged]) + "\n").encode()

    @classmethod
    def from_line(cls, line: bytes) -> Settlement:
        """The settlement back; ValueError for a torn line."""
        order, rule, step, token, to, at, reply, queue_id, next_attempt, charged = json.loads(line)
        again = datetime.fromisoformat(next_attempt) if next_attempt else None
        moment = datetime.fromisoformat(at)
        return cls(order, (rule, step), token, State(to), moment, reply, queue_id, again, charged)


class Journal:
    """The file of one execution."""

    def __init__(self, folder: Path, token: str) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = folder / f"{token}.journal"
        fresh = folder / f"{token}.new"
        self._file = os.open(fresh, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        fresh.rename(self._path)  # Nobody ever sees it unlocked.

    def write(self, settlement: Settlement) -> None:
        """Hand one line to the system, in one write."""
        os.write(self._file, settlement.to_line())

    def close(self, *, settled: bool) -> None:
        """Forget it when the ledger holds everything, else leave it to `replay`."""
        if settled:
            self._path.unlink(missing_ok=True)
        os.close(self._file)


def replay(folder: Path, store: Store) -> int:
    """Bring what vanished executions had heard into the ledger; how many messages that settled."""
    settled = 0
    for path in sorted(folder.glob("*.journal")):
        try:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                settled += sum(settlement.apply(store) for settlement in _settlements(file.read()))
                path.unlink(missing_ok=True)
        except (BlockingIOError, FileNotFoundError):
            continue  # Its owner lives and settles itself, or somebody else was faster.
    return settled


def _settlements(content: bytes) -> Iterator[Settlement]:
    for line in content.splitlines():
        try:
            yield Settlement.from_line(line)
        except ValueError:
            return  # The last line, torn by the crash.
