"""How long a command takes to start, beside bare Python: `python tests/benchmarks/startup.py [ROUNDS]`."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ENGINE = Path(__file__).parents[2] / "engine"
NOW = ("--now", "2026-08-24 12:00")
BARE = "python -c pass"
COMMANDS = {
    BARE: ("-c", "pass"),
    "sendplan --help": ("-m", "sendplan", "--help"),
    "sendplan check": ("-m", "sendplan", "check"),
    "sendplan plan": ("-m", "sendplan", "plan", *NOW),
    "sendplan explain": ("-m", "sendplan", "explain", "E-2050", *NOW),
    "sendplan preview": ("-m", "sendplan", "preview", "E-2050/feedback-reminder", *NOW),
    "sendplan test": ("-m", "sendplan", "test"),
}


def main(rounds: int) -> None:
    """Run all commands in turn, so that a busy machine slows all of them alike, and print their medians."""
    with tempfile.TemporaryDirectory() as folder:
        for arguments in (("init",), ("import", "fixtures/orders.csv")):
            seconds(("-m", "sendplan", *arguments), folder)
        taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
        for _ in range(rounds):
            for name, arguments in COMMANDS.items():
                taken[name].append(seconds(arguments, folder))
    bare = statistics.median(taken[BARE])
    print(f"{'command':<18} {'ms':>6} {'x bare Python':>14}   (example shop, median of {rounds})")
    for name, each in taken.items():
        median = statistics.median(each)
        print(f"{name:<18} {1000 * median:>6.0f} {median / bare:>14.1f}")


def seconds(arguments: tuple[str, ...], folder: str) -> float:
    """One run in the folder, from start to end."""
    environment = os.environ | {"PYTHONPATH": str(ENGINE)}
    start = time.perf_counter()
    subprocess.run((sys.executable, *arguments), cwd=folder, env=environment, check=True, capture_output=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
