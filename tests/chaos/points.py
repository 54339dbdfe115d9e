"""The named points of the protocol at which a process is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Any

from sendplan.dispatch import delivery
from sendplan.dispatch.desk import Desk
from sendplan.mail.connection import Connection
from sendplan.mail.replies import Phase
from sendplan.mail.smtp import Session
from sendplan.store.journal import Journal
from sendplan.store.marks import Marks
from sendplan.store.sql.ledger import SqlLedger

NTH = 4
"""The time that a point is reached at which it kills: some mails are through, some are not."""


def killing(owner: object, name: str, *, before: bool = False, nth: int = NTH, only: Any = None) -> Callable[[], None]:
    """A patch that kills this process at the `nth` call, before or after it."""

    def patch() -> None:
        original = getattr(owner, name)
        calls = count(1)

        def wrapped(*arguments: Any, **named: Any) -> Any:
            counts = only is None or only(*arguments, **named)
            now = counts and next(calls) == nth
            if now and before:
                os.kill(os.getpid(), signal.SIGKILL)
            result = original(*arguments, **named)
            if now:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        setattr(owner, name, wrapped)

    return patch


def _in_the_commit() -> None:
    """Kill between the last change of a transaction and its commit."""
    original = SqlLedger.together
    calls = count(1)

    @contextmanager
    def together(ledger: SqlLedger) -> Iterator[None]:
        with original(ledger):
            yield
            if next(calls) == NTH:
                os.kill(os.getpid(), signal.SIGKILL)

    SqlLedger.together = together  # type: ignore[method-assign, assignment]


def _is_dot(connection: Connection, phase: Phase, data: bytes) -> bool:
    return phase is Phase.DOT


POINTS: Mapping[str, tuple[Callable[[], None], bool]] = {
    "before the lease": (killing(SqlLedger, "start_plan", before=True, nth=1), False),
    "after the lease": (killing(SqlLedger, "start_plan", nth=1), False),
    "after deciding again": (killing(delivery, "decide_again"), False),
    "after the envelope": (killing(Session, "_envelope"), False),
    "after the body": (killing(Session, "_body"), False),
    "before the intent": (killing(Desk, "intend", before=True), False),
    "in the intent's commit": (_in_the_commit, False),
    "after the intent": (killing(Desk, "intend"), True),
    "after the dot": (killing(Connection, "write", only=_is_dot), True),
    "after the reply": (killing(Journal, "write", before=True), True),
    "after the journal": (killing(Journal, "write"), False),
    "before the result": (killing(SqlLedger, "settle", before=True), False),
    "before the plan's end": (killing(SqlLedger, "finish_plan", before=True, nth=1), False),
    "after the plan's end": (killing(SqlLedger, "finish_plan", nth=1), False),
    "before the mark": (killing(Marks, "rise", before=True), True),
    "after the mark": (killing(Marks, "rise"), True),
}
"""Name → the patch, and whether a message may be unknown afterwards: from the intent to the written reply."""
