"""The public Python API, as programs use it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import sendplan
from sendplan.commands.init_command import copy_example
from sendplan.sink import Sink

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
        lambda shop: shop.import_orders("fixtures/orders.csv", system="shopfy"),
        lambda shop: shop.explain("E-2050", rules=["dunnin"]),
        lambda shop: shop.history("E-2050"),
        lambda shop: shop.simulate("2026-08-31", "2026-08-01"),
        lambda shop: shop.simulate("August", "2026-08-31"),
        lambda shop: shop.simulate("2026-08-01", "2026-08-31", every="noon"),
        lambda shop: shop.diff("no-such-revision"),
        lambda shop: shop.scenario_from("E-0"),
        lambda shop: shop.resolve("E-0", outcome="drop"),
        lambda shop: shop.resolve("E-2050", outcome="dropp"),
        lambda shop: shop.resolve(outcome="drop"),
        lambda shop: shop.resolve(state="open", outcome="drop"),
        lambda shop: shop.pause("dunnin"),
        lambda shop: shop.snooze("E-0", "2099-01-01"),
        lambda shop: shop.snooze("E-2050", "2020-01-01"),
        lambda shop: shop.wake("E-2050", rule="dunnin"),
        lambda shop: shop.suppress("nobody"),
        lambda shop: shop.suppress("a@example.com", klass="marketin"),
        lambda shop: shop.smtp_test("mian"),
    ],
)
def test_wrong_names_and_times_are_problems(shop: sendplan.OpenProject, call: object) -> None:
    """A mistake in an argument raises ProblemsError, never something else."""
    assert callable(call)
    with pytest.raises(sendplan.ProblemsError):
        call(shop)


A_PATH: Any = "old.json"


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda shop: shop.plan(5), "a time is a text"),
        (lambda shop: shop.send("plan.json"), "sendplan.read_plan"),
        (lambda shop: shop.approve(None), "a Plan is needed here"),
        (lambda shop: sendplan.diff_plans(A_PATH, shop.plan(MONDAY)), "not 'old.json'"),
        (lambda shop: shop.explain(2050), "a name is a text such as '2050', not 2050"),
        (lambda shop: shop.find(None), "a name is a text"),
        (lambda shop: shop.preview(3), "a name is a text"),
        (lambda shop: shop.history(3), "a name is a text"),
        (lambda shop: shop.scenario_from(3), "a name is a text"),
        (lambda shop: shop.pause(3), "a name is a text"),
        (lambda shop: shop.pause(0), "a name is a text"),
        (lambda shop: shop.resume(3), "a name is a text"),
        (lambda shop: shop.snooze(3, "2099-01-01"), "a name is a text"),
        (lambda shop: shop.wake(3), "a name is a text"),
        (lambda shop: shop.suppress("a@example.com", None), "a name is a text"),
        (lambda shop: shop.unsuppress(None), "a name is a text"),
        (lambda shop: shop.forget(None), "a name is a text"),
        (lambda shop: shop.resolve(3, outcome="drop"), "a name is a text"),
    ],
)
def test_what_is_of_another_type_says_what_is_needed(shop: sendplan.OpenProject, call: object, told: str) -> None:
    """A path in place of a plan, or a number in place of a time or a name, is a TypeError that says what to write."""
    assert callable(call)
    with pytest.raises(TypeError, match=told):
        call(shop)


def test_one_rule_may_be_named_alone_and_a_time_is_the_shops(shop: sendplan.OpenProject) -> None:
    """`rules="dunning"` is one rule, and a datetime without an offset is in the shop's zone."""
    alone = shop.plan("2026-08-24 12:00", rules="feedback-reminder")
    assert {each.rule for each in alone.entries} == {"feedback-reminder"}
    assert shop.plan(datetime(2026, 8, 24, 12, 0), rules=["feedback-reminder"]).id == alone.id


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


def test_a_search_finds_an_order_by_its_buyer(shop: sendplan.OpenProject) -> None:
    """Part of a name finds the order, with a decision of every rule, and narrows a plan to it."""
    (found,) = shop.find("hartmann", MONDAY)
    assert found.title.startswith(f"{found.id}, ")
    assert {each.rule for each in found.explanations} == set(shop.rules)
    assert {entry.order for entry in shop.plan(MONDAY, find="hartmann").entries} == {found.id}
    assert shop.find("nobody of this name", MONDAY) == ()


def test_a_narrowed_plan_holds_the_same_entries(shop: sendplan.OpenProject) -> None:
    """What `find` leaves of a plan is what the whole plan says of these orders."""
    whole = shop.plan(MONDAY)
    ids = {found.id for found in shop.find("example.org", MONDAY, limit=100)}
    assert shop.plan(MONDAY, find="example.org").entries == tuple(each for each in whole.entries if each.order in ids)
    assert 0 < len(shop.plan(MONDAY, find="example.org").entries) < len(whole.entries)


def test_an_order_is_explained_by_its_address(shop: sendplan.OpenProject) -> None:
    """An e-mail address stands for its order, and rules narrow what is told."""
    (order,) = shop.find("E-2050", MONDAY)
    (only,) = shop.explain(order.id, MONDAY, rules=["dunning"])
    assert (only.order, only.rule) == ("E-2050", "dunning")
    assert shop.history("E-2050/feedback-reminder") == ()


def test_a_month_is_simulated(shop: sendplan.OpenProject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A forecast counts what would leave, beside other rules when there are some, as data and as a page."""
    forecast = shop.simulate("2026-08-01", "2026-08-31")
    assert sum(forecast.volumes.by_rule.values()) == len(forecast.sends) > 10
    assert set(forecast.to_json()) == {"from", "to", "sends", "volumes"}
    folder = tmp_path_factory.mktemp("other")
    copy_example(folder)
    beside = shop.simulate("2026-08-01", "2026-08-31", other=folder)
    assert beside.sends == forecast.sends
    assert beside.to_json()["rules_from"]["revision"] == str(folder)
    assert "<svg" in beside.to_html()


def test_the_status_says_what_needs_a_person(shop: sendplan.OpenProject) -> None:
    """The same facts as `sendplan status`: held messages, imports, counts."""
    status = shop.status(MONDAY)
    assert status.counts["orders"] == 26
    assert len(status.plan.held) == 2
    assert status.to_json()["summary"]["send"] == 14


def test_plan_files_are_read_and_compared(shop: sendplan.OpenProject, tmp_path: Path) -> None:
    """A plan that was written comes back the same, and two plans are compared."""
    file = tmp_path / "plan.json"
    file.write_bytes(shop.plan(MONDAY).to_bytes())
    monday = sendplan.read_plan(file)
    assert monday == shop.plan(MONDAY)
    assert sendplan.diff_plans(monday, shop.plan("2026-08-25 12:00")).changes


def test_the_rest_of_the_commands(shop: sendplan.OpenProject) -> None:
    """Checking, the funnel, coverage and a scenario out of an order are offered as well."""
    assert not [problem for problem in sendplan.check(shop.folder) if problem.is_error]
    assert {funnel.rule for funnel in shop.funnel(MONDAY)} == set(shop.rules)
    assert shop.coverage().to_text()
    assert "scenario:" in shop.scenario_from("E-2050", MONDAY)


def test_a_dry_run_shows_the_orders_and_stores_nothing(tmp_path: Path) -> None:
    """A file can be looked at before it is imported."""
    copy_example(tmp_path)
    project = sendplan.open_project(tmp_path)
    report = project.import_orders("fixtures/orders.csv", dry_run=True)
    assert (len(report.previews), report.rows) == (26, 26)
    assert project.status().counts.get("orders", 0) == 0


def test_what_people_do_by_hand(shop: sendplan.OpenProject) -> None:
    """Pauses, snoozes, suppressions and settled messages act as the commands do, and say whether anything changed."""
    assert shop.pause("feedback-reminder")
    assert not shop.pause("feedback-reminder")
    assert [entry.rule for entry in shop.plan(MONDAY).held if entry.reason == "paused"] == ["feedback-reminder"]
    assert shop.resume("feedback-reminder")
    assert [(each.act, each.subject) for each in shop.acts()] == [
        ("resume", "feedback-reminder"),
        ("pause", "feedback-reminder"),
    ]
    assert not shop.wake("E-2050")

    done = shop.resolve("E-2050/feedback-reminder", outcome="sent", at="2026-08-23 12:00")
    assert [(each.key, each.done) for each in done.settled] == [("E-2050/feedback-reminder", True)]
    assert not [entry for entry in shop.plan(MONDAY).entries if entry.rule == "feedback-reminder"]

    address = next(entry.to for entry in shop.plan(MONDAY, rules=["dunning"], show_addresses=True).send)
    assert address is not None
    dunned = len(shop.plan(MONDAY, rules=["dunning"]).send)
    assert [each.changed for each in shop.suppress(address, "x@example.com")] == [True, True]
    assert len(shop.plan(MONDAY, rules=["dunning"]).send) < dunned
    assert [each.changed for each in shop.unsuppress(address, "y@example.com")] == [True, False]
    assert len(shop.plan(MONDAY, rules=["dunning"]).send) == dunned


def test_a_run_sends_what_is_due_once(shop: sendplan.OpenProject) -> None:
    """A run sends the plan through a real mail server; the next one has nothing left."""
    settings = shop.folder / "sendplan.yaml"
    before, _, rest = settings.read_text(encoding="utf-8").partition("senders:\n")
    after = rest[rest.index("\naccounts:") :]
    with Sink() as sink:
        sender = f"{{from: Shop <shop@example.com>, host: 127.0.0.1, port: {sink.port}, security: none}}"
        senders = f"senders:\n  main: {sender}\n  office: {sender}\n"
        settings.write_text(f"{before}{senders}{after}", encoding="utf-8")
        ready = sendplan.open_project(shop.folder)
        assert ready.smtp_test("office").ok
        ran = ready.run(MONDAY)
        assert (len(ran.plan.send), len(sink.mails)) == (14, 15)
        assert {result.ending.value for result in ran.report.results} == {"sent"}
        assert ready.run(MONDAY, imports=False).report.results == ()
    assert ready.adopt(MONDAY).why is None


def test_a_buyer_is_forgotten_and_old_mail_is_known(shop: sendplan.OpenProject) -> None:
    """What another system sent counts as sent, and a buyer who asks is erased."""
    shop.folder.joinpath("sent.csv").write_text(
        "order,rule,step,at\nE-2050,feedback-reminder,,2026-08-22 10:00\n", encoding="utf-8"
    )
    assert shop.import_history("sent.csv", dry_run=True).stored is False
    assert shop.import_history("sent.csv").recorded == 1
    assert not [entry for entry in shop.plan(MONDAY).send if entry.rule == "feedback-reminder"]

    (order,) = shop.forget("lena.hartmann@example.org")
    assert order == "E-2050"
    assert shop.find("hartmann") == ()
