"""What a scenario's step expects, compared with its plan: the differences, and what explains them.

See docs/project.md#scenarios.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sendplan.addresses import masked
from sendplan.deciding.decision import Decision
from sendplan.importing.conversion import ConversionError, convert
from sendplan.plan import Entry, Plan, Status
from sendplan.planning.entries import fact_json
from sendplan.planning.explain import explanation_text
from sendplan.planning.planner import OrderDecisions
from sendplan.project.settings import Settings
from sendplan.reading.source import Plain


class Comparison:
    """One step's plan beside what was expected of it."""

    def __init__(self, settings: Settings, plan: Plan, decided: Mapping[str, OrderDecisions]) -> None:
        self._calendar = settings.calendar
        self._fields = settings.fields
        self._plan = plan
        self._decided = decided
        self._differing: dict[tuple[str, str], None] = {}
        """Orders and rules about which the two sides differ."""

    def differences(self, expected: Any, because: Mapping[str, Mapping[str, str]], refused: str | None) -> list[str]:
        """What differs, a line each; `expected` is `none`, the messages as written, or None for a step without."""
        lines: list[str] = []
        if expected is not None:
            lines += self._of_messages(expected if isinstance(expected, list) else [])
        lines += self._of_reasons(because)
        if self._plan.refused != refused:
            lines.append(f"refused: expected {refused or 'no'}, got {self._plan.refused or 'no'}")
        return lines

    def explanations(self, orders: Collection[str]) -> Iterator[str]:
        """Of each difference, the decision with its checks; `orders` are those that the scenario has."""
        told: set[tuple[str, ...]] = set()
        for id_, rule in self._differing:
            decision = self._decision(id_, rule)
            if decision is not None:
                yield f"\n{id_}, {explanation_text(decision, None, self._calendar, told)}"
            elif id_ in orders:
                yield f"\n{id_} was not ordered yet, or rule `{rule}` is not looked at"

    def _of_messages(self, wanted: Sequence[Mapping[str, Any]]) -> list[str]:
        """Expected and got side by side, where they differ."""
        rest = list(self._plan.with_status(Status.SEND))
        rows: list[tuple[str, str]] = []
        for item in wanted:
            entry = next((each for each in rest if _is_named(item, each)), None)
            if entry is not None:
                rest.remove(entry)
                wrong = [name for name, value in item.items() if not self._equal(name, value, entry)]
                if not wrong:
                    continue
                shown = {name: entry.to_json().get(name) for name in wrong}
                rows.append((_flow(item), f"{_flow(named(entry))} with {_flow(shown)}"))
            else:
                rows.append((_flow(item), "nothing"))
            self._differing[str(item.get("order")), str(item.get("rule"))] = None
        for entry in rest:
            rows.append(("nothing", _flow(named(entry))))
            self._differing[entry.order or "", entry.rule] = None
        width = max((len(left) for left, _ in rows), default=0)
        return [f"expected {left:<{width}}   got {right}" for left, right in rows]

    def _of_reasons(self, because: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
        for id_, rules in because.items():
            for rule, reason in rules.items():
                decision = self._decision(id_, rule)
                found = decision.reason.value if decision else "no order yet"
                if found != reason:
                    self._differing[id_, rule] = None
                    yield f"{id_}/{rule}: expected because {reason}, got {found}"

    def _equal(self, name: str, value: Any, entry: Entry) -> bool:
        actual = entry.to_json().get(name)
        if name == "to" and actual is not None:
            return str(value) in (actual, masked(actual))
        if name == "facts" and isinstance(value, Mapping):
            return all(self._is_fact(fact, each, entry.facts.get(fact)) for fact, each in value.items())
        if name in ("due", "send_at") and value is not None and actual is not None:
            return self._calendar.parse(str(value)) == self._calendar.parse(actual)
        return _same(value, actual)

    def _is_fact(self, name: str, written: Any, actual: Any) -> bool:
        """Whether a fact has the value that is written here as an order would write it."""
        field = self._fields.get(name)
        if field is None or (isinstance(written, Plain) and written.value is None):
            return actual is None
        try:
            return bool(fact_json(convert(field, written, self._calendar), self._calendar) == actual)
        except ConversionError:
            return False

    def _decision(self, id_: str, rule: str) -> Decision | None:
        decisions = self._decided[id_].decisions if id_ in self._decided else ()
        return next((each for each in decisions if each.rule.id == rule), None)


def named(entry: Entry) -> dict[str, Any]:
    """An entry as a scenario names it: order, rule and, in a ladder, step."""
    names = {"order": entry.order, "rule": entry.rule, "step": entry.step}
    return {name: value for name, value in names.items() if value is not None}


def _is_named(item: Mapping[str, Any], entry: Entry) -> bool:
    return all(_same(item.get(name), getattr(entry, name)) for name in ("order", "rule", "step"))


def _same(value: Any, actual: Any) -> bool:
    """Equal as written: `20.00` is the amount 20.00, whatever YAML made of it."""
    if isinstance(value, list) and isinstance(actual, list):
        return len(value) == len(actual) and all(map(_same, value, actual))
    if value is None or actual is None or isinstance(value, bool) or isinstance(actual, bool):
        return value is actual
    return str(value) == str(actual)


def _flow(item: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{name}: {value}" for name, value in item.items()) + "}"
