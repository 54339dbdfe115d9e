"""`sendplan plan` prints in the formats that it has, and in no other."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from small_projects import write_project

from sendplan.commands import plan_command
from sendplan.commands.plan_command import FUNNEL_FORMATS, PLAN_FORMATS, command

RULES = "rules:\n  - {id: one, title: One, trigger: not cancelled, due: shipped, template: mail}\n"


@pytest.mark.parametrize("funnel", [False, True], ids=["plan", "funnel"])
@pytest.mark.parametrize("format_", [*PLAN_FORMATS])
def test_each_format_prints_something_of_its_own(tmp_path: Path, format_: str, funnel: bool) -> None:
    """Every format that is offered is written, with a plan and with --funnel."""
    if funnel and format_ not in FUNNEL_FORMATS:
        pytest.skip("not offered")
    project = ["--project", str(write_project(tmp_path, RULES)), "--now", "2026-08-24 12:00"]
    options = [*project, *(["--funnel"] if funnel else []), "--format", format_]
    result = CliRunner().invoke(command, options, standalone_mode=False)
    assert result.exception is None
    assert result.stdout


def test_a_format_of_the_plan_alone_is_refused_for_the_funnel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever asks for a funnel in a format that only plans have is told which there are, and gets no other one."""
    monkeypatch.setattr(plan_command, "FUNNEL_FORMATS", {"table": FUNNEL_FORMATS["table"]})
    result = CliRunner().invoke(command, ["--project", str(tmp_path), "--funnel", "--format", "csv"])
    assert result.exit_code == 2
    assert "--funnel has no format `csv`; choose one of table" in result.output
