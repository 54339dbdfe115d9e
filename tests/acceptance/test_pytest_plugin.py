"""A merchant's project under pytest: its scenarios, its snapshots and tests of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sendplan.commands.init_command import copy_example

ROOT = Path(__file__).parents[2]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project as `sendplan init` makes it."""
    copy_example(tmp_path)
    return tmp_path


def _pytest(folder: Path, *arguments: str) -> tuple[int, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_new_project_has_tests_that_pass(shop: Path) -> None:
    """Scenarios, the snapshot and the two example tests run as tests of their own, and hold."""
    code, said = _pytest(shop, "-vv")
    scenarios = len(list((shop / "fixtures" / "scenarios").glob("*.yaml")))
    assert code == 0, said
    assert f"{scenarios + 3} passed" in said
    assert "monday-in-august.yaml::A Monday in August" in said, said


def test_seven_days_made_ten_is_noticed(shop: Path) -> None:
    """A colleague changes the wait: the scenario, the snapshot and both tests fail, in words and without tracebacks."""
    settings = shop / "sendplan.yaml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("feedback_wait: 7 days", "feedback_wait: 10 days"), encoding="utf-8")
    code, said = _pytest(shop, "tests", "fixtures/snapshots", "fixtures/scenarios/feedback-reminder.yaml")
    assert code == 1
    assert "4 failed" in said
    assert "-  E-2050  due 2026-08-22" in said
    assert "plugin.py" not in said


def test_a_broken_file_is_told_with_its_place(shop: Path) -> None:
    """A scenario with a mistake fails with file, line and column."""
    path = shop / "fixtures" / "scenarios" / "broken.yaml"
    path.write_text("scenario: Broken\norders: []\nstep: []\n", encoding="utf-8")
    code, said = _pytest(shop, str(path))
    assert code == 1
    assert "fixtures/scenarios/broken.yaml:3:1" in said


def test_a_broken_project_is_told_with_its_place(shop: Path) -> None:
    """Settings that cannot be used fail every test with the problem and its frame."""
    settings = shop / "sendplan.yaml"
    settings.write_text(settings.read_text(encoding="utf-8").replace("timezone:", "timezon:"), encoding="utf-8")
    code, said = _pytest(shop, "fixtures/snapshots")
    assert code == 1
    assert "sendplan.yaml:" in said
    assert "timezon" in said


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    """In a folder that is not a project the plugin collects nothing."""
    (tmp_path / "fixtures" / "scenarios").mkdir(parents=True)
    (tmp_path / "fixtures" / "scenarios" / "data.yaml").write_text("a: 1\n", encoding="utf-8")
    code, said = _pytest(tmp_path)
    assert code == 5, said
