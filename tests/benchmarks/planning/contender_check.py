"""Rule files: `contender_check.py check|again|parse FOLDER` prints the seconds.

Of all checks, of `check` as the command does it, which remembers unchanged files, or of reading the YAML alone.

A process of its own for each round, so that nothing is remembered; what has to be imported is.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import holidays
import yaml

from sendplan import checked, checking, lint, templates


def check(folder: Path) -> None:
    """Everything that `sendplan check` looks at."""
    problems = checking.check(folder)
    assert not any(problem.is_error for problem in problems), problems[:3]


def again(folder: Path) -> None:
    """The same, told again when nothing changed."""
    checked.check(folder)


def parse(folder: Path) -> None:
    """The least that reading YAML costs."""
    for file in sorted((folder / "rules").iterdir()):
        yaml.load(file.read_bytes(), yaml.CSafeLoader)


if __name__ == "__main__":
    assert all((holidays, lint, templates))
    start = time.perf_counter()
    {"check": check, "again": again, "parse": parse}[sys.argv[1]](Path(sys.argv[2]))
    print(time.perf_counter() - start)
