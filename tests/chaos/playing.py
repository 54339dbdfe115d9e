"""Plays faults one after the other, prints the figures of each, and says whether all are as promised."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from shop import Row, warm_up

HEADINGS = ("fault", "due", "accepted", "lost", "twice", "uncertain", "listed", "")


def play(faults: Callable[[int], Iterable[Callable[[], Row]]], arguments: Sequence[str]) -> int:
    """Play those whose name holds the words among `arguments`, with the number among them; the exit code."""
    numbers = [int(each) for each in arguments if each.isdigit()]
    only = " ".join(each for each in arguments if not each.isdigit())
    warm_up()
    print("| " + " | ".join(HEADINGS) + " |\n|---|" + "--:|" * 6 + "---|")
    bad = 0
    start = time.monotonic()
    for fault in faults(numbers[0] if numbers else 1000):
        if only not in str(fault):
            continue
        row = fault()
        figures = (row.due, row.accepted, row.lost, row.twice, row.uncertain, row.listed)
        note = row.note if row.good else f"**not as promised** {row.note}"
        print("| " + " | ".join((row.fault, *map(str, figures), note)) + " |", flush=True)
        bad += not row.good
    print(f"\n{bad} not as promised, {time.monotonic() - start:.0f} seconds")
    return 1 if bad else 0
