"""A compiled rule decides as the interpreter does, order for order; when it is not sure, it says so."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_projects import FIELDS, Maker, World
from small_projects import fill, loaded, write_project

from sendplan.deciding.candidates import CandidateSearch, searches
from sendplan.deciding.decision import Decision
from sendplan.deciding.missed import missed_at
from sendplan.deciding.waits_on_unknown import waits_on
from sendplan.fields import Value
from sendplan.ledger import History, Record, Standing
from sendplan.plan import Reason
from sendplan.planning.compiled.cells import Unusual, cells_of
from sendplan.planning.compiled.rule_code import ASK, StepWriter
from sendplan.planning.compiled.search import CompiledSearch, compiled_search
from sendplan.planning.entries import entry_of
from sendplan.planning.planner import Clock, by_present_account, decide_order, make_plan
from sendplan.project.project import Project
from sendplan.store import Reader, open_reader
from sendplan.store.records import OrderCells, StoredOrder
from sendplan.store.sql.encoding import Codec, encode_instant

ORDER: dict[str, Value] = {"account": "web", "email": "b@example.com", "ordered": date(2026, 1, 4), "country": "DE"}
EXAMPLES = int(os.environ.get("SENDPLAN_EXAMPLES", "150"))
"""How many random worlds are tried."""


def crowded(seed: int) -> World:
    """A random world with more orders than others have: few of them are due for a message."""
    maker = Maker(Random(seed))
    world = maker.world()
    count = 40
    orders = tuple(maker.order(number) for number in range(count))
    return replace(world, orders=orders, records=maker.records(world.project.rules, count))


def reader_of(project: Project) -> Reader:
    config = project.settings
    return open_reader(config.store, config.folder, config.fields, config.calendar)


def lines_of(history: History, rules: frozenset[str] | None) -> str | None:
    """The ledger as a store gives it beside an order's cells."""
    rows = [each for each in history.records.values() if rules is None or each.rule in rules]
    return "\n".join(map(line_of, rows)) or None


def line_of(row: Record) -> str:
    retry = encode_instant(row.next_attempt) if row.next_attempt else ""
    return f"{row.rule}|{row.step}|{row.state}|{encode_instant(row.at)}|{retry}"


def row_of(
    search: CandidateSearch, columns: tuple[str, ...], order: StoredOrder, history: History, codec: Codec
) -> OrderCells:
    """The order as a SQL store would give it."""
    cells = cells_of(order.values, [FIELDS[name] for name in columns], codec)
    return (order.id, order.account, lines_of(history, search.ledger), history.refused is not None, *cells)


def compare(world: World) -> Counter[str]:
    """Decide on every order of a random world both ways; how often which answer was given."""
    project, clock, answers = world.project, world.clock, Counter[str]()
    imported: dict[str, dict[str, datetime]] = {}
    for (account, name), at in world.imported.items():
        imported.setdefault(account, {})[name] = at
    standing = Standing(by_present_account(imported, project.settings), world.overrides)
    codec = Codec(project.settings.calendar)
    accounts = {str(values["account"]) for values in world.orders}
    for search in searches(project, clock.now, clock.now if clock.replay else None, accounts):
        compiled = compiled_search(project, search, standing, clock.now, hidden=clock.replay)
        if compiled is None:
            answers["no function"] += 1
            continue
        for values in world.orders:
            order = StoredOrder(str(values["id"]), str(values["account"]), 1, values)
            if project.settings.present_account(order.account) not in search.accounts:
                continue
            records = {(each.rule, each.step): each for each in world.records if each.order == order.id}
            history = History(records, world.refused.get(order.id))
            decided = decide_order(project, order, history, standing, clock, rules=search.decided)
            try:
                row = row_of(search, compiled.columns, order, history, codec)
            except Unusual:
                continue
            decision = next((each for each in decided.decisions if search.speaks_of(each)), None) if decided else None
            answers[check(world, compiled, row, decision)] += 1
    return answers


def check(world: World, compiled: CompiledSearch, row: OrderCells, decision: Decision | None) -> str:
    """Compare one answer with the interpreter's decision."""
    found = compiled.rule.decide(row, compiled.clocks)
    if found is ASK:
        return "ask"
    if found is None:
        if decision is not None:
            assert decision.status is None, decision
            assert not waits_on(decision, world.project.settings), decision
            long_ago = dict.fromkeys(decision.rule.ids, world.clock.now - timedelta(days=90))
            assert missed_at(decision, world.project.settings, long_ago, None) is None, decision
        return "nothing"
    assert decision is not None
    assert decision.status is not None, decision
    expected = entry_of(world.project, decision.situation.facts, decision)
    # Of alike answers the first lends its words, as the interpreter does in a plan.
    compiled.compare([found], lambda ids: {ids[0]: expected})
    assert compiled.entry(found) == expected
    assert list(compiled.entry(found).facts) == list(expected.facts)
    return str(found.kind.reason)


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(min_value=0))
def test_a_compiled_rule_decides_as_the_interpreter_does(seed: int) -> None:
    """Whatever rules, orders, ledger and clock are, a compiled rule lists the same messages with the same words."""
    compare(crowded(seed))


def test_what_a_compiled_rule_gets_wrong_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan trusts the interpreter where a compiled rule decides otherwise, and asks for a report of that."""
    rule = "{id: thanks, title: Thanks, trigger: not cancelled, due: ordered, template: mail}"
    project = loaded(write_project(tmp_path, f"rules:\n  - {rule}\n"))
    fill(project, *({**ORDER, "id": f"E{number}", "parked": number < 2} for number in range(4)))
    monkeypatch.setattr(StepWriter, "_held", lambda writer: None)
    plan = make_plan(project, reader_of(project), Clock(datetime(2026, 1, 5, 12, tzinfo=UTC)))
    assert [(each.order, each.reason) for each in plan.entries] == [
        ("E2", Reason.SEND),
        ("E3", Reason.SEND),
        ("E0", Reason.HELD),
        ("E1", Reason.HELD),
    ]
    assert plan.warnings == (
        "thanks: a mistake in sendplan, please report it: the compiled form of this rule decided otherwise than the "
        "rule itself; what stands here is decided by the rule itself",
    )


def test_a_compiled_rule_seldom_asks() -> None:
    """Most of what random rules say is decided without the interpreter, all kinds of reasons among it."""
    answers = sum((compare(crowded(seed)) for seed in range(120)), Counter[str]())
    assert answers["ask"] + answers["no function"] < 0.6 * answers.total(), answers
    assert {"send", "held", "outside_window", "retry_later"} <= answers.keys(), answers
