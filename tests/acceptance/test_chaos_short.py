"""The fault suite's short form: real processes, a real mail server, some faults of each kind (`make chaos`: all)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHAOS = Path(__file__).parents[1] / "chaos"
ENGINE = Path(__file__).parents[2] / "engine"
RESTORES = ("an online backup'", "seed=0", "backup_of_the_last_moment")
DISKS = ("full_disk", "locked")
FAULTS = ("kill_at", "kills", "takes the mail, then hangs up", "paid", *DISKS, *RESTORES)


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_lost_and_nothing_is_sent_twice(fault: str) -> None:
    """After the fault every due mail was accepted once or is listed for a person, as the server's own log shows."""
    environment = os.environ | {"PYTHONPATH": str(ENGINE)}
    command = (sys.executable, str(CHAOS), "15", fault)
    played = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert played.returncode == 0, played.stdout + played.stderr
    assert "\n0 not as promised" in played.stdout
    assert played.stdout.count("\n| ") >= 1
