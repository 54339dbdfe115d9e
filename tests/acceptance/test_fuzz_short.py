"""The fuzzer's short form: some projects with random changes in their files (`make fuzz`: an hour of them)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FUZZ = Path(__file__).parents[1] / "fuzz"


def test_no_file_ends_a_command_in_a_traceback() -> None:
    """Changed settings, rules, templates, mappings, exports and plans are told, within bounds of time and memory."""
    played = subprocess.run(
        (sys.executable, str(FUZZ), "60", "20261126", "10"), capture_output=True, text=True, check=False
    )
    assert played.returncode == 0, played.stdout + played.stderr
    assert "seed 20261126: 10 cases, 0 failures" in played.stdout
