"""Whether everybody got what was due, once, and whoever did not is known to somebody."""

from __future__ import annotations

import json
import signal
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass

from project import Project

_EXPECTED = frozenset({0, 1, 3, 4, 5, -signal.SIGKILL, -signal.SIGTERM})
"""A run that is asked to end before it has begun just ends."""


@dataclass(frozen=True)
class Judgement:
    """The figures of a round, and what is wrong."""

    figures: Counter[str]
    bad: str


def judge(project: Project, accepted: Counter[str]) -> Judgement:
    """Ask the store and the commands about every order that the server did not take a mail for."""
    known = _told(project)
    refused = 3 in project.codes
    twice = sorted(address for address, number in accepted.items() if number > 1)
    lost = sorted(project.due - accepted.keys() - known)
    strange = sorted(set(project.codes) - _EXPECTED)
    stuck = 3 not in project.codes and bool(known & project.due - accepted.keys() - _unsettled(project))
    wrong = {
        "twice": twice,
        "lost": lost,
        "tracebacks": project.tracebacks[:1],
        "exit codes": strange,
        "open without a reason": ["some"] if stuck else [],
    }
    figures = Counter(
        {
            "due": len(project.due),
            "accepted": accepted.total(),
            "twice": len(twice),
            "lost": len(lost),
            "refused": int(refused),
            "commands": len(project.codes),
            "killed": project.codes.count(-9),
        }
    )
    return Judgement(figures, "; ".join(f"{name}: {what}" for name, what in wrong.items() if what))


def _told(project: Project) -> set[str]:
    """The buyers whose messages a person hears of: unsettled ones, and what `adopt` says after a refusal."""
    told = _unsettled(project)
    answer = project.output("adopt", "--format", "json")
    if answer:
        told |= {_address(key.partition("/")[0]) for key in json.loads(answer)["would_have_sent"]}
    return told


def _unsettled(project: Project) -> set[str]:
    """Messages in flight (`status` shows them once their lease has ended), unknown, failed or deferred."""
    if not project.store.exists():
        return set()
    with closing(sqlite3.connect(f"file:{project.store}?mode=ro", uri=True)) as connection:
        try:
            rows = connection.execute("SELECT order_id FROM messages WHERE state <> 'sent'").fetchall()
        except sqlite3.DatabaseError:
            return set()
    return {_address(order) for (order,) in rows}


def _address(order: str) -> str:
    return f"{order.lower()}@example.org"
