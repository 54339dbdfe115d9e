"""Changes of several connections share a commit, and nobody goes on before its own is durable."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import cast

import pytest

from sendplan.dispatch.commits import Commits
from sendplan.ledger import State
from sendplan.problems import Problem
from sendplan.project.settings import Limits
from sendplan.store import Store, StoreError
from sendplan.store.claims import ClaimResult, ClaimStatus, Exchange, Intent, Settlement

NOW = datetime(2026, 8, 24, 10, tzinfo=UTC)


class Disk:
    """Stands in for a store: what was changed becomes durable when its transaction ends."""

    def __init__(self) -> None:
        self.changed: list[object] = []
        self.full = False
        self.changed_orders: set[str] = set()
        self.hesitant = False
        """Whether it answers intents only when it is asked for nothing else."""
        self.groups: list[int] = []
        """How many intents came together."""
        self.durable: list[tuple[object, ...]] = []
        self.marks: list[int] = []
        """Stands in for the mark outside the store: what was noted there, in order."""
        self.before_commit = threading.Event()
        self.before_commit.set()
        self.committing = threading.Event()

    @contextmanager
    def together(self) -> Iterator[None]:
        self.changed = []
        yield
        if self.full:
            self.changed = []
            raise StoreError(Problem("store-broken", "disk full"))
        self.committing.set()
        self.before_commit.wait()
        self.durable.append(tuple(self.changed))
        self.changed = []

    def note(self, what: object) -> object:
        self.changed.append(what)
        return what

    def settle(self, outcomes: list[Settlement]) -> tuple[bool, ...]:
        self.changed.append(tuple(each.order for each in outcomes))
        return tuple(True for _ in outcomes)

    def claim(self, intents: list[Intent]) -> tuple[ClaimResult, ...]:
        self.groups.append(len(intents))
        for each in intents:
            self.note(each.order)
        answer = {order: ClaimResult(ClaimStatus.CHANGED) for order in self.changed_orders}
        return tuple(answer.get(each.order, ClaimResult(ClaimStatus.OK)) for each in intents)

    def exchange(self, outcomes: list[Settlement], intents: list[Intent]) -> Exchange:
        with self.together():
            if outcomes:
                self.settle(outcomes)
            if self.hesitant:
                return Exchange(tuple(None for _ in intents), self.high_water())
            return Exchange(self.claim(intents) if intents else (), self.high_water())

    def high_water(self) -> int:
        return len(self.changed) + sum(map(len, self.durable))

    @property
    def store(self) -> Store:
        return cast("Store", self)


def intent(order: str) -> Intent:
    buyer = ("a@example.com", "transactional", ("transactional",))
    return Intent(order, ("rule", ""), 1, "token", "main", *buyer, 1, Limits(), NOW)


def outcome(order: str) -> Settlement:
    return Settlement(order, ("rule", ""), "token", State.SENT, NOW, "250 ok")


def test_a_change_is_durable_when_its_call_returns() -> None:
    """An intent comes back only after the commit that holds it and everything noted before."""
    disk, told = Disk(), list[object]()
    commits = Commits(disk.store, disk.marks.append)
    commits.add(lambda store: disk.note("outcome"), lambda: told.append(list(disk.durable)))
    assert commits.run(lambda store: disk.note("intent")) == "intent"
    assert disk.durable == [("outcome", "intent")]
    assert told == [[("outcome", "intent")]]


def test_what_gathers_during_a_commit_shares_the_next_one() -> None:
    """While one commit waits for the disk, the changes of all other connections gather for the next."""
    disk = Disk()
    commits = Commits(disk.store, disk.marks.append)
    disk.before_commit.clear()
    threads = [
        threading.Thread(target=commits.run, args=(lambda store, number=number: disk.note(number),))
        for number in range(5)
    ]
    threads[0].start()
    disk.committing.wait()
    for thread in threads[1:]:
        thread.start()
    while len(commits._waiting) < 4:
        pass
    disk.before_commit.set()
    for thread in threads:
        thread.join()
    assert [sorted(map(str, batch)) for batch in disk.durable] == [["0"], ["1", "2", "3", "4"]]


def test_a_failed_commit_fails_for_everybody_in_it() -> None:
    """When the disk is full, nobody whose change was in the batch takes it for done."""
    disk, told = Disk(), list[object]()
    commits = Commits(disk.store, disk.marks.append)
    disk.full = True
    commits.add(lambda store: disk.note("outcome"), lambda: told.append("told"))
    with pytest.raises(StoreError, match="disk full"):
        commits.claim(intent("E1"))
    assert (disk.durable, disk.marks, told) == ([], [], [])


def test_an_outcome_waits_for_a_commit_that_succeeds() -> None:
    """What a server answered is not forgotten with the commit that failed; an intent is, and nothing came of it."""
    disk, told = Disk(), list[object]()
    commits = Commits(disk.store, disk.marks.append)
    disk.full = True
    commits.add(lambda store: disk.note("outcome"), lambda: told.append("told"))
    with pytest.raises(StoreError):
        commits.claim(intent("E1"))
    disk.full = False
    assert commits.close() is True
    assert (disk.durable, told) == ([("outcome",)], ["told"])


def test_in_the_end_each_outcome_is_tried_alone() -> None:
    """One change that the store refuses takes no other with it; all are told, and that some are missing."""
    disk, told = Disk(), list[object]()
    commits = Commits(disk.store, disk.marks.append)

    def refuse(store: Store) -> None:
        raise StoreError(Problem("store-broken", "refused"))

    for make in (lambda store: disk.note("first"), refuse, lambda store: disk.note("last")):
        commits.add(make, lambda: told.append("told"))
    assert commits.close() is False
    assert (disk.durable, told) == ([("first",), ("last",)], ["told"] * 3)


def test_the_mark_is_noted_between_the_commit_and_the_return_of_an_intent() -> None:
    """Whoever may send has its intent in the store and the mark beyond it, in that order; others need no mark."""
    disk = Disk()
    seen = list[object]()
    commits = Commits(disk.store, lambda high_water: seen.append((high_water, list(disk.durable))))
    commits.run(lambda store: disk.note("renewal"))
    commits.add(lambda store: disk.note("outcome"))
    assert commits.claim(intent("E1")).status is ClaimStatus.OK
    assert seen == [(3, [("renewal",), ("outcome", "E1")])]


def test_an_intent_whose_mark_cannot_be_noted_comes_back_as_an_error() -> None:
    """Nobody may send on the ground of an intent that a restored backup could silently lack."""
    disk = Disk()

    def fail(high_water: int) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        Commits(disk.store, fail).claim(intent("E1"))
    assert disk.durable == [("E1",)]


@pytest.mark.parametrize("hesitant", [False, True])
def test_outcomes_and_the_next_intents_share_one_commit(hesitant: bool) -> None:
    """What was answered comes first, then the intents that gathered meanwhile, each with its own answer: one commit.

    What a store does not answer with it, it is asked for right behind it.
    """
    disk = Disk()
    commits = Commits(disk.store, disk.marks.append)
    disk.before_commit.clear()
    first = threading.Thread(target=commits.claim, args=(intent("E0"),))
    first.start()
    disk.committing.wait()
    commits.settle(outcome("E1"))
    commits.settle(outcome("E2"))
    disk.changed_orders, disk.hesitant = {"E4"}, hesitant
    answers: dict[str, ClaimStatus] = {}

    def claim(order: str) -> None:
        answers[order] = commits.claim(intent(order)).status

    threads = [threading.Thread(target=claim, args=(f"E{number}",)) for number in (3, 4)]
    for thread in threads:
        thread.start()
    while len(commits._waiting) < 4:
        pass
    disk.before_commit.set()
    for thread in (first, *threads):
        thread.join()
    [_, second, *behind] = disk.durable
    assert len(behind) == hesitant
    second = (*second, *(each for commit in behind for each in commit))
    assert second[0] == ("E1", "E2")
    assert sorted(map(str, second[1:])) == ["E3", "E4"]
    assert (disk.groups, set(disk.marks)) == ([1, 2], {1, 4})
    assert answers == {"E3": ClaimStatus.OK, "E4": ClaimStatus.CHANGED}


def test_nothing_to_commit_asks_for_no_commit() -> None:
    """An idle connection costs no write."""
    disk = Disk()
    commits = Commits(disk.store, disk.marks.append)
    commits.flush()
    assert disk.durable == []
