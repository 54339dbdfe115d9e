"""`sendplan plan` on a terminal: pleasant to read at 80 and 100 columns, for a few messages and for hundreds."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from small_projects import fill, loaded, write_project
from syrupy.assertion import SnapshotAssertion

from sendplan import cli, open_project
from sendplan.commands import output
from sendplan.commands.init_command import copy_example
from sendplan.fields import Value

RULES = """\
rules:
  - {id: thanks, title: Thanks, trigger: not cancelled, due: ordered + 1 day, template: mail, window: office-hours}
  - id: dunning
    title: Dunning
    trigger: open_amount >= 1.00
    due: payment_due + 7 days
    ladder:
      every: 7 days
      steps: [{id: payment-reminder, template: mail}, {id: first-dunning, template: mail}]
"""
WIDTHS = pytest.mark.parametrize("width", [80, 100])


def _printed(
    folder: Path, width: int, now: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> str:
    monkeypatch.setattr(output, "_room", lambda: width)
    capsys.readouterr()
    assert cli.run(["plan", "--project", str(folder), "--now", now]) == 0
    shown = capsys.readouterr().out
    assert [line for line in shown.splitlines() if len(line) > width] == []
    return shown.split("\n", 1)[1]  # the first line holds the plan's id, which goes with every file of the project


@WIDTHS
def test_a_few_messages(
    width: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    snapshot: SnapshotAssertion,
) -> None:
    """The sample orders on a Monday: fourteen messages, each on one line, their rule's due expression above them."""
    copy_example(tmp_path)
    open_project(tmp_path).import_orders("fixtures/orders.csv")
    assert _printed(tmp_path, width, "2026-08-24 12:00", capsys, monkeypatch) == snapshot


@WIDTHS
def test_hundreds_of_messages(
    width: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    snapshot: SnapshotAssertion,
) -> None:
    """Three hundred messages: every one has its line, every rule one heading and one line of totals."""
    project = loaded(write_project(tmp_path, RULES))
    for number in range(200):
        paid: dict[str, Value] = {"paid": date(2026, 3, 3)} if number % 2 else {}
        ordered = date(2026, 3, 2) - timedelta(days=number % 9)
        order: dict[str, Value] = {
            "id": f"INV-2026-{number:05}",
            "account": "web",
            "email": f"buyer{number}@example.com",
            **paid,
        }
        fill(project, {**order, "ordered": ordered, "payment_due": date(2026, 2, 20), "total": Decimal(20)})
    shown = _printed(tmp_path, width, "2026-03-04 12:00", capsys, monkeypatch)
    lines = shown.splitlines()
    assert sum(line.startswith("  INV-2026-") for line in lines) == 300
    assert [line.count("due payment_due + 7 days") for line in lines].count(1) == 1
    assert "\n".join([*lines[:12], "…", *lines[-14:]]) == snapshot
