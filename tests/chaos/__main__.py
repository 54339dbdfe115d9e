"""`python tests/chaos [KILLS] [NAME]`: play every fault, print its figures, and fail when one is not as promised."""

from __future__ import annotations

import sys
import time

from faults import all_faults
from shop import warm_up

HEADINGS = ("fault", "due", "accepted", "lost", "twice", "uncertain", "listed", "")


def main(killed: int, only: str) -> int:
    """Play them all, or those whose name holds `only`; the exit code."""
    warm_up()
    print("| " + " | ".join(HEADINGS) + " |\n|---|" + "--:|" * 6 + "---|")
    bad = 0
    start = time.monotonic()
    for fault in all_faults(killed):
        if only not in str(fault):
            continue
        row = fault()
        figures = (row.due, row.accepted, row.lost, row.twice, row.uncertain, row.listed)
        note = row.note if row.good else f"**not as promised** {row.note}"
        print("| " + " | ".join((row.fault, *map(str, figures), note)) + " |", flush=True)
        bad += not row.good
    print(f"\n{bad} not as promised, {time.monotonic() - start:.0f} seconds")
    return 1 if bad else 0


if __name__ == "__main__":
    numbers = [argument for argument in sys.argv[1:] if argument.isdigit()]
    words = [argument for argument in sys.argv[1:] if not argument.isdigit()]
    sys.exit(main(int(numbers[0]) if numbers else 1000, " ".join(words)))
