"""`python tests/mutants [WORD …]`: break the engine in one place after the other, and see that the named tests notice.

Each mutant is applied to a copy of the repository. One whose text is not in the engine any more is an error: the mutant
has to follow the code that it breaks.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from mutants import Mutant, read

ROOT = Path(__file__).parents[2]
_COPIED = ("engine", "tests", "fixtures", "schemas", "rules", "templates", "docs", "sendplan.yaml", "pyproject.toml")
_FAILED_TESTS = 1
"""Pytest's exit code for tests that ran and failed; any other one proves nothing."""


def main(words: list[str]) -> int:
    """Try the mutants whose name holds one of the words, or all; the exit code."""
    chosen = [each for each in read() if not words or any(word in each.name for word in words)]
    with tempfile.TemporaryDirectory(prefix="sendplan-mutants-") as folder:
        copy = Path(folder)
        for name in _COPIED:
            path = ROOT / name
            (shutil.copytree if path.is_dir() else shutil.copy)(path, copy / name)
        tests = sorted({test for each in chosen for test in each.tests})
        whole, printed = _tested(copy, tests)
        if whole != 0:
            print(f"{printed}\nthe tests do not even pass without a mutant")
            return 1
        alive = [each.name for each in chosen if not _caught(copy, each)]
    print(
        f"\n{len(chosen) - len(alive)} of {len(chosen)} mutants caught"
        + "".join(f"\n  alive: {name}" for name in alive)
    )
    return 1 if alive or not chosen else 0


def _caught(copy: Path, mutant: Mutant) -> bool:
    with mutant.applied(copy / "engine" / "sendplan"):
        code, printed = _tested(copy, mutant.tests)
    if code != _FAILED_TESTS:
        print(f"{printed}\nALIVE: {mutant.name} (pytest ended with {code})", flush=True)
        return False
    (failed, *_) = re.findall(r"^FAILED \S*::(\w+)", printed, re.M)
    print(f"caught: {mutant.name}, by {failed}", flush=True)
    return True


def _tested(copy: Path, tests: Sequence[str]) -> tuple[int, str]:
    environment = os.environ | {"PYTHONPATH": str(copy / "engine"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = (sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests)
    ran = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout + ran.stderr


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
