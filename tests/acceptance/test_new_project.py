"""Whoever makes a new project types what it says next, and sees what sendplan is for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("name", ["shop", "my first shop", "."])
def test_the_printed_commands_show_a_full_plan(tmp_path: Path, name: str) -> None:
    """The commands that `init` prints, typed as they stand there, show what would leave, whatever day it is."""
    scripts = tmp_path / "bin"
    scripts.mkdir()
    command = scripts / "sendplan"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sendplan "$@"\n')
    command.chmod(0o755)
    environment = os.environ | {"PATH": f"{scripts}:{os.environ['PATH']}"}

    def typed(line: str, cwd: Path) -> str:
        done = subprocess.run(line, shell=True, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    folder = tmp_path / "work"
    folder.mkdir()
    told = typed(f'sendplan init "{name}"', folder)
    (line,) = [each.removeprefix("Try: ") for each in told.splitlines() if each.startswith("Try: ")]
    shown = typed(line, folder)
    assert "26 rows: 26 new" in shown
    assert "14 send, 1 later, 2 held, 0 error" in shown
