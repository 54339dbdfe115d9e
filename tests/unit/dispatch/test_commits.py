"""Changes of several connections share a commit, and nobody goes on before its own is durable."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import pytest

from sendplan.dispatch.commits import Commits
from sendplan.store import Store


class Disk:
    """Stands in for a store: what was changed becomes durable when its transaction ends."""

    def __init__(self) -> None:
        self.changed: list[object] = []
        self.durable: list[tuple[object, ...]] = []
        self.before_commit = threading.Event()
        self.before_commit.set()
        self.committing = threading.Event()

    @contextmanager
    def together(self) -> Iterator[None]:
        self.changed = []
        yield
        self.committing.set()
        assert self.before_commit.wait(10)
        self.durable.append(tuple(self.changed))

    def note(self, what: object) -> object:
        self.changed.append(what)
        return what

    @property
    def store(self) -> Store:
        return cast("Store", self)


def test_a_change_is_durable_when_its_call_returns() -> None:
    """An intent comes back only after the commit that holds it and everything noted before."""
    disk, told = Disk(), list[object]()
    commits = Commits(disk.store)
    commits.add(lambda store: disk.note("outcome"), lambda: told.append(list(disk.durable)))
    assert commits.run(lambda store: disk.note("intent")) == "intent"
    assert disk.durable == [("outcome", "intent")]
    assert told == [[("outcome", "intent")]]


def test_what_gathers_during_a_commit_shares_the_next_one() -> None:
    """While one commit waits for the disk, the changes of all other connections gather for the next."""
    disk = Disk()
    commits = Commits(disk.store)
    disk.before_commit.clear()
    threads = [
        threading.Thread(target=commits.run, args=(lambda store, number=number: disk.note(number),))
        for number in range(5)
    ]
    threads[0].start()
    assert disk.committing.wait(10)
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
    commits = Commits(disk.store)

    def fail(store: Store) -> None:
        raise OSError("disk full")

    commits.add(fail, lambda: told.append("told"))
    with pytest.raises(OSError, match="disk full"):
        commits.run(lambda store: disk.note("intent"))
    assert (disk.durable, told) == ([], [])


def test_nothing_to_commit_asks_for_no_commit() -> None:
    """An idle connection costs no write."""
    disk = Disk()
    commits = Commits(disk.store)
    commits.flush()
    assert disk.durable == []
