"""The funnel: at which reason the orders of a rule fell."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from small_projects import fill, loaded, write_project
from syrupy.assertion import SnapshotAssertion

from sendplan import cli
from sendplan.fields import Value

RULES = """\
rules:
  - {id: feedback, title: Feedback, trigger: not cancelled, due: shipped + 7 days, template: mail, expires: 14 days}
  - {id: thanks, title: Thanks, trigger: not cancelled, due: ordered + 1 day, template: mail, window: mondays}
"""
DAY = date(2026, 3, 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project whose orders fell at every kind of reason."""
    project = loaded(write_project(tmp_path, RULES))
    shipped: list[dict[str, Value]] = [{"shipped": DAY + timedelta(days=n)} for n in (0, 12, 9, 11, 10, 8)]
    others: list[dict[str, Value]] = [
        {},
        {"cancelled": DAY},
        {"cancelled": DAY, "shipped": DAY},
        {"parked": True, "shipped": DAY},
    ]
    fill(
        project,
        *(
            {
                "id": f"E{n}",
                "account": "web",
                "email": "b@example.com",
                "country": "DE",
                "items": 1,
                "ordered": DAY,
                **each,
            }
            for n, each in enumerate([*shipped, *others])
        ),
    )
    return tmp_path


def plan(folder: Path, *options: str) -> int:
    return cli.run(["plan", "--funnel", "--now", "2026-03-14T12:00", "--project", str(folder), *options])


def test_table(folder: Path, capsys: pytest.CaptureFixture[str], snapshot: SnapshotAssertion) -> None:
    """Each rule's line counts the orders at each reason, and its table names the three that are nearest."""
    assert plan(folder) == 0
    assert capsys.readouterr().out == snapshot


def test_counts_add_up(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every order falls at exactly one reason of each rule."""
    plan(folder, "--format", "json")
    funnels = json.loads(capsys.readouterr().out)["funnels"]
    assert [each["rule"] for each in funnels] == ["feedback", "thanks"]
    for each in funnels:
        assert sum(stage["count"] for stage in each["reasons"]) == each["orders"] == 10


def test_nearest_by_due_date(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The messages nearest to being due come first."""
    plan(folder, "--format", "json", "--rule", "feedback")
    [funnel] = json.loads(capsys.readouterr().out)["funnels"]
    [stage] = [each for each in funnel["reasons"] if each["reason"] == "not_due"]
    assert [(near["order"], near["due"]) for near in stage["nearest"]] == [
        ("E5", "2026-03-16"),
        ("E2", "2026-03-17"),
        ("E4", "2026-03-18"),
    ]


def test_csv(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A spreadsheet gets one line for each rule and reason."""
    plan(folder, "--format", "csv", "--rule", "thanks")
    assert capsys.readouterr().out.splitlines() == [
        "rule,reason,orders,nearest",
        "thanks,trigger_false,2,E7 E8",
        "thanks,held,1,E9",
        "thanks,outside_window,7,E0 E1 E2",
    ]


def test_sends_make_a_difference(folder: Path) -> None:
    """With `--detailed-exitcode` a funnel with something to send exits with 10, like the plan."""
    assert plan(folder, "--detailed-exitcode") == 10
    assert plan(folder, "--detailed-exitcode", "--rule", "thanks") == 0


def test_no_plan_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A funnel is no plan, so it cannot be written as one."""
    assert plan(folder, "-o", str(folder / "plan.json")) == 2
    assert "leave out one of --funnel and -o" in capsys.readouterr().err
    assert not (folder / "plan.json").exists()
