"""A connection to a PostgreSQL server whose waits can be given an end."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg


class PatientConnection(psycopg.Connection[tuple[Any, ...]]):
    """Within `answering_within`, a server that does not answer in time is given up, and the connection with it."""

    _end: float | None = None
    _seconds = 0.0

    @contextmanager
    def answering_within(self, seconds: float) -> Iterator[None]:
        """Raises psycopg.OperationalError from whatever waits when the time is over."""
        self._end, self._seconds = time.monotonic() + seconds, seconds
        try:
            yield
        finally:
            self._end = None

    def wait(self, gen: Generator[Any, Any, Any], *arguments: Any, **named: Any) -> Any:
        """Drive one of the driver's conversations with the server."""
        return super().wait(gen if self._end is None else self._limited(gen), *arguments, **named)

    def _limited(self, conversation: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        # The driver wakes it up several times a second, with nothing to read.
        try:
            wanted = next(conversation)
            while True:
                ready = yield wanted
                if not ready and self._end is not None and time.monotonic() > self._end:
                    self.pgconn.finish()
                    raise psycopg.OperationalError(f"the server did not confirm a change in {self._seconds:g} s")
                wanted = conversation.send(ready)
        except StopIteration as end:
            return end.value
