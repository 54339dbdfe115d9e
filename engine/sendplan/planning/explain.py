"""Why, and why not: a decision's own checks as text and JSON, and the next moment at which something changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sendplan.addresses import mask_all
from sendplan.calendar import Calendar
from sendplan.dataclass import dataclass
from sendplan.deciding.decide import decide
from sendplan.deciding.decision import Check, Decision
from sendplan.expressions import Evaluated, Expression, Traced
from sendplan.expressions.nodes import FieldRef, Literal, ParamRef, Sent
from sendplan.fields import PERSONAL
from sendplan.plan import Reason
from sendplan.planning.entries import fact_json
from sendplan.project.settings import Settings

_LOOKS = 1000
"""How often it is asked again; a window that is open day and night would never end."""


@dataclass(frozen=True, slots=True)
class NextChange:
    """The next moment at which a decision becomes another one, if no data changes until then."""

    at: datetime
    """UTC."""
    reason: Reason


def next_change(decision: Decision, settings: Settings) -> NextChange | None:
    """Decide again, on the same data, whenever time alone may make a difference."""
    later = decision
    for _ in range(_LOOKS):
        moment = later.until
        if moment is None:
            break
        situation = decision.situation.later(moment, decision.key)
        later = decide(decision.rule, settings, situation)
        if later.reason is not decision.reason:
            return NextChange(moment, later.reason)
    return None


# --- text ---


def message_of(decision: Decision) -> str:
    """`RULE`, or `RULE/STEP` where the question gets that far."""
    return "/".join(part for part in (decision.rule.id, decision.step.id if decision.step else "") if part)


def explanation_text(
    decision: Decision, change: NextChange | None, calendar: Calendar, told: set[tuple[str, ...]] | None = None
) -> str:
    """One rule's decision with every check, and the values under every part of the conditions.

    `told` are the conditions that stand above this text already, which are not told again; these are added.
    """
    told = set() if told is None else told
    lines = [f"{message_of(decision)}: {decision.reason} — {decision.why}"]
    if decision.rule.ladder:
        states = (
            f"{step} {state} {calendar.day(at)}" if at else f"{step} {state}" for step, state, at in _ladder(decision)
        )
        lines.append(f"  ladder          {', '.join(states)}")
    for check in decision.checks:
        lines.append(f"  {'✓' if check.passed else '✗'} {check_name(check):<13} {check.why}")
        for expression in check.evaluated:
            tree = tuple(_tree(expression, decision.traced(expression), calendar, 2))
            lines += tree if tree not in told or len(tree) == 1 else [f"{tree[0]} (as above)"]
            told.add(tree)
    if change is not None:
        lines.append(f"  next change   {calendar.text(change.at)}: {change.reason}")
    return "\n".join(lines)


def _ladder(decision: Decision) -> Iterator[tuple[str, str, datetime | None]]:
    """Every active step of a ladder, its state in the ledger, and since when (UTC)."""
    for step in decision.rule.steps:
        record = decision.situation.history.find(step.keys)
        yield (step.id, record.state.value, record.at) if record is not None else (step.id, "open", None)


def _tree(expression: Expression, traced: Traced, calendar: Calendar, depth: int) -> list[str]:
    if isinstance(traced.node, Literal):
        return []
    text = expression.text[traced.node.start : traced.node.end]
    leaf = isinstance(traced.node, FieldRef | ParamRef | Sent)
    shown = value_text(traced, calendar)
    if traced.parts and len(traced.parts) == 1 and traced.parts[0].node is traced.node:
        # A moment or flag read as a condition: one line says both.
        inner = traced.parts[0]
        return [f"{'  ' * depth}{text} = {shown} ({value_text(inner, calendar)})"]
    lines = [f"{'  ' * depth}{text} = {shown}"]
    if not leaf:
        for part in traced.parts:
            lines += _tree(expression, part, calendar, depth + 1)
    return lines


def value_text(traced: Traced, calendar: Calendar) -> str:
    """A value as people read it; what is missing says so, and personal values stay hidden."""
    if isinstance(traced.node, FieldRef) and traced.node.name in PERSONAL and traced.value is not None:
        return "(set)"
    if traced.value is None:
        return f"unknown ({', '.join(traced.missing)} missing)" if traced.parts else "missing"
    return _plain(traced.value, calendar)


def _plain(value: Evaluated, calendar: Calendar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return mask_all(f"[{', '.join(map(str, value))}]")
    return mask_all(str(fact_json(value, calendar)))  # type: ignore[arg-type]


def _masked(fact: Any) -> Any:
    """`customer` holds the buyer's address where the shop names no customer, and other fields may as well."""
    if isinstance(fact, list):
        return [_masked(each) for each in fact]
    return mask_all(fact) if isinstance(fact, str) else fact


def check_name(check: Check) -> str:
    """The question that a check asks, in one or two words."""
    return QUESTIONS[check.reason]


QUESTIONS: Mapping[Reason, str] = {
    Reason.ERROR: "account",
    Reason.ACCOUNT_SKIPS_RULE: "account",
    Reason.DISABLED: "switched on",
    Reason.ALREADY_SENT: "ledger",
    Reason.IN_FLIGHT: "ledger",
    Reason.UNRESOLVED: "ledger",
    Reason.PREDECESSOR_UNSENT: "ladder",
    Reason.BEFORE_START: "orders from",
    Reason.TOO_OLD: "lookback",
    Reason.TRIGGER_FALSE: "trigger",
    Reason.TRIGGER_UNKNOWN: "trigger",
    Reason.REGION_EXCLUDED: "region",
    Reason.CLASS_BLOCKED: "class",
    Reason.SUPPRESSED: "suppressed",
    Reason.NO_ADDRESS: "address",
    Reason.WAITING: "due date",
    Reason.NOT_DUE: "due",
    Reason.EXPIRED: "expires",
    Reason.HELD: "holds",
    Reason.PAUSED: "paused",
    Reason.STALE_DATA: "fresh data",
    Reason.RETRY_LATER: "retry",
    Reason.OUTSIDE_WINDOW: "window",
    Reason.SEND: "send",
}
"""What each question is called; no question ends in `send`."""


# --- JSON ---


def explanation_json(decision: Decision, change: NextChange | None, calendar: Calendar) -> dict[str, Any]:
    """The same for machines."""
    return {
        "rule": decision.rule.id,
        "step": (decision.step.id or None) if decision.step else None,
        "reason": decision.reason.value,
        "status": decision.status.value if decision.status else None,
        "why": decision.why,
        "region": decision.region,
        "due": calendar.text(decision.due) if decision.due is not None else None,
        "expires_at": calendar.text(decision.expires_at) if decision.expires_at is not None else None,
        "send_at": calendar.text(decision.send_at) if decision.send_at is not None else None,
        "facts": {name: _masked(fact_json(value, calendar)) for name, value in decision.facts.items()},
        "ladder": [
            {"step": step, "state": state, "at": calendar.text(at) if at else None}
            for step, state, at in (_ladder(decision) if decision.rule.ladder else ())
        ],
        "checks": [
            {
                "reason": check.reason.value,
                "passed": check.passed,
                "why": check.why,
                "evaluated": [_tree_json(each, decision.traced(each), calendar) for each in check.evaluated],
            }
            for check in decision.checks
        ],
        "next_change": {"at": calendar.text(change.at), "reason": change.reason.value} if change else None,
    }


def _tree_json(expression: Expression, traced: Traced, calendar: Calendar) -> dict[str, Any]:
    hidden = isinstance(traced.node, FieldRef) and traced.node.name in PERSONAL
    value = traced.value
    shown = value if isinstance(value, bool | int) or value is None else _plain(value, calendar)
    tree: dict[str, Any] = {
        "text": expression.text[traced.node.start : traced.node.end],
        "value": "(set)" if hidden and value is not None else shown,
    }
    if traced.missing:
        tree["missing"] = list(traced.missing)
    if traced.parts:
        tree["parts"] = [_tree_json(expression, part, calendar) for part in traced.parts]
    return tree
