"""Refusals in a row, counted where each reply is read: they stop a rule, or a sender, before it does more harm."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from enum import Enum, auto
from itertools import takewhile

from sendplan.mail.replies import Phase, Reply, code_of, read
from sendplan.mail.scoping import scope
from sendplan.scopes import Scope
from sendplan.store.protocols import Reader

IN_A_ROW = 5
"""Equal refusals of a rule's mails, or unknown addresses of a sender's, with none taken between them."""


class RefusalCounted(Enum):
    """What one more refusal of a rule's mails means for the rule."""

    BORNE = auto()
    """It goes on."""
    LAST = auto()
    """It stops with this one."""
    TOO_LATE = auto()
    """It has stopped already, while this mail was on its way."""


class Streaks:
    """Shared by all connections of an execution; every method may be called from any thread."""

    def __init__(self, store: Reader, rules: Iterable[str], senders: Iterable[str]) -> None:
        """Begins with what earlier executions saw."""
        self._lock = threading.Lock()
        self._rules = {rule: _latest(store, rule) for rule in rules}
        self._unknown = {sender: _unknown(store, sender) for sender in senders}
        self._stopped: set[str] = set()

    def taken(self, rule: str, sender: str) -> None:
        """A mail was taken: nothing is in a row any more."""
        with self._lock:
            self._rules[rule] = ("", 0)
            self._unknown[sender] = 0

    def refused(self, rule: str, reply: Reply) -> RefusalCounted:
        """The server said never; counted and judged in one step, for other connections hear the same at this moment."""
        with self._lock:
            if rule in self._stopped:
                return RefusalCounted.TOO_LATE
            code = code_of(str(reply))
            latest, count = self._rules.get(rule, ("", 0))
            self._rules[rule] = (code, count + 1 if code == latest else 1)
            if self._rules[rule][1] < IN_A_ROW:
                return RefusalCounted.BORNE
            self._stopped.add(rule)
            return RefusalCounted.LAST

    def stopped(self, rule: str) -> bool:
        """Whether this execution stopped the rule."""
        with self._lock:
            return rule in self._stopped

    def unknown_address(self, sender: str) -> bool:
        """The server knows no such address; whether that is hardly the buyers' fault any more."""
        with self._lock:
            self._unknown[sender] = self._unknown.get(sender, 0) + 1
            return self._unknown[sender] >= IN_A_ROW


def _latest(store: Reader, rule: str) -> tuple[str, int]:
    """The code of the latest refusals and how many there are; unknown addresses are no fault of the rule's."""
    codes = [code_of(each) for each in store.refusals(rule, 4 * IN_A_ROW) if not is_unknown_address(each)]
    return (codes[0], len(list(takewhile(lambda code: code == codes[0], codes)))) if codes else ("", 0)


def _unknown(store: Reader, sender: str) -> int:
    return len(list(takewhile(is_unknown_address, store.sender_refusals(sender, IN_A_ROW))))


def is_unknown_address(reply: str) -> bool:
    """Whether a failed message's reply was about its buyer's address."""
    parsed = read(reply)
    return parsed is not None and scope(Phase.RECIPIENT, parsed) is Scope.ADDRESS
