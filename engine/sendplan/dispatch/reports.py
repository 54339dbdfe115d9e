"""What stops senders, kept in the store: later runs try one mail first, and `status` shows it to a person."""

from __future__ import annotations

from collections.abc import Iterable

from sendplan.dispatch.commits import Commits
from sendplan.scopes import Scope
from sendplan.store.records import SenderReport

LOGIN_REST = 3600.0
"""Seconds between two tries with a login that was refused: more of them may lock the account."""


class Reports:
    """Shared by all connections of an execution; every method may be called from any thread."""

    def __init__(self, commits: Commits, known: Iterable[SenderReport]) -> None:
        """`known`: what earlier executions left."""
        self._commits = commits
        self._open = {each.sender: each.scope for each in known}

    def stopped(self, sender: str, scope: Scope, reply: str) -> None:
        """Nothing leaves over this sender; durable with the next commit."""
        self._open[sender] = scope
        self._commits.add(lambda store: store.report_sender(sender, scope, reply))

    def unreadable(self, sender: str, why: str) -> None:
        """This computer cannot log in. What others found out about the sender stands: they may still log in."""
        if self._open.get(sender, Scope.CREDENTIALS) is Scope.CREDENTIALS:
            self.stopped(sender, Scope.CREDENTIALS, why)

    def answered(self, sender: str) -> None:
        """The server talks about single messages, thus it can be reached and the login is right."""
        if self._open.get(sender) in (Scope.HOST, Scope.LOGIN, Scope.CREDENTIALS):
            self.accepted(sender)

    def accepted(self, sender: str) -> None:
        """The server took a mail over, thus nothing stands against this sender any more."""
        if self._open.pop(sender, None) is not None:
            self._commits.add(lambda store: store.clear_sender(sender))
