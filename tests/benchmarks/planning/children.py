"""Commands in processes of their own: how long they take, and how much memory at their peak."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ENGINE = Path(__file__).parents[3] / "engine"
SENDPLAN = (sys.executable, "-m", "sendplan")
BARE = (sys.executable, "-c", "pass")

# Started from this process, a child would begin with a peak as high as ours: a small one stands between.
_START = """\
import os, sys, time
start = time.perf_counter()
out = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
_, status, usage = os.wait4(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=out), 0)
print(time.perf_counter() - start, usage.ru_maxrss, os.waitstatus_to_exitcode(status))
"""


@dataclass(frozen=True, slots=True)
class Child:
    """What a command took."""

    seconds: float
    peak: float
    """Memory in MiB."""


def run(command: Sequence[str], folder: Path) -> Child:
    """Run it in a folder and throw away what it says; a failure ends the benchmark."""
    environment = os.environ | {"PYTHONPATH": str(ENGINE)}
    start = (sys.executable, "-S", "-c", _START, *command)
    ran = subprocess.run(start, cwd=folder, env=environment, check=True, capture_output=True, text=True)
    seconds, peak, code = ran.stdout.split()
    if code != "0":
        raise SystemExit(f"{' '.join(command)} ended with {code}\n{ran.stderr}")
    return Child(float(seconds), int(peak) / 1024)


def in_turn(commands: Mapping[str, Sequence[str]], folder: Path, rounds: int) -> dict[str, float]:
    """Median seconds of commands that take turns."""
    taken = [{name: run(command, folder).seconds for name, command in commands.items()} for _ in range(rounds)]
    return {name: median(each[name] for each in taken) for name in commands}
