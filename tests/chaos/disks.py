"""Disks that are full, for one file or for all of them, from some moment on."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from types import ModuleType
from typing import Any

from processes import Conditions
from shop import Row, shop

from sendplan.ledger import State
from sendplan.store import journal, marks
from sendplan.store.sql.ledger import SqlLedger
from sendplan.store.sqlite.files import WritableFile

MAILS = 60
_WRITES = 8
"""How many times something can still be written."""


class _Full:
    """A module whose named functions find the disk full after some calls."""

    def __init__(self, module: ModuleType, names: tuple[str, ...], *, half: bool) -> None:
        self._module = module
        self._names = names
        self._half = half
        self._calls = count(1)
        self.failed = False

    def __getattr__(self, name: str) -> Any:
        original = getattr(self._module, name)
        if name not in self._names:
            return original

        def wrapped(file: int, content: bytes, *rest: Any) -> Any:
            if next(self._calls) <= _WRITES:
                return original(file, content, *rest)
            self.failed = True
            if self._half:
                return original(file, content[: len(content) // 2], *rest)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        return wrapped


def at_the_mark() -> None:
    """The marks cannot be raised any more."""
    vars(marks)["os"] = _Full(os, ("pwrite",), half=False)


def for_the_journal() -> None:
    """The journal takes half a line, and then nothing."""
    vars(journal)["os"] = _Full(os, ("write",), half=True)


def for_the_ledger() -> None:
    """The store's file does not grow any more: sooner or later a commit is refused, and nothing of it is there."""
    calls = count(1)
    _when(lambda: next(calls) > _WRITES, "PRAGMA max_page_count = 1")  # The present size, if that is more.


def for_both() -> None:
    """As soon as the journal takes no more, the ledger does not either: an answer is written down nowhere."""
    full = _Full(os, ("write",), half=True)
    vars(journal)["os"] = full
    _when(lambda: full.failed, "PRAGMA query_only = ON")


def _when(time_has_come: Callable[[], bool], change: str) -> None:
    original = SqlLedger.together

    @contextmanager
    def together(ledger: SqlLedger) -> Iterator[None]:
        if time_has_come():
            assert isinstance(ledger._database, WritableFile)
            ledger._database.connection.execute(change)
        with original(ledger):
            yield

    SqlLedger.together = together  # type: ignore[method-assign, assignment]


@dataclass(frozen=True)
class Disk:
    """What is full, and what may come of it."""

    name: str
    patch: Callable[[], None]
    code: int = 4
    in_flight: bool = False
    """Whether messages may be left in flight, for the next run to settle."""
    unknown: bool = False
    """Whether that settles them as unknown."""


def full(disk: Disk) -> Row:
    """A run on a disk that becomes full, then one on a disk with room."""
    with shop(connections=2) as one:
        one.order(MAILS)
        process = one.run(conditions=Conditions(at_start=disk.patch))
        before, left = len(one.server.accepted()), one.count(State.SENDING)
        reported = "Plan " in process.printed() and "broke off" in process.printed()
        one.heal(runs=2)
        good = reported and 0 < before < MAILS and process.code == disk.code and disk.in_flight >= bool(left)
        note = f"{before} mails before, exit code {process.code}, {left} left in flight" + ("" if good else "!")
        return one.row(f"the disk is full {disk.name}", note, may_be_uncertain=disk.unknown)


DISKS = (
    Disk("at the mark", at_the_mark),
    Disk("for the journal", for_the_journal),
    Disk("for the ledger", for_the_ledger, in_flight=True),
    Disk("for journal and ledger", for_both, code=5, in_flight=True, unknown=True),
)
