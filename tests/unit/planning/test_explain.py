"""The explanation is the decision: told from its own checks, whatever the rules, orders and people say."""

from __future__ import annotations

from random import Random

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from random_projects import Maker, decisions

from sendplan.deciding.decide import decide
from sendplan.expressions import Environment, Missing
from sendplan.plan import Reason
from sendplan.planning.explain import explanation_json, explanation_text, next_change


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@example(seed=0)
@given(seed=st.integers(min_value=0))
def test_what_is_explained_is_what_was_decided(seed: int) -> None:
    """Reason, values under every condition and the next change are those of the decision, and one question decides."""
    world = Maker(Random(seed)).world()
    config = world.project.settings
    for decision in decisions(world):
        change = next_change(decision, config)
        told = explanation_json(decision, change, config.calendar)
        text = explanation_text(decision, change, config.calendar)
        assert told["reason"] == decision.reason
        assert text.splitlines()[0].endswith(f"{decision.reason} — {decision.why}")
        failed = [check["reason"] for check in told["checks"] if not check["passed"]]
        beyond_the_calendar = decision.reason is Reason.ERROR and not failed
        assert beyond_the_calendar or failed == [decision.reason] * (decision.reason is not Reason.SEND)
        situation = decision.situation
        account = config.accounts.get(situation.facts.account)
        params = account.params if account else config.params
        for expression in (each for check in decision.checks for each in check.evaluated):
            again = expression.evaluate(Environment(situation.facts.values, config.calendar, params, situation.sent))
            assert decision.traced(expression).value == (None if isinstance(again, Missing) else again)
        if change is not None:
            later = decide(decision.rule, config, situation.later(change.at, decision.key))
            assert told["next_change"]["reason"] == later.reason != decision.reason
