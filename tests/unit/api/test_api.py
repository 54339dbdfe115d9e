"""The public Python API, as programs use it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

import sendplan
from sendplan.commands.init_command import copy_example

MONDAY = "2026-08-24 12:00"


@pytest.fixture
def shop(tmp_path: Path) -> sendplan.OpenProject:
    """The example shop with its sample orders."""
    copy_example(tmp_path)
    project = sendplan.open_project(tmp_path)
    project.import_orders("fixtures/orders.csv")
    return project


def test_every_public_name_exists() -> None:
    """What `__all__` promises is there."""
    assert all(hasattr(sendplan, name) for name in sendplan.__all__)


def test_a_plan_lists_what_leaves(shop: sendplan.OpenProject) -> None:
    """A plan's entries are grouped by status, and a datetime says the same as text."""
    plan = shop.plan(MONDAY)
    assert (len(plan.send), len(plan.later), len(plan.held), len(plan.errors)) == (14, 1, 2, 0)
    assert shop.plan(datetime(2026, 8, 24, 10, tzinfo=UTC)) == plan
    assert {entry.rule for entry in shop.plan(MONDAY, rules=["dunning"]).entries} == {"dunning"}


def test_errors_have_places(tmp_path: Path) -> None:
    """A project with mistakes is not opened: every one of them is told with its place."""
    copy_example(tmp_path)
    rules = tmp_path / "rules" / "feedback.yaml"
    rules = rules if rules.is_file() else next((tmp_path / "rules").glob("*.yaml"))
    rules.write_text(rules.read_text(encoding="utf-8").replace("not cancelled", "not canceled"), encoding="utf-8")
    with pytest.raises(sendplan.ProblemsError) as raised:
        sendplan.open_project(tmp_path)
    assert {problem.code for problem in raised.value.problems} == {"unknown-field"}
    assert all(problem.span is not None for problem in raised.value.problems)


@pytest.mark.parametrize(
    "call",
    [
        lambda shop: shop.plan("noon"),
        lambda shop: shop.plan(MONDAY, rules=["dunnin"]),
        lambda shop: shop.plan(MONDAY, account="ebay"),
        lambda shop: shop.explain("E-0"),
        lambda shop: shop.preview("E-2050/nothing"),
        lambda shop: shop.import_orders("nothing.csv"),
    ],
)
def test_wrong_names_and_times_are_problems(shop: sendplan.OpenProject, call: object) -> None:
    """A mistake in an argument raises ProblemsError, never something else."""
    assert callable(call)
    with pytest.raises(sendplan.ProblemsError):
        call(shop)


def test_explanations_and_previews_say_what_the_commands_say(shop: sendplan.OpenProject) -> None:
    """Why a message leaves, and the message itself."""
    explained = {each.rule: each for each in shop.explain("E-2050", MONDAY)}
    assert explained["feedback-reminder"].reason == "send"
    assert "max(shipped, seller_feedback)" in explained["feedback-reminder"].text
    preview = shop.preview("E-2050/feedback-reminder", MONDAY)
    assert "E-2050" in preview.text
    assert "<html" in preview.html
    assert preview.eml.startswith(preview.headers[0].encode())


def test_a_difference_names_what_moves(shop: sendplan.OpenProject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Ten days instead of seven drop the reminder from Monday's plan."""
    folder = tmp_path_factory.mktemp("other")
    copy_example(folder)
    settings = folder / "sendplan.yaml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("feedback_wait: 7 days", "feedback_wait: 10 days"), encoding="utf-8")
    difference = shop.diff(sendplan.open_project(folder), MONDAY)
    assert {change.entry.order for change in difference.changes} == {"E-2050"}
    assert "E-2050" in difference.to_text()


def test_scenarios_and_snapshots_are_played(shop: sendplan.OpenProject) -> None:
    """All tests of the example shop pass."""
    results = shop.test()
    assert len(results) > 15
    assert all(result.passed for result in results)


def test_a_rehearsal_writes_the_mails(shop: sendplan.OpenProject, tmp_path: Path) -> None:
    """A rehearsal into a folder writes one file a mail and leaves the plan unused."""
    report = shop.send(shop.plan(MONDAY), MONDAY, to_dir=tmp_path / "mails")
    assert len(report.results) == 14
    assert len(list((tmp_path / "mails").iterdir())) == 14
    assert len(shop.plan(MONDAY).send) == 14


def test_another_store(shop: sendplan.OpenProject, tmp_path: Path) -> None:
    """A project can be opened on a store of its own, for a test."""
    empty = sendplan.open_project(shop.folder, store=f"sqlite:///{tmp_path / 'empty.db'}")
    assert empty.plan(MONDAY).entries == ()
