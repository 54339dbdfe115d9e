"""The public API under a strict type checker, as its users have it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from sendplan.commands.init_command import copy_example

PROGRAM = Path(__file__).parent / "a_users_program.py"

WRONG = """\
import sendplan

shop = sendplan.open_project(5)
count: int = shop.plan().to_text()
shop.plan(rule="dunning")
shop.plan().send[0].du
"""


def _mypy(folder: Path, program: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(folder / "cache"), str(program)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_users_program_is_typed_and_runs(tmp_path: Path) -> None:
    """A program that uses the API passes `mypy --strict` outside of this repository, and does what its types say."""
    checked = _mypy(tmp_path, PROGRAM)
    assert checked.returncode == 0, checked.stdout
    copy_example(tmp_path / "shop")
    command = [sys.executable, str(PROGRAM), str(tmp_path / "shop")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "{'E-2050': '2026-08-22'}" in done.stdout


def test_a_wrong_use_is_a_type_error(tmp_path: Path) -> None:
    """Each wrong argument, attribute and result is an error before the program runs."""
    program = tmp_path / "wrong.py"
    program.write_text(WRONG, encoding="utf-8")
    said = _mypy(tmp_path, program).stdout
    assert [f"wrong.py:{line}: error" in said for line in (3, 4, 5, 6)] == [True] * 4, said
