"""Orders and rules → plan: what it lists, in what order, whose params count, what it warns of.

See docs/commands.md#sendplan-plan.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from small_projects import SETTINGS, loaded, write_project

from sendplan.ledger import Record, State
from sendplan.plan import Entry, Plan
from sendplan.planning.planner import Clock, decide_orders, make_plan
from sendplan.problems import Problem
from sendplan.project import project as projects
from sendplan.project.project import Project
from sendplan.reading import schemas
from sendplan.store.memory import MemoryOrders

NOON = datetime(2026, 8, 24, 10, tzinfo=UTC)
"""Monday noon in Berlin."""
RULES = """\
rules:
  - {id: thanks, title: Thanks, trigger: not cancelled, due: ordered + 1 day, template: mail}
"""
ORDER: Mapping[str, Any] = {
    "email": "b@example.com",
    "country": "DE",
    "items": 2,
    "total": Decimal("20.00"),
    "ordered": date(2026, 8, 20),
    "name": "B",
}


def orders(*given: Mapping[str, Any], carried: tuple[str, ...] = tuple(ORDER), account: str = "web") -> MemoryOrders:
    """A store with these orders, numbered from E1; an import carried these fields just now."""
    source = MemoryOrders()
    for number, each in enumerate(given, start=1):
        values = {"id": f"E{number}", "account": account, **ORDER, **each}
        source.put(values["id"], values["account"], values)
    source.carry(account, carried, NOON)
    return source


def broken_project(folder: Path) -> tuple[Project, list[Problem]]:
    read, problems = projects.load(folder)
    assert read is not None
    return read, problems


def planned(project: Project, source: MemoryOrders, **options: Any) -> Plan:
    return make_plan(project, source, Clock(options.pop("now", NOON), options.pop("replay", False)), **options)


def lines(plan: Plan) -> list[str]:
    return [f"{entry.key} {entry.reason}" for entry in plan.entries]


@pytest.fixture
def shop(tmp_path: Path) -> Project:
    """A shop with one rule."""
    return loaded(write_project(tmp_path, RULES))


def test_an_entry_says_everything(tmp_path: Path) -> None:
    """One line holds what, to whom, when, why, from which account and sender, and what was read."""
    project = loaded(write_project(tmp_path, RULES.replace("not cancelled", "total >= 1 and not cancelled")))
    (entry,) = planned(project, orders({}), rules=["thanks"]).entries
    assert entry == Entry(
        key="E1/thanks",
        status=entry.status,
        reason=entry.reason,
        why="due 2026-08-21: ordered + 1 day",
        rule="thanks",
        step=None,
        order="E1",
        account="web",
        region="domestic",
        klass="transactional",
        sender="main",
        template="mail",
        language="en",
        due="2026-08-21",
        send_at="2026-08-24T12:00:00+02:00",
        to="b…@example.com",
        facts=entry.facts,
    )
    assert entry.facts == {
        "cancelled": None,
        "country": "DE",
        "items": 2,
        "ordered": "2026-08-20",
        "parked": False,
        "shipped": None,
        "total": "20.00",
    }


def test_addresses_are_masked_unless_asked_for(shop: Project) -> None:
    """Whoever reads a plan sees no address, unless told to show them."""
    plans = [planned(shop, orders({}), show_addresses=shown) for shown in (False, True)]
    assert [plan.entries[0].to for plan in plans] == ["b…@example.com", "b@example.com"]
    assert "b@example.com" not in plans[0].to_bytes().decode()


def test_the_plan_lists_what_matters_now(tmp_path: Path) -> None:
    """What is not due, not wanted or sent long ago is for `explain`."""
    rules = RULES.replace("template: mail", "template: mail, window: office-hours")
    project = loaded(write_project(tmp_path, rules))
    source = orders({}, {"ordered": date(2026, 8, 24)}, {"cancelled": date(2026, 8, 21)}, {"parked": True}, {})
    source.record(Record("thanks", "", "E5", State.SENT, NOON))
    assert lines(planned(project, source)) == ["E1/thanks send", "E4/thanks held"]
    saturday = NOON - timedelta(days=2)
    assert lines(planned(project, source, now=saturday)) == ["E1/thanks outside_window", "E4/thanks held"]


def test_entries_are_sorted(tmp_path: Path) -> None:
    """By the time of sending, then rule, step and order; what has no time stands last."""
    rules = RULES + "  - {id: again, title: A, trigger: not cancelled, due: ordered, template: mail, window: mondays}\n"
    project = loaded(write_project(tmp_path, rules, settings=SETTINGS.replace("per_run: 3", "per_run: 99")))
    source = orders({"parked": True}, {}, {})
    assert lines(planned(project, source, now=NOON + timedelta(days=1))) == [
        "E2/thanks send",
        "E3/thanks send",
        "E2/again outside_window",
        "E3/again outside_window",
        "E1/again held",
        "E1/thanks held",
    ]


def test_same_rules_store_and_time_give_the_same_bytes(tmp_path: Path, shop: Project) -> None:
    """A plan made twice is byte by byte the same, whatever the order in which orders came."""
    given = [{"id": f"E{n}"} for n in range(3)]
    again = loaded(write_project(tmp_path, RULES))
    first, second = planned(shop, orders(*given)), planned(again, orders(*reversed(given)))
    assert first.to_bytes() == second.to_bytes()
    assert schemas.valid(json.loads(first.to_bytes()), "plan")
    assert planned(shop, orders(*given), now=NOON + timedelta(seconds=1)).id != first.id


def test_digest_follows_rules_settings_and_templates(tmp_path: Path) -> None:
    """A plan knows what it was made from: any edit gives another digest, an unrelated file does not."""
    folder = write_project(tmp_path, RULES)
    digests = [loaded(folder).digest]
    (folder / "notes.txt").write_text("unrelated", encoding="utf-8")
    assert loaded(folder).digest == digests[0]
    for path, text in (("sendplan.yaml", "# x\n"), ("rules/rules.yaml", "# x\n"), ("templates/mail.en.md", "x\n")):
        with (folder / path).open("a", encoding="utf-8") as file:
            file.write(text)
        digests.append(loaded(folder).digest)
    assert len(set(digests)) == 4


def test_params_of_the_account_count(tmp_path: Path) -> None:
    """An account's own params replace the project's, in expressions and in `${params.…}`."""
    settings = SETTINGS.replace(
        "accounts:\n",
        "params: {wait: 2 days, keep: 30 days}\n"
        "accounts:\n"
        "  fr: {portal: shop, params: {wait: 9 days}}\n"
        "  short: {portal: shop, params: {keep: 1 day}}\n",
    )
    rules = "rules:\n  - {id: thanks, title: T, trigger: not cancelled, due: ordered + params.wait, template: mail, expires: '${params.keep}'}\n"  # noqa: E501
    project = loaded(write_project(tmp_path, rules, settings=settings))
    source = orders({}, {"account": "fr"}, {"account": "short"})
    found = {each.facts.account: each.decisions[0] for each in decide_orders(project, source, Clock(NOON))}
    assert {name: (decision.reason.value, str(decision.due)) for name, decision in found.items()} == {
        "web": ("send", "2026-08-22"),
        "fr": ("not_due", "2026-08-29"),
        "short": ("expired", "2026-08-22"),
    }


def test_rules_and_accounts_narrow_a_plan(tmp_path: Path) -> None:
    """`--rule` and `--account` leave the rest out."""
    settings = SETTINGS.replace("accounts:\n", "accounts:\n  fr: {portal: shop}\n")
    rules = RULES + "  - {id: again, title: A, trigger: not cancelled, due: ordered, template: mail}\n"
    project = loaded(write_project(tmp_path, rules, settings=settings))
    source = orders({}, {"account": "fr"})
    assert lines(planned(project, source, rules=["again"])) == ["E1/again send", "E2/again send"]
    assert lines(planned(project, source, account="fr")) == ["E2/again send", "E2/thanks send"]


@pytest.mark.parametrize(("sends", "refused"), [(3, None), (4, "per_run")])
def test_a_larger_plan_than_allowed_is_refused(shop: Project, sends: int, refused: str | None) -> None:
    """`per_run` counts what would be sent now; held and later entries do not count."""
    plan = planned(shop, orders(*[{}] * sends, {"parked": True}))
    assert (plan.refused, plan.summary()["send"], plan.summary()["held"]) == (refused, sends, 1)


def test_time_travel(shop: Project) -> None:
    """With the clock set back, orders and events after it are not there yet."""
    source = orders({"cancelled": date(2026, 8, 23)}, {"ordered": date(2026, 8, 23)})
    assert lines(planned(shop, source, now=NOON - timedelta(days=2), replay=True)) == ["E1/thanks send"]
    assert lines(planned(shop, source)) == ["E2/thanks send"]


# --- warnings ---


def test_warns_of_an_empty_store(shop: Project) -> None:
    """Nothing to send may mean that nothing was imported."""
    assert planned(shop, MemoryOrders()).warnings == (
        "there are no orders in the store yet: run `sendplan import FILE`",
    )


def test_warns_of_fields_that_never_came(tmp_path: Path) -> None:
    """A rule that reads what no import of the account ever carried waits for ever; defaults and skips are no matter."""
    rules = RULES + "  - {id: later, title: L, trigger: not paid and portal == 'x', due: shipped, template: mail}\n"
    settings = SETTINGS.replace("portal: shop", "portal: shop}\n  fr: {portal: shop, skip: [later]").replace(
        "fresh_within: {paid: 36 hours}\n", ""
    )
    project = loaded(write_project(tmp_path, rules, settings=settings))
    source = orders({}, carried=("id", "account", "ordered", "cancelled"))
    source.carry("fr", ["id", "ordered", "cancelled"], NOON)
    assert planned(project, source).warnings == ("later: no import of account web ever carried `paid`, `shipped`",)
    source.carry("web", ["paid", "shipped"], NOON)
    assert planned(project, source).warnings == ()


def test_warns_of_what_was_missed(tmp_path: Path) -> None:
    """Messages that expired within the last days, though their rule was in runs before, are counted for a person."""
    project = loaded(write_project(tmp_path, RULES.replace("template: mail", "template: mail, expires: 2 days")))
    source = orders({"parked": True}, {}, {"cancelled": NOON}, carried=(*ORDER, "cancelled"))
    assert planned(project, source).warnings == ()
    source.note_run(["thanks"], NOON - timedelta(days=30))
    plan = planned(project, source)
    assert plan.entries == ()
    assert plan.warnings == ("thanks: 2 messages missed in the last 7 days; see `sendplan status`",)


def test_warns_of_what_waits_on_an_unknown(tmp_path: Path) -> None:
    """Due messages that only a missing field stops are counted by rule and field, and no others."""
    rules = RULES.replace("trigger: not cancelled", 'trigger: country != "CH" and not cancelled')
    project = loaded(write_project(tmp_path, rules))
    unknown = dict(ORDER)
    del unknown["country"]
    source = orders({}, carried=(*ORDER, "cancelled"))
    for id_, changes in {"E2": {}, "E3": {}, "E4": {"cancelled": NOON}, "E5": {"ordered": NOON}}.items():
        source.put(id_, "web", {"id": id_, "account": "web", **unknown, **changes})
    plan = planned(project, source)
    assert [each.order for each in plan.entries] == ["E1"]
    assert plan.warnings == ("thanks: 2 orders wait because `country` is missing",)


# --- one bad rule or order does not stop the others ---


def test_a_broken_rule_is_an_error_row(tmp_path: Path) -> None:
    """A rule that cannot be used is listed with its place and what is wrong; the others go on."""
    rules = RULES + "  - {id: odd, title: O, trigger: not canceled, due: ordered, template: mail}\n"
    project, problems = broken_project(write_project(tmp_path, rules))
    plan = planned(project, orders({}))
    assert [problem.code for problem in problems] == ["unknown-field"]
    assert lines(plan) == ["E1/thanks send", "odd error"]
    assert plan.entries[1].why == "rules/rules.yaml:3:38: there is no field `canceled`"
    assert schemas.valid(json.loads(plan.to_bytes()), "plan")


def test_a_broken_order_is_an_error_row(shop: Project) -> None:
    """An order that cannot be decided is listed; the others go on."""
    plan = planned(shop, orders({"ordered": date(9999, 12, 31)}, {}, {"account": "gone"}))
    assert lines(plan) == ["E2/thanks send", "E1/thanks error", "E3/thanks error"]


READER = "  - {id: reader, title: R, trigger: not cancelled, due: 'max(ordered, sent(\"SENT\") if set) + 1 day', template: mail}\n"  # noqa: E501


@pytest.mark.parametrize(
    ("rule", "sent"),
    [
        ("  - {id: odd, title: O, trigger: not canceled, due: ordered, template: mail}\n", "odd"),
        ("  - {id: odd, title: O, triger: not cancelled, due: ordered, template: mail}\n", "odd"),
        ("  - {id: odd, title: O, trigger: not cancelled, due: ordered, template: none}\n", "odd"),
        ("  - {id: thanks, title: O, trigger: not cancelled, due: ordered, template: mail}\n", "thanks"),
        ("  - {id: odd, title: O, trigger: paid, due: paid, ladder: {steps: [{id: one, templat: x}]}}\n", "odd/one"),
        ("  - {id: odd, title: O, trigger: paid, due: 'sent(\"odd\")', template: mail}\n", "odd"),
    ],
)  # fmt: skip
def test_a_reader_of_a_broken_rule_waits(tmp_path: Path, rule: str, sent: str) -> None:
    """A rule that reads what a broken rule sent has no mistake of its own: it waits until that rule is mended."""
    project, problems = broken_project(write_project(tmp_path, RULES + rule + READER.replace("SENT", sent)))
    assert problems
    assert not [problem for problem in problems if "there is no rule" in problem.message]
    (decided,) = decide_orders(project, orders({}), Clock(NOON))
    decision = next(each for each in decided.decisions if each.rule.id == "reader")
    assert (decision.reason.value, decision.why) == ("waiting", f"`{sent}` has not gone out yet")


def test_a_reader_of_a_rule_in_an_unreadable_file_waits(tmp_path: Path) -> None:
    """While a whole file cannot be read, any rule may stand in it, also one that an account skips."""
    settings = SETTINGS.replace("{portal: shop}", "{portal: shop, skip: [elsewhere]}")
    folder = write_project(tmp_path, RULES + READER.replace("SENT", "elsewhere"), settings=settings)
    (folder / "rules" / "other.yaml").write_text("rules: [", encoding="utf-8")
    project, problems = broken_project(folder)
    assert [problem.code for problem in problems] == ["yaml-syntax"]
    assert lines(planned(project, orders({}))) == ["E1/thanks send", "other.yaml error"]


def test_a_circle_stops_its_rules_only(tmp_path: Path) -> None:
    """Rules that wait for each other are in error, a third one is not."""
    circle = "".join(
        f"  - {{id: {id_}, title: C, trigger: paid, due: 'max(ordered, sent(\"{other}\") if set)', template: mail}}\n"
        for id_, other in (("a", "b"), ("b", "a"))
    )
    project, _ = broken_project(write_project(tmp_path, RULES + circle))
    assert lines(planned(project, orders({}))) == ["E1/thanks send", "a error", "b error"]


def test_rules_are_decided_after_those_that_they_read(tmp_path: Path) -> None:
    """The order of rules in their files has no meaning."""
    rules = RULES.replace("rules:\n", "rules:\n" + READER.replace("SENT", "thanks").replace("reader", "a-reader"))
    project = loaded(write_project(tmp_path, rules))
    assert [rule.id for rule in project.rules] == ["thanks", "a-reader"]
    assert lines(planned(project, orders({}))) == ["E1/thanks send"]


def test_a_problem_in_the_settings_stops_everything(tmp_path: Path) -> None:
    """With settings that cannot be used there is no project, and every problem is told at once."""
    settings = SETTINGS.replace("{country: DE}", "{country: Germany}", 1).replace("parked, reason", "parkd, reason")
    rules = RULES.replace("not cancelled", "not canceled")
    project, problems = projects.load(write_project(tmp_path, rules, settings=settings))
    assert project is None
    assert [problem.code for problem in problems] == ["wrong-value", "unknown-field"]


def test_a_rule_without_an_id_stops_no_other(tmp_path: Path) -> None:
    """A rule that has no id is in error under its file's name, also where a rule of that name is in order."""
    text = RULES + "  - {title: O, trigger: not cancelled, due: ordered, template: mail}\n"
    folder = write_project(tmp_path, text)
    (folder / "rules" / "rules.yaml").rename(folder / "rules" / "thanks.yaml")
    project, problems = broken_project(folder)
    assert [problem.code for problem in problems] == ["missing-key"]
    assert lines(planned(project, orders({}))) == ["E1/thanks send", "thanks.yaml error"]
