"""Mistakes at the keyboard: each command says what is wrong in a sentence, with a code and an exit code."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from small_projects import SETTINGS, fill, loaded, write_project

from sendplan import cli

RULES = """\
rules:
  - {id: thanks, title: Thanks, trigger: not cancelled, due: ordered + 1 day, template: mail}
"""
NOW = "2026-03-05T12:00"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with four orders that are due, one of them without an address, and a limit of three mails a run."""
    project = loaded(write_project(tmp_path / "shop", RULES))
    for number in range(5):
        email = {"email": f"b{number}@example.com"} if number else {}
        fill(project, {"id": f"E{number}", "account": "web", "ordered": date(2026, 3, 2), "total": 20, **email})
    monkeypatch.chdir(project.settings.folder)
    return project.settings.folder


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str]]:
    """A command's exit code and the codes of the problems that it names."""
    capsys.readouterr()
    exit_code = cli.run(list(arguments))
    printed = capsys.readouterr()
    assert "Traceback" not in printed.out + printed.err
    return exit_code, re.findall(r"(?:error|warning)\[([a-z-]+)\] ", printed.err)


@pytest.mark.parametrize(
    ("arguments", "exit_code", "code"),
    [
        (["explain", "E9"], 2, "unknown-order"),
        (["explain", "E1", "--now", "2026-03-01"], 2, "unknown-order"),
        (["preview", "E1/thank"], 2, "unknown-message"),
        (["explain", "--message", "thanks"], 2, "unknown-message"),
        (["preview", "E0/thanks"], 1, "no-address"),
        (["resolve", "E1/thanks", "retry"], 3, "illegal-move"),
        (["plan", "--project", "templates"], 2, "no-project"),
        (["init", "."], 2, "project-exists"),
        (["send", "sendplan.yaml", "--now", NOW], 2, "plan-file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_refuses(
    arguments: list[str], exit_code: int, code: str, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What names nothing, or cannot be done, is refused with one problem."""
    assert said(capsys, *arguments) == (exit_code, [code])


def test_no_project_here_or_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Outside of every project a command says so."""
    monkeypatch.chdir(tmp_path)
    assert said(capsys, "plan") == (2, ["no-project"])


def test_a_plan_over_the_limit_needs_its_number(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A plan with more mails than `limits.per_run` is refused, and so is an approval of another number."""
    assert said(capsys, "plan", "--now", NOW, "-o", "plan.json")[0] == 0
    assert said(capsys, "send", "plan.json", "--now", NOW) == (3, ["over-limit"])
    assert said(capsys, "send", "plan.json", "--now", NOW, "--approve", "5") == (3, ["not-approved"])


def test_a_plan_is_sent_as_it_was_made(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A plan is refused once it was edited, is a day old, or belongs to rules that changed since."""
    path = shop / "plan.json"
    said(capsys, "plan", "--now", NOW, "-o", "plan.json")
    path.write_text(path.read_text(encoding="utf-8").replace("E1", "E0"), encoding="utf-8")
    assert said(capsys, "send", "plan.json", "--now", NOW) == (3, ["plan-file"])
    said(capsys, "plan", "--now", NOW, "-o", "plan.json")
    assert said(capsys, "send", "plan.json", "--now", "2026-03-06T12:01") == (3, ["plan-stale"])
    (shop / "rules" / "rules.yaml").write_text(RULES.replace("1 day", "2 days"), encoding="utf-8")
    assert said(capsys, "send", "plan.json", "--now", NOW) == (3, ["plan-stale"])


def test_a_password_that_nobody_set(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sender whose password is not in the environment is told by its test; a run sends nothing through it."""
    monkeypatch.delenv("SHOP_PASSWORD", raising=False)
    login = "host: smtp.example.com, username: shop, password: '${SHOP_PASSWORD}'}"
    text = SETTINGS.replace("host: smtp.example.com}", login).replace("per_run: 3", "per_run: 9")
    (shop / "sendplan.yaml").write_text(text, encoding="utf-8")
    assert said(capsys, "smtp-test", "main")[1] == ["missing-password"]
    said(capsys, "run", "--now", NOW)
    cli.run(["status", "--now", NOW])
    assert "set the environment variable SHOP_PASSWORD where sendplan runs" in " ".join(capsys.readouterr().out.split())


def test_imports_report_rows_and_columns(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A bad row, a column that no field takes and a file that is none are told apart."""
    (shop / "a.csv").write_text("id,account,ordered,colour\nE7,nobody,2026-03-02,red\n", encoding="utf-8")
    (shop / "b.csv").write_text("number,account\nE7,web\n", encoding="utf-8")
    mapping = "format: csv\nfields: {id: id, account: {value: web}, ordered: ordered, total: amount}\n"
    (shop / "mapping.yaml").write_text(mapping, encoding="utf-8")
    assert said(capsys, "import", "a.csv") == (1, ["unknown-column", "bad-row"])
    assert said(capsys, "import", "b.csv") == (1, ["import-file"])
    assert said(capsys, "import", "a.csv", "--mapping", "mapping.yaml") == (1, ["absent-column"])


def test_scenarios_that_cannot_be_played(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Steps that go back in time, and orders that the scenario does not have, fail the scenario."""
    text = """\
scenario: Back in time
orders: [{id: S1, account: web, email: b@example.com, ordered: 2026-03-02}]
steps:
  - {at: 2026-03-03 12:00, expect: [{order: S1, rule: thanks}]}
  - {at: 2026-03-02 12:00, change: {S2: {total: 3}}, expect: none, because: already_sent}
"""
    (shop / "fixtures" / "scenarios").mkdir(parents=True)
    (shop / "fixtures" / "scenarios" / "back.yaml").write_text(text, encoding="utf-8")
    assert cli.run(["test"]) == 1
    assert re.findall(r"error\[([a-z-]+)\] ", capsys.readouterr().out) == ["scenario", "unknown-order"]
