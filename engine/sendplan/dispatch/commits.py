"""What several connections have to write, made durable together: whoever comes first commits for all.

See docs/sending.md#what-happens-to-one-message.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import groupby
from typing import Any

from sendplan.store.claims import ClaimResult, Intent, Settlement
from sendplan.store.protocols import Store
from sendplan.store.records import StoreError


class _Change:
    """One change that waits for its commit: an outcome, an intent, or whatever `make` does."""

    __slots__ = ("error", "high_water", "intent", "lasting", "make", "outcome", "result", "then", "tries")

    def __init__(
        self,
        make: Callable[[Store], Any] | None = None,
        *,
        outcome: Settlement | None = None,
        intent: Intent | None = None,
        then: Callable[[], None] | None = None,
        lasting: bool = False,
    ) -> None:
        self.make = make
        self.outcome = outcome
        self.intent = intent
        self.then = then
        self.lasting = lasting
        """What happened already: after a failed commit it waits for the next one."""
        self.result: Any = None
        self.tries = 0
        self.error: BaseException | None = None
        """What came of the latest try."""
        self.high_water = 0
        """With an intent, how far the ledger has come with the whole group."""


class Commits:
    """Shared by all connections of an execution; every method may be called from any thread.

    A commit waits for the disk, and while it does the changes of the others gather for the next one. So a group never
    waits for anybody, and is never larger than what is in flight.
    """

    def __init__(self, store: Store, mark: Callable[[int], None]) -> None:
        """All changes go through this one `store`, which thus knows what it has written and reads nothing again.

        `mark` notes durably, outside the store, how far the ledger has come.
        """
        self._store = store
        self._mark = mark
        self._turned = threading.Condition()
        self._committing: list[_Change] = []
        self._waiting: list[_Change] = []

    def add(self, make: Callable[[Store], object] | None = None, then: Callable[[], None] | None = None) -> None:
        """Have this done with the next commit, and `then` called once it is durable."""
        self._enter(_Change(make, then=then, lasting=True))

    def settle(self, outcome: Settlement) -> None:
        """Have this outcome in the ledger with the next commit."""
        self._enter(_Change(outcome=outcome, lasting=True))

    def run(self, make: Callable[[Store], Any]) -> Any:
        """What `make` returns, once it and everything added before are durable. Raises StoreError when it is not."""
        return self._made(_Change(make)).result

    def claim(self, intent: Intent) -> ClaimResult:
        """The answer to an intent, durable, with the mark outside the store beyond it: its message may end now.

        Raises OSError when the intent is durable and the mark is not, and StoreError when neither is.
        """
        change = self._made(_Change(intent=intent))
        self._mark(change.high_water)  # The first one of a group raises it, the others find it there.
        result: ClaimResult = change.result
        return result

    def flush(self) -> None:
        """Return once everything added before is durable. Raises StoreError when the last of it is not."""
        with self._turned:
            last = [(change, change.tries) for change in (self._waiting or self._committing)[-1:]]
        for change, tries in last:
            self._see_through(change, tries)

    def close(self) -> bool:
        """Whether the ledger holds everything; what the store refuses is given up, and told all the same."""
        rest, self._waiting = self._waiting, []
        durable = True
        for change in rest:
            self._commit([change])
            if change.error is not None and not isinstance(change.error, StoreError):
                raise change.error
            durable = durable and change.error is None
        _tell(rest)
        return durable

    def _made(self, change: _Change) -> _Change:
        self._enter(change)
        self._see_through(change, 0)
        return change

    def _enter(self, change: _Change) -> None:
        with self._turned:
            self._waiting.append(change)

    def _see_through(self, change: _Change, tries: int) -> None:
        """Return once it was tried again, in a commit of this thread or of another; raise what that commit raised."""
        while True:
            with self._turned:
                self._turned.wait_for(lambda: change.tries > tries or not self._committing)
                if change.tries > tries:
                    break
                batch, self._waiting = self._waiting, []
                self._committing = batch
            self._commit(batch)
            with self._turned:
                for each in batch:
                    each.tries += 1
                failed = [each for each in batch if each.error is not None]
                self._waiting = [each for each in failed if each.lasting] + self._waiting
                self._committing = []
                self._turned.notify_all()
            _tell([each for each in batch if each.error is None])
        if change.error is not None:
            raise change.error

    def _commit(self, batch: list[_Change]) -> None:
        """Make these durable, together where they can be, and note with each what was in the way."""
        intents = [change for change in batch if change.intent is not None]
        if any(change.make is not None for change in batch):
            _try(batch, lambda: self._write(batch))
            return
        outcomes = [change.outcome for change in batch if change.outcome is not None]
        if not (outcomes or intents):
            for each in batch:
                each.error = None
            return
        _try(batch, lambda: self._exchange(outcomes, intents))
        unanswered = [change for change in intents if change.error is None and change.result is None]
        if unanswered:
            _try(unanswered, lambda: self._write(unanswered))

    def _exchange(self, outcomes: list[Settlement], intents: list[_Change]) -> None:
        exchange = self._store.exchange(outcomes, [each.intent for each in intents if each.intent is not None])
        for change, answer in zip(intents, exchange.answers, strict=True):
            change.result, change.high_water = answer, exchange.high_water

    def _write(self, batch: list[_Change]) -> None:
        """What happened already, as it came, then the intents: they are asked of the ledger as it is after that."""
        with self._store.together():
            past = [change for change in batch if change.intent is None]
            for is_outcome, group in groupby(past, key=lambda change: change.outcome is not None):
                changes = list(group)
                if is_outcome:
                    self._store.settle([change.outcome for change in changes if change.outcome is not None])
                    continue
                for change in changes:
                    change.result = change.make(self._store) if change.make is not None else None
            ahead = [(change, change.intent) for change in batch if change.intent is not None]
            if ahead:
                answers = self._store.claim([intent for _, intent in ahead])
                high_water = self._store.high_water()
                for (change, _), answer in zip(ahead, answers, strict=True):
                    change.result, change.high_water = answer, high_water


def _try(batch: list[_Change], act: Callable[[], None]) -> None:
    """Do this, and note with each change what was in the way; then nothing came of any."""
    error: BaseException | None = None
    try:
        act()
    except BaseException as raised:
        error = raised
    for each in batch:
        each.error = error


def _tell(batch: list[_Change]) -> None:
    for change in batch:
        if change.then is not None:
            change.then()
