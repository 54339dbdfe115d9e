"""The board's pages over a filled store: the first look after something changed, and each one after it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import UTC, timedelta
from pathlib import Path
from statistics import median

from figures import Figure, clock, say
from moments import NOW
from stores import shop

from sendplan.board.current import Current

sys.path.append(str(Path(__file__).parents[2] / "unit"))
from board_browser import Browser, visitor_of

LIMIT = 0.3
"""Seconds that a page may take."""
ROUNDS = 5


def pages(orders: int) -> Iterator[Figure]:
    """What each page takes of the processor, so that a busy machine does not count; the browser's part is not in it."""
    project = shop(orders, 3)
    current = Current(project.settings.folder, NOW.astimezone(UTC))
    plan = current.overview().plan
    entry = plan.send[len(plan.send) // 2]
    visitor = visitor_of(current)
    visitor.sign_in()
    today = current.project.settings.calendar.day(NOW)
    paths = {
        "Today": "/",
        "Today, filtered": f"/?status=send&rule={entry.rule}&page=3",
        "Today, searched": "/?find=meier",
        "Needs you": "/needs-you",
        "Orders, searched": "/orders?find=meier",
        "Orders, searched in vain": "/orders?find=nobody-of-this-name",
        "an order": f"/order?id={entry.order}",
        "a message": f"/message?key={entry.key}",
        "the mail in it": f"/mail?key={entry.key}",
        "settling it": f"/settling?key={entry.key}",
        "Rules": "/rules",
        "what an edit changes": "/changes",
        "a file": "/file?name=sendplan.yaml",
        "failed scenarios": "/tests",
        "What left": f"/left?day={today}",
        "what people did": "/acts",
        "Forecast, a week": f"/forecast?from={today}&to={today + timedelta(days=6)}",
    }
    for name, path in paths.items():
        say(name)
        current.forget()
        first = _processor_time(visitor, path)
        again = median(_processor_time(visitor, path) for _ in range(ROUNDS))
        subject = f"board, {orders // 1000:,} k orders: {name}"
        goal = 1 if orders <= 100_000 else None
        yield Figure(f"{subject}, first look", "a limit", clock(first), clock(LIMIT), first / LIMIT, goal)
        yield Figure(subject, "a limit", clock(again), clock(LIMIT), again / LIMIT, goal)


def _processor_time(visitor: Browser, path: str) -> float:
    start = time.process_time()
    answer = visitor.get(path)
    assert answer.status == 200, (path, answer.status)
    return time.process_time() - start
