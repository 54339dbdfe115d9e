"""When time alone changes a decision: no answer turns before the moment that its check names."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from random_projects import Maker, World, decisions

from sendplan.deciding.decide import decide
from sendplan.deciding.decision import Check, Decision
from sendplan.expressions import Kind
from sendplan.project.rules import Step
from sendplan.units import Duration, Unit

INSTANT = timedelta(microseconds=1)
FAR = timedelta(days=400)
LOOKS = 4
"""How many changes of a decision are followed."""


def timely(maker: Maker) -> World:
    """A world in which only time matters: every message is due, has a window and an end, and is asked nothing else."""
    world = maker.world()
    due = maker.compiled("ordered", Kind.MOMENT, {})

    def step(each: Step) -> Step:
        expires = each.expires or Duration(maker.random.choice((4, 50, 300, 1000)), Unit.HOURS)
        window = each.window or maker.random.choice(tuple(world.project.settings.windows))
        return replace(each, triggers=(), regions=None, klass="transactional", expires=expires, window=window)

    rules = tuple(
        replace(rule, enabled=True, due=due, steps=tuple(map(step, rule.written)), orders_from=None)
        for rule in world.project.rules
    )
    project = replace(world.project, rules=rules, by_account=dict.fromkeys(world.project.by_account, rules))
    orders = tuple({**each, "email": "a@example.com"} for each in world.orders)
    return replace(world, project=project, orders=orders)


def answers(checks: tuple[Check, ...]) -> list[tuple[str, bool]]:
    return [(check.reason, check.passed) for check in checks]


def at(world: World, decision: Decision, later: datetime) -> Decision:
    situation = decision.situation.later(later, decision.key)
    return decide(decision.rule, world.project.settings, situation)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@example(seed=0, part=0.5, only_time=True)
@given(seed=st.integers(min_value=0), part=st.floats(0, 1), only_time=st.booleans())
def test_no_answer_changes_before_its_time(seed: int, part: float, only_time: bool) -> None:
    """Up to the last instant before the moment named, deciding again on the same data answers every question alike."""
    maker = Maker(Random(seed))
    world = timely(maker) if only_time else maker.world()
    for decision in decisions(world):
        for _ in range(LOOKS):
            now, end = decision.situation.now, decision.until or decision.situation.now + FAR
            assert end > now
            for later in (end - INSTANT, now + (end - INSTANT - now) * part):
                again = at(world, decision, later)
                assert answers(again.checks) == answers(decision.checks), (later, decision.why, again.why)
            if decision.until is None:
                break
            decision = at(world, decision, end)
