"""Plan snapshots: a file of orders, some times, and the plans as text beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sendplan.commands.init_command import copy_example
from sendplan.project.project import Project, load
from sendplan.scenarios import tests
from sendplan.scenarios.snapshots import SnapshotResult

SNAPSHOT = "snapshot: Two days\nimport: {file: fixtures/orders.csv}\nat: [2026-08-24 12:00, 2026-08-25 12:00]\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The example shop's folder."""
    copy_example(tmp_path)
    return tmp_path


def _project(folder: Path) -> Project:
    project, problems = load(folder)
    assert project is not None, problems
    return project


def _run(folder: Path, text: str = SNAPSHOT, *, update: bool = False) -> SnapshotResult:
    path = folder / "fixtures" / "snapshots" / "days.yaml"
    path.write_text(text, encoding="utf-8")
    result = tests.run(tests.read(path, folder), _project(folder), update=update)
    assert isinstance(result, SnapshotResult)
    return result


def test_what_a_plan_sends_is_sent_for_the_next() -> None:
    """The example's own snapshot holds: on Tuesday nothing of Monday's mail is planned again."""
    root = Path(__file__).parents[3]
    path = root / "fixtures" / "snapshots" / "monday-in-august.yaml"
    result = tests.run(tests.read(path, root), _project(root))
    assert result.passed, tests.failure_text(result)
    monday, tuesday = result.text.split("\n\n2026-08-25")  # type: ignore[union-attr]
    assert "E-2050" in monday
    assert "E-2050" not in tuesday


def test_a_snapshot_without_a_text_fails(shop: Path) -> None:
    """A snapshot that nobody kept yet has not passed, and says how to keep it."""
    result = _run(shop)
    assert not result.passed
    assert "sendplan test --update" in result.message


def test_a_changed_wait_shows_as_moved_lines(shop: Path) -> None:
    """After `--update` it passes; ten days instead of seven show which mail moves."""
    assert _run(shop, update=True).passed
    assert _run(shop).passed
    settings = shop / "sendplan.yaml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("feedback_wait: 7 days", "feedback_wait: 8 days"), encoding="utf-8")
    result = _run(shop)
    assert not result.passed
    changed = [line for line in result.message.splitlines()[2:] if line[:1] in "+-"]
    assert [" ".join(line.split()[:4]) for line in changed[:2]] == [
        "- E-2050 due 2026-08-22",
        "+ E-2050 due 2026-08-23",
    ]
    # On Tuesday E-2055 is not due yet any more: its line and the count, nothing else.
    assert ["E-2055" in line or "feedback-reminder (" in line for line in changed[2:]] == [True] * 3, result.message


def test_a_due_date_that_stays_in_its_plan_is_one_changed_line(shop: Path) -> None:
    """Reminders due a day later: each message is one changed line in its place, and no count changes."""
    settings = shop / "sendplan.yaml"
    text = settings.read_text(encoding="utf-8")
    one_day = SNAPSHOT.replace("at: [2026-08-24 12:00, 2026-08-25 12:00]", "at: [2026-08-26 12:00]")
    assert _run(shop, one_day, update=True).passed
    settings.write_text(text.replace("feedback_wait: 7 days", "feedback_wait: 8 days"), encoding="utf-8")
    changed = [line for line in _run(shop, one_day).message.splitlines()[2:] if line[:1] in "+-"]
    assert sorted(line[0] for line in changed) == ["+", "+", "-", "-"]
    assert {line.split()[1] for line in changed} == {"E-2050", "E-2055"}


def test_an_edited_sentence_breaks_nothing(shop: Path) -> None:
    """Texts, titles, reasons and comments are no part of a snapshot."""
    _run(shop, update=True)
    for path in (shop / "templates").rglob("*.md"):
        path.write_text(path.read_text(encoding="utf-8") + "\nOne more sentence.\n", encoding="utf-8")
    settings = shop / "sendplan.yaml"
    text = settings.read_text(encoding="utf-8").replace("Parked orders get no automatic mail", "Parked")
    settings.write_text(f"{text}# a comment\n", encoding="utf-8")
    assert _run(shop).passed


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("fixtures/orders.csv", "fixtures/order.csv"), "file-missing"),
        (("2026-08-24 12:00", "noon"), "wrong-value"),
        (("2026-08-25 12:00", "2026-08-23 12:00"), "wrong-value"),
        (("snapshot:", "snapshott:"), "unknown-key"),
    ],
)
def test_a_broken_snapshot_names_the_place(shop: Path, change: tuple[str, str], code: str) -> None:
    """A missing file, a wrong or descending time and an unknown key are problems with a place."""
    result = _run(shop, SNAPSHOT.replace(*change))
    assert not result.passed
    assert code in {problem.code for problem in result.problems}, result.problems
    assert all(problem.span is not None for problem in result.problems)
