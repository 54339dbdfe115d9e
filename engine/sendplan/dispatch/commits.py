"""Changes of the ledger from several connections, made durable together: whoever comes first commits for all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from sendplan.store.protocols import Store


class _Change:
    """One change that waits for its commit."""

    __slots__ = ("error", "make", "result", "then")

    def __init__(self, make: Callable[[Store], Any], then: Callable[[], None] | None) -> None:
        self.make = make
        self.then = then
        self.result: Any = None
        self.error: BaseException | None = None


class Commits:
    """Shared by all connections of an execution; every method may be called from any thread.

    A commit waits for the disk, and while it does the changes of the others gather for the next one.
    """

    def __init__(self, store: Store) -> None:
        """All changes go through this one `store`, which thus knows what it has written and reads nothing again."""
        self._store = store
        self._turn = threading.Lock()
        self._gate = threading.Lock()
        self._waiting: list[_Change] = []

    def add(self, make: Callable[[Store], object], then: Callable[[], None] | None = None) -> None:
        """Have this done with the next commit, and `then` called once it is durable."""
        self._enter(_Change(make, then))

    def run(self, make: Callable[[Store], Any]) -> Any:
        """What `make` returns, once it and everything added before are durable."""
        change = _Change(make, None)
        self._enter(change)
        self.flush()
        if change.error is not None:
            raise change.error
        return change.result

    def flush(self) -> None:
        """Return once everything added before is durable, or was tried by another thread, which then has the error."""
        with self._turn:
            with self._gate:
                batch, self._waiting = self._waiting, []
            if not batch:
                return
            try:
                with self._store.together():
                    for change in batch:
                        change.result = change.make(self._store)
            except BaseException as error:
                for change in batch:
                    change.error = error
                raise
        for change in batch:
            if change.then is not None:
                change.then()

    def _enter(self, change: _Change) -> None:
        with self._gate:
            self._waiting.append(change)
