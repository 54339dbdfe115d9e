"""`plan --funnel`: per rule, how many orders fell at each reason, and the orders nearest to each.

See docs/commands.md#sendplan-plan.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import field
from datetime import date
from typing import Any, assert_never

from sendplan.calendar import Calendar
from sendplan.dataclass import dataclass
from sendplan.deciding.decision import Decision
from sendplan.fields import Moment
from sendplan.plan import Reason
from sendplan.planning.planner import OrderDecisions
from sendplan.text import counted

NEAREST = 3
"""Orders that are named at each reason."""

_ORDER = {reason: place for place, reason in enumerate(Reason)}


@dataclass(frozen=True, slots=True)
class Near:
    """An order at a reason."""

    order: str
    what: str
    """What makes it near: `due`, `leaves` (the next sending time), `expires`, else `ordered`."""
    at: Moment
    why: str


@dataclass(frozen=True, slots=True)
class Stage:
    """One reason at which orders of a rule fell."""

    reason: Reason
    count: int
    nearest: tuple[Near, ...]


@dataclass(frozen=True, slots=True)
class Funnel:
    """One rule's orders by reason, in the order in which the questions are asked."""

    rule: str
    orders: int
    stages: tuple[Stage, ...]

    def text(self) -> str:
        """`12,410 orders: 9,900 trigger_false, 2,100 not_due, 214 send`."""
        return (
            f"{counted(self.orders, 'order')}: {', '.join(f'{stage.count:,} {stage.reason}' for stage in self.stages)}"
        )


@dataclass(slots=True)
class _Bucket:
    calendar: Calendar
    count: int = 0
    nearest: list[tuple[float, int, Near]] = field(default_factory=list)
    """A heap with the farthest on top."""

    def add(self, decision: Decision) -> None:
        self.count += 1
        what, at = _measure(decision)
        time = self.calendar.instant(at).timestamp()
        nearness = -time if what in ("due", "leaves") else time
        # The count settles ties for the earlier order, so that the same store always names the same ones.
        full = len(self.nearest) == NEAREST
        if full and (nearness, -self.count) < self.nearest[0][:2]:
            return
        item = (nearness, -self.count, Near(decision.situation.facts.id, what, at, decision.why))
        if full:
            heapq.heapreplace(self.nearest, item)
        else:
            heapq.heappush(self.nearest, item)


def funnels(decided: Iterable[OrderDecisions], calendar: Calendar) -> tuple[Funnel, ...]:
    """The funnel of every rule that looked at an order, by rule; the orders are streamed."""
    buckets: dict[str, dict[Reason, _Bucket]] = {}
    for each in decided:
        for decision in each.decisions:
            reasons = buckets.setdefault(decision.rule.id, {})
            if decision.reason not in reasons:
                reasons[decision.reason] = _Bucket(calendar)
            reasons[decision.reason].add(decision)
    return tuple(_funnel(rule, buckets[rule]) for rule in sorted(buckets))


def _funnel(rule: str, buckets: dict[Reason, _Bucket]) -> Funnel:
    stages = tuple(
        Stage(reason, buckets[reason].count, tuple(near for _, _, near in sorted(buckets[reason].nearest)[::-1]))
        for reason in sorted(buckets, key=_ORDER.__getitem__)
    )
    return Funnel(rule, sum(stage.count for stage in stages), stages)


def _measure(decision: Decision) -> tuple[str, Moment]:
    """What says how near an order is to this decision's becoming another one, or to having been one."""
    match decision.reason:
        case Reason.NOT_DUE:
            what, moment = "due", decision.due
        case Reason.OUTSIDE_WINDOW | Reason.RETRY_LATER:
            what, moment = "leaves", decision.send_at
        case Reason.EXPIRED:
            what, moment = "expires", decision.expires_at
        case (
            Reason.ERROR
            | Reason.ACCOUNT_SKIPS_RULE
            | Reason.DISABLED
            | Reason.ALREADY_SENT
            | Reason.IN_FLIGHT
            | Reason.UNRESOLVED
            | Reason.PREDECESSOR_UNSENT
            | Reason.BEFORE_START
            | Reason.TOO_OLD
            | Reason.TRIGGER_FALSE
            | Reason.TRIGGER_UNKNOWN
            | Reason.REGION_EXCLUDED
            | Reason.CLASS_BLOCKED
            | Reason.SUPPRESSED
            | Reason.NO_ADDRESS
            | Reason.WAITING
            | Reason.HELD
            | Reason.PAUSED
            | Reason.STALE_DATA
            | Reason.SEND
        ):
            what, moment = "ordered", None
        case _:
            assert_never(decision.reason)
    if moment is not None:
        return what, moment
    ordered = decision.situation.facts.values["ordered"]
    assert isinstance(ordered, date)
    return "ordered", ordered


def funnels_json(found: Iterable[Funnel], calendar: Calendar) -> dict[str, Any]:
    """The funnels for machines."""
    return {
        "funnels": [
            {
                "rule": funnel.rule,
                "orders": funnel.orders,
                "reasons": [
                    {
                        "reason": stage.reason.value,
                        "count": stage.count,
                        "nearest": [
                            {"order": near.order, near.what: calendar.text(near.at), "why": near.why}
                            for near in stage.nearest
                        ],
                    }
                    for stage in funnel.stages
                ],
            }
            for funnel in found
        ]
    }
