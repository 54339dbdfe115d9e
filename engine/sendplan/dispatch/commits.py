"""Changes of the ledger from several connections, made durable together: whoever comes first commits for all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from sendplan.store.protocols import Store, StoreError


class _Change:
    """One change that waits for its commit."""

    __slots__ = ("error", "high_water", "intent", "lasting", "make", "result", "then")

    def __init__(
        self,
        make: Callable[[Store], Any],
        then: Callable[[], None] | None = None,
        *,
        lasting: bool = False,
        intent: bool = False,
    ) -> None:
        self.make = make
        self.then = then
        self.lasting = lasting
        """What happened already: after a failed commit it waits for the next one."""
        self.intent = intent
        self.result: Any = None
        self.error: BaseException | None = None
        self.high_water = 0
        """With an intent, how far the ledger has come with the whole group."""


class Commits:
    """Shared by all connections of an execution; every method may be called from any thread.

    A commit waits for the disk, and while it does the changes of the others gather for the next one.
    """

    def __init__(self, store: Store, mark: Callable[[int], None]) -> None:
        """All changes go through this one `store`, which thus knows what it has written and reads nothing again.

        `mark` notes durably, outside the store, how far the ledger has come.
        """
        self._store = store
        self._mark = mark
        self._turn = threading.Lock()
        self._gate = threading.Lock()
        self._waiting: list[_Change] = []

    def add(self, make: Callable[[Store], object], then: Callable[[], None] | None = None) -> None:
        """Have this done with the next commit, and `then` called once it is durable."""
        self._enter(_Change(make, then, lasting=True))

    def run(self, make: Callable[[Store], Any]) -> Any:
        """What `make` returns, once it and everything added before are durable. Raises StoreError when it is not."""
        return self._made(_Change(make)).result

    def intend(self, make: Callable[[Store], Any]) -> Any:
        """Like `run`, with the mark outside the store beyond it: what it is an intent for may happen now.

        Raises OSError when the intent is durable and the mark is not, and StoreError when neither is.
        """
        change = self._made(_Change(make, intent=True))
        self._mark(change.high_water)
        return change.result

    def flush(self) -> None:
        """Return once everything added before is durable, or was tried by another thread, which then has the error."""
        with self._turn:
            with self._gate:
                batch, self._waiting = self._waiting, []
            self._commit(batch)
        _tell(batch)

    def close(self) -> bool:
        """Whether the ledger holds everything; what the store refuses is given up, and told all the same."""
        with self._gate:
            rest, self._waiting = self._waiting, []
        durable = True
        for change in rest:
            try:
                self._commit([change])
            except StoreError:
                durable = False
        self._waiting = []
        _tell(rest)
        return durable

    def _made(self, change: _Change) -> _Change:
        self._enter(change)
        self.flush()
        if change.error is not None:
            raise change.error
        return change

    def _enter(self, change: _Change) -> None:
        with self._gate:
            self._waiting.append(change)

    def _commit(self, batch: list[_Change]) -> None:
        if not batch:
            return
        try:
            with self._store.together():
                for change in batch:
                    change.result = change.make(self._store)
                high_water = self._store.high_water() if any(change.intent for change in batch) else 0
        except BaseException as error:
            for change in batch:
                change.error = error
            with self._gate:
                self._waiting = [each for each in batch if each.lasting] + self._waiting
            raise
        for change in batch:
            change.high_water = high_water


def _tell(batch: list[_Change]) -> None:
    for change in batch:
        if change.then is not None:
            change.then()
