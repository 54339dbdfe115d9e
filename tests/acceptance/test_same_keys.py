"""The rules of the planning benchmark, calculated in three independent ways: sendplan, SQL, plain Python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

AGREE = Path(__file__).parents[1] / "benchmarks" / "planning" / "agree.py"
ENGINE = Path(__file__).parents[2] / "engine"


def test_sql_and_python_find_the_same_mails(tmp_path: Path) -> None:
    """The rules written by hand in SQL and as Python functions send what the plan of the YAML rules sends."""
    environment = os.environ | {"PYTHONPATH": str(ENGINE)}
    command = (sys.executable, str(AGREE), str(tmp_path), "3000")
    ran = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    keys = json.loads(ran.stdout)
    messages = {key.partition("/")[2] for key in keys["SQL"]}
    assert messages >= {"feedback-reminder", "review-request", "dunning/payment-reminder", "dunning/second-dunning"}
    assert keys == dict.fromkeys(("sendplan", "written", "SQL", "Python"), keys["SQL"])
