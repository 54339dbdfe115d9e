"""What is measured and how it is told: seconds in turn, medians, ratios, goals."""

from __future__ import annotations

import hashlib
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    subject: str
    beside: str
    own: str
    other: str
    ratio: float
    """Own to other, or the other way round where the goal is `at_least`."""
    goal: float | None = None
    at_least: bool = False

    def line(self) -> str:
        """The line in Markdown, with a mark where there is a goal."""
        met = self.goal is None or (self.ratio >= self.goal if self.at_least else self.ratio <= self.goal)
        wanted = "" if self.goal is None else f"{'✓' if met else '✗'} {'≥' if self.at_least else '≤'} {self.goal:g}"
        times = f"{self.ratio:.2f}" if self.ratio < 10 else f"{self.ratio:.0f}"
        faster = " faster" if self.at_least else ""
        return f"| {self.subject} | {self.own} | {self.beside} | {self.other} | {times} ×{faster} | {wanted} |"


HEADING = "| what | sendplan | beside | takes | ratio | goal |\n|---|--:|---|--:|--:|---|"


def beside(subject: str, name: str, own: float, other: float, goal: float | None = None) -> Figure:
    """A figure of two times in seconds."""
    return Figure(subject, name, clock(own), clock(other), own / other, goal)


def faster(subject: str, name: str, own: float, other: float, goal: float | None = None) -> Figure:
    """The same, told as how many times faster sendplan is."""
    return Figure(subject, name, clock(own), clock(other), other / own, goal, at_least=True)


def clock(seconds: float) -> str:
    """Seconds for people."""
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def in_turn(contenders: Mapping[str, Callable[[], Sequence[str]]], rounds: int) -> dict[str, float]:
    """Median seconds of contenders that take turns, so that a busy machine slows all of them alike.

    All must find the same keys, each time; the first round only warms up.
    """
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    digests: set[str] = set()
    for turn in range(rounds + 1):
        for name, contender in contenders.items():
            seconds, keys = timed(contender)
            digests.add(digest(keys))
            if len(digests) > 1:
                raise SystemExit(f"{name} found other keys than the contenders before it")
            if turn:
                taken[name].append(seconds)
    return {name: statistics.median(each) for name, each in taken.items()}


def timed(work: Callable[[], _Result]) -> tuple[float, _Result]:
    """Seconds and result."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def digest(keys: Sequence[str]) -> str:
    """One hash of keys in their order."""
    return hashlib.sha256("\n".join(keys).encode()).hexdigest()


def say(text: str) -> None:
    """Progress, apart from the figures."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
