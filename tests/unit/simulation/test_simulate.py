"""Replay and forecast on a virtual clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_projects import Maker
from small_projects import SETTINGS, fill, loaded, write_project

from sendplan.cron import firings
from sendplan.fields import EVENTS, Value
from sendplan.ledger import History, MessageKey, Overrides, Record, Snooze, SnoozeSubject, Standing, State
from sendplan.plan import Reason
from sendplan.planning.planner import Clock, decide_order
from sendplan.project.project import Project
from sendplan.simulation.simulate import simulate, starts_of
from sendplan.simulation.walks import Send, Start
from sendplan.store import open_reader, open_store
from sendplan.store.records import StoredOrder

BUYER = "buyer@example.com"
NEWS = "classes: {news: {requires: items < 6}}\n"
DAILY = "0 6 * * *"
FIRST = date(2026, 3, 1)
DAYS = 45


def runs_of(project: Project, cron: str = DAILY, first: date = FIRST, days: int = DAYS) -> list[datetime]:
    calendar = project.settings.calendar
    start, end = calendar.instant(first), calendar.instant(first + timedelta(days=days))
    return list(firings(calendar, cron, start, end - timedelta(seconds=1)))


def order(id_: str, **values: Value) -> StoredOrder:
    known: dict[str, Value] = {"email": BUYER, "country": "DE", "total": Decimal("20.00"), "items": 1}
    return StoredOrder(id_, "web", 1, {"id": id_, "account": "web", **known, **values})


def said(project: Project, sends: Sequence[Send]) -> list[str]:
    return [f"{project.settings.calendar.text(send.at)[:16]} {send.key}" for send in sends]


# --- the short way and the long way ---


def decided_at_every_run(
    project: Project, start: Start, runs: Sequence[datetime], overrides: Overrides
) -> Iterator[Send]:
    """What `simulate` must give, without any thought of what can have changed."""
    history, records = start.history, dict(start.history.records)
    fields = [name for name, each in project.settings.fields.items() if not each.derived_from]
    for run in runs:
        imported = dict.fromkeys(project.settings.accounts, dict.fromkeys(fields, run))
        decided = decide_order(project, start.order, history, Standing(imported, overrides), Clock(run, replay=True))
        for decision in decided.decisions if decided else ():
            if decision.reason is Reason.SEND:
                assert decision.step is not None
                yield Send(run, decision.rule.id, decision.step.id or None, start.order.id, decision.region)
                records[decision.key] = Record(*decision.key, start.order.id, State.SENT, run)
        history = History(dict(records))


TRIGGERS = (
    "not cancelled",
    "open_amount >= 1.00 and not cancelled",
    "paid_amount >= 5.00 and not cancelled",
    "not buyer_feedback",
    "items < 6",
    'sent("first") is not set',
    'shipped or sent("first")',
    "delivered is not set",
)
DUES = (
    "ordered",
    "ordered + 3 days",
    "ordered + 1 month",
    "ordered + 1 quarter",
    "ordered + 5 business days",
    "payment_due + 36 hours",
    "shipped + 7 days",
    "max(shipped, seller_feedback) + 4 days",
    'max(ordered, sent("first") if set) + 2 days',
    'sent("first") + 1 day',
    'min(payment_due, sent("first") if set) + 3 weeks',
    'payment_due + (14 days if country == "CH" else 36 hours if items > 5 else 1 week)',
    "(shipped + 2 days if paid else ordered + 9 days)",
    'ordered + 2 days if sent("first") is not set else sent("first") + 1 week',
)
OPTIONS = (
    "",
    "window: office-hours",
    "window: mondays",
    "window: early",
    "window: shifts",
    "window: night",
    "expires: 3 days",
    "expires: 12 hours",
    "lookback: 10 days",
    "lookback: 1 month",
    "orders_from: 2026-03-10",
    "lookback: 1 quarter",
    "expires: 1 month",
    "class: news",
    "formerly: [gone, old/one]",
)


def rule_text(id_: str, trigger: str, due: str, options: frozenset[str], ladder: bool) -> str:
    if id_ == "first":  # a rule may not read its own message
        trigger = "not cancelled" if "sent" in trigger else trigger
        due = "ordered" if "sent" in due else due
    keys = {each.partition(":")[0]: each for each in sorted(options) if each}
    lines = [f"- id: {id_}", f"title: {id_}", f"trigger: {trigger}", f"due: {due}", *keys.values()]
    steps = "[{id: one, template: mail}, {id: two, template: mail, after: 3 days, window: mondays}]"
    one_step = not ladder or id_ == "first"
    lines += ["template: mail"] if one_step else ["ladder:", "  every: 5 days", f"  steps: {steps}"]
    return "\n    ".join(lines)


RULES = st.tuples(
    st.sampled_from(TRIGGERS), st.sampled_from(DUES), st.frozensets(st.sampled_from(OPTIONS), max_size=4), st.booleans()
)
DAY = st.integers(-40, DAYS + 5).map(lambda days: FIRST + timedelta(days=days))
INSTANT = st.integers(-40 * 24, DAYS * 24).map(lambda hours: datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=hours))


KEYS: tuple[MessageKey, ...] = (
    *(("first", ""), ("second", "one"), ("second", "left-out"), ("third", "two")),
    *(("gone", ""), ("gone", "two"), ("old", "one")),
)
"""Messages of today, and those whose step or rule is gone by now."""


@st.composite
def people(draw: st.DrawFn) -> Overrides:
    """What a person put off or stopped for the buyer: for all rules or one, all mail or one class, also of old."""
    snoozes = {}
    for subject in draw(st.sets(st.sampled_from(((SnoozeSubject.ORDER, "E1"), (SnoozeSubject.ADDRESS, BUYER))))):
        rule, until = draw(st.sampled_from(("", "first", "second", "gone"))), draw(DAY)
        snoozes[subject] = (Snooze(*subject, until, datetime(2026, 2, 20, tzinfo=UTC), rule),)
    classes = draw(st.sets(st.sampled_from(("", "news", "of-old")), max_size=1))
    return Overrides({BUYER: dict.fromkeys(classes, "")} if classes else {}, snoozes)


@st.composite
def orders(draw: st.DrawFn) -> Start:
    values: dict[str, Value] = {"ordered": draw(DAY | INSTANT)}
    for name in draw(st.sets(st.sampled_from((*EVENTS, "payment_due")), max_size=5)):
        values[name] = draw(DAY | INSTANT)
    if draw(st.booleans()):
        values["paid_amount"] = Decimal(draw(st.sampled_from(("3.00", "20.00"))))
    values["items"] = draw(st.sampled_from((1, 7)))
    values["parked"] = draw(st.sampled_from((False, False, True)))
    records = {}
    if draw(st.booleans()):
        state = draw(st.sampled_from((State.SENT, State.DEFERRED, State.FAILED, State.UNCERTAIN, State.DROPPED)))
        retry = draw(INSTANT) if state is State.DEFERRED else None
        key = draw(st.sampled_from(KEYS))
        records[key] = Record(*key, "E1", state, datetime(2026, 2, 20, tzinfo=UTC), 1, retry)
    return Start(order("E1", **values), History(records))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rules=st.lists(RULES, min_size=1, max_size=3),
    starts=st.lists(orders(), min_size=1, max_size=8),
    cron=st.sampled_from((DAILY, "0 */9 * * *", "30 17 * * mon,thu")),
    overrides=st.just(Overrides()) | people(),
    weekend=st.sampled_from(("[sat, sun]", "[fri, sat]", "[]")),
)
def test_only_what_can_change_is_looked_at(
    tmp_path: Path,
    rules: list[tuple[str, str, frozenset[str], bool]],
    starts: list[Start],
    cron: str,
    overrides: Overrides,
    weekend: str,
) -> None:
    """A simulation that skips the runs without news gives the same sends as one that decides everything in each run."""
    names = ("first", "second", "third")
    texts = [rule_text(name, *rule) for name, rule in zip(names, rules, strict=False)]
    config = SETTINGS.replace("country: DE}", f"country: DE, weekend: {weekend}}}", 1) + NEWS
    project = loaded(write_project(tmp_path, "rules:\n  " + "\n  ".join(texts), settings=config))
    runs = runs_of(project, cron)
    for start in starts:
        expected = sorted(decided_at_every_run(project, start, runs, overrides), key=Send.sort_key)
        assert list(simulate(project, [start], runs, overrides=overrides).sends) == expected


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(min_value=0))
def test_compiled_rules_send_what_the_interpreter_sends(seed: int) -> None:
    """Whatever rules, orders, ledger and runs are, the short way through compiled rules gives the same sends."""
    random = Random(seed)
    world = Maker(random).world()
    project, step = world.project, random.choice((timedelta(days=1), timedelta(hours=7), timedelta(minutes=1207)))
    runs = [world.clock.now + number * step for number in range(-random.randint(0, 20), 15)]
    records = [{(each.rule, each.step): each for each in world.records if each.order == f"O{n}"} for n in range(12)]
    starts = [
        Start(StoredOrder(f"O{n}", str(values["account"]), 1, values), History(records[n] if n % 3 else {}))
        for n, values in enumerate(world.orders)
    ]
    sends = (decided_at_every_run(project, start, runs, world.overrides) for start in starts)
    expected = sorted((each for own in sends for each in own), key=Send.sort_key)
    assert list(simulate(project, starts, runs, overrides=world.overrides).sends) == expected


# --- what a replay shows ---


def rules_file(*rules: str) -> str:
    return "rules:\n" + "".join(f"  - {rule}\n" for rule in rules)


LADDER = (
    "{id: dunning, title: Dunning, trigger: open_amount >= 1.00, due: payment_due + 7 days, ladder: {every: 7 days, "
    "steps: [{id: reminder, template: mail}, {id: first, template: mail}, {id: second, template: mail}]}}"
)


def test_a_ladder_stops_when_the_buyer_pays(tmp_path: Path) -> None:
    """Each step follows the one before after its interval, and none after the day on which the money came."""
    project = loaded(write_project(tmp_path, rules_file(LADDER)))
    start = Start(order("E1", ordered=date(2026, 3, 2), paid=date(2026, 3, 20)), History())
    sends = simulate(project, [start], runs_of(project)).sends
    assert said(project, sends) == ["2026-03-09T06:00 E1/dunning/reminder", "2026-03-16T06:00 E1/dunning/first"]
    assert [send.region for send in sends] == ["domestic", "domestic"]


def test_an_order_is_not_there_before_it_was_made(tmp_path: Path) -> None:
    """Neither an order nor a later event shows before its time."""
    rule = "{id: thanks, title: Thanks, trigger: not cancelled, due: shipped, template: mail}"
    project = loaded(write_project(tmp_path, rules_file(rule)))
    ordered = datetime(2026, 3, 4, 12, tzinfo=UTC)
    starts = [
        Start(order("E1", ordered=ordered, shipped=date(2026, 3, 3)), History()),
        Start(order("E2", ordered=ordered, shipped=date(2026, 3, 9), cancelled=date(2026, 3, 10)), History()),
        Start(order("E3", ordered=ordered, shipped=date(2026, 3, 9), cancelled=date(2026, 3, 9)), History()),
    ]
    sends = simulate(project, starts, runs_of(project)).sends
    assert said(project, sends) == ["2026-03-05T06:00 E1/thanks", "2026-03-09T06:00 E2/thanks"]


def test_who_waits_for_a_message_goes_on_when_that_has_expired(tmp_path: Path) -> None:
    """A message that finds no open window in time frees the one that waited for it."""
    project = loaded(
        write_project(
            tmp_path,
            rules_file(
                "{id: first, title: First, trigger: not cancelled, due: ordered, template: mail, "
                "window: office-hours, expires: 3 days}",
                "{id: second, title: Second, trigger: not cancelled, template: mail, "
                "due: 'max(ordered, sent(\"first\") if set)'}",
            ),
        )
    )
    start = Start(order("E1", ordered=date(2026, 3, 2)), History())
    assert said(project, simulate(project, [start], runs_of(project)).sends) == ["2026-03-05T06:00 E1/second"]


def test_a_payment_that_is_hidden_hides_its_amount(tmp_path: Path) -> None:
    """What was paid comes to light together with the day on which it was."""
    rule = "{id: thanks, title: Thanks, trigger: paid_amount >= 5.00, due: ordered, template: mail}"
    project = loaded(write_project(tmp_path, rules_file(rule)))
    paid = order("E1", ordered=date(2026, 3, 2), paid=date(2026, 3, 6), paid_amount=Decimal("20.00"))
    assert said(project, simulate(project, [Start(paid, History())], runs_of(project)).sends) == [
        "2026-03-06T06:00 E1/thanks"
    ]


def test_suppressed_addresses_get_nothing(tmp_path: Path) -> None:
    """An address on the suppression list is left out of the forecast."""
    project = loaded(write_project(tmp_path, rules_file(LADDER)))
    start = Start(order("E1", ordered=date(2026, 3, 2)), History())
    runs = runs_of(project)
    assert len(simulate(project, [start], runs).sends) == 3
    assert simulate(project, [start], runs, overrides=Overrides({"buyer@example.com": {"": ""}})).sends == ()


def test_orders_in_error_are_counted(tmp_path: Path) -> None:
    """A date beyond the calendar makes an error of its rule, and the others go on."""
    rules = (
        "{id: far, title: Far, trigger: not cancelled, due: ordered + 999999 months, template: mail}",
        "{id: near, title: Near, trigger: not cancelled, due: ordered, template: mail}",
    )
    project = loaded(write_project(tmp_path, rules_file(*rules)))
    done = simulate(project, [Start(order("E1", ordered=date(2026, 3, 2)), History())], runs_of(project))
    assert done.errors == {"far": 1}
    assert said(project, done.sends) == ["2026-03-02T06:00 E1/near"]


@pytest.mark.parametrize(("limit", "expected"), [(None, []), (2, []), (1, ["2026-03-09"])])
def test_runs_over_the_limit_are_named(tmp_path: Path, limit: int | None, expected: list[str]) -> None:
    """A run that sends more than `limits.per_run` is told apart, and counts all the same."""
    project = loaded(write_project(tmp_path, rules_file(LADDER)))
    starts = [
        Start(order(id_, ordered=date(2026, 3, day), paid=date(2026, 3, 15)), History())
        for id_, day in (("E1", 2), ("E2", 2), ("E3", 3))
    ]
    done = simulate(project, starts, runs_of(project))
    assert len(done.sends) == 3
    assert [project.settings.calendar.text(run)[:10] for run, _ in done.refused(limit)] == expected


# --- where it starts ---


def test_the_ledger_starts_as_it_stood(tmp_path: Path) -> None:
    """What was sent before the first day is in the ledger, what came later is not, and a failure then open is one."""
    project = loaded(write_project(tmp_path, rules_file(LADDER)))
    days = {"E1": 3, "E2": 3, "E3": 3, "E4": 3}
    orders: list[dict[str, Value]] = [
        {"id": id_, "account": "web", "ordered": date(2026, 3, day)} for id_, day in days.items()
    ]
    fill(project, *orders)
    config = project.settings
    store = open_store(config.store, config.folder, config.fields, config.calendar)
    key = ("dunning", "reminder")

    def at(day: int) -> datetime:
        return datetime(2026, 3, day, 12, tzinfo=UTC)

    assert store.move("E1", key, State.SENT, at=at(10))
    assert store.move("E2", key, State.SENT, at=at(20))
    assert store.move("E3", key, State.DROPPED, at=at(10))
    assert store.move("E3", key, State.SENT, at=at(20))
    store.close()
    reader = open_reader(config.store, config.folder, config.fields, config.calendar)
    states = {
        start.order.id: [record.state for record in start.history.records.values()]
        for start in starts_of(reader, at(15))
    }
    assert states == {"E1": [State.SENT], "E2": [], "E3": [State.DROPPED], "E4": []}
