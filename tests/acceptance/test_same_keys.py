"""The rules of the planning benchmark, calculated in three independent ways: sendplan, SQL, plain Python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

PLANNING = Path(__file__).parents[1] / "benchmarks" / "planning"
ENGINE = Path(__file__).parents[2] / "engine"


def test_sql_and_python_find_the_same_mails(tmp_path: Path) -> None:
    """The rules written by hand in SQL and as Python functions send what the plan of the YAML rules sends."""
    environment = os.environ | {"PYTHONPATH": str(ENGINE)}
    command = (sys.executable, str(PLANNING / "agree.py"), str(tmp_path), "3000")
    ran = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    keys = json.loads(ran.stdout)
    messages = {key.partition("/")[2] for key in keys["SQL"]}
    assert messages >= {"feedback-reminder", "review-request", "dunning/payment-reminder", "dunning/second-dunning"}
    assert keys == dict.fromkeys(("sendplan", "written", "SQL", "Python"), keys["SQL"])


def test_every_condition_can_be_said_in_json_logic() -> None:
    """The benchmark hands the same conditions to every rule engine."""
    said = "import contender_engines as e; print(*map(e.as_json_logic, (e.MAILABLE, *e.MESSAGES.values())), sep='\\n')"
    ran = subprocess.run((sys.executable, "-c", said), cwd=PLANNING, check=True, capture_output=True, text=True)
    said_of = ran.stdout.splitlines()
    assert len(said_of) > 5
    assert all(each.startswith("{") and "'var': " in each for each in said_of)
