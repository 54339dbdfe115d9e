"""Scenarios: a product owner's tests on a virtual clock, run through the planner itself (docs/project.md#scenarios)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

from sendplan.calendar import Calendar
from sendplan.dataclass import dataclass
from sendplan.deciding.decision import Decision
from sendplan.importing.conversion import ConversionError, convert
from sendplan.ledger import ANY_STEP, History, Record, State
from sendplan.plan import Plan, Reason, Status, parse_key
from sendplan.planning.planner import Clock, OrderDecisions, decide_order, decide_orders, plan_from, standing_of
from sendplan.problems import Problem, did_you_mean
from sendplan.project.project import Project
from sendplan.reading.source import Document, KeyPath
from sendplan.scenarios.comparison import Comparison, named
from sendplan.scenarios.import_checks import import_differences
from sendplan.scenarios.imported import located_import, read_orders
from sendplan.scenarios.written_tests import read_test_file
from sendplan.store.memory import MemoryOrders

FIRST_RETRY = timedelta(minutes=5)

Observer: TypeAlias = Callable[[Decision], None]
_Message: TypeAlias = tuple[str, str, str]
"""Order, rule and step; the step is empty without a ladder, or where a scenario leaves it out."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """One plan of a scenario, compared with what was expected."""

    at: str
    passed: bool
    expected: Any
    """`none`, or the expected messages as written."""
    got: list[dict[str, Any]]
    message: str = ""
    """What differs, side by side, and the explanation of each differing decision."""


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """One scenario's outcome; one that cannot be run has problems and has not passed."""

    file: str
    title: str
    steps: tuple[StepResult, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether it ran and every step was as expected."""
        return not self.problems and bool(self.steps) and all(step.passed for step in self.steps)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario file, checked against its schema."""

    document: Document
    title: str
    data: Mapping[str, Any]
    problems: list[Problem] = field(default_factory=list)

    @property
    def file(self) -> str:
        """The name that is shown to people."""
        return self.document.file


def read(path: Path, name: str, project: Path | None = None) -> Scenario | ScenarioResult:
    """A scenario file; or its failure, when it cannot be run."""
    written = read_test_file(path, name, "scenario", project)
    if written.document is None:
        return ScenarioResult(name, written.title, problems=written.problems)
    return Scenario(written.document, written.title, written.data)


def run(scenario: Scenario, project: Project, observe: Observer = lambda decision: None) -> ScenarioResult:
    """Play a scenario's steps; `observe` sees every decision that is made, for coverage."""
    runner = _Runner(scenario, project, observe)
    steps = tuple(runner.steps())
    return ScenarioResult(scenario.file, scenario.title, steps, tuple(runner.problems))


class _Runner:
    def __init__(self, scenario: Scenario, project: Project, observe: Observer) -> None:
        self.document = scenario.document
        self.data = scenario.data
        self.project = project
        self.calendar: Calendar = project.settings.calendar
        self.observe = observe
        self.problems: list[Problem] = []
        self.orders = MemoryOrders()
        self.rules = self._selected_rules()
        self.raw: dict[str, dict[str, Any]] = {}
        for number, order in enumerate(self.data.get("orders", ())):
            if str(order["id"]) in self.raw:
                self.note(("orders", number, "id"), f"the order `{order['id']}` appears twice", "keep one of them")
            self._change(("orders", number), str(order["id"]), order)

    # --- reading ---

    def note(self, path: KeyPath, message: str, help_: str = "", code: str = "scenario", *, key: bool = False) -> None:
        span = self.document.key_span(path) if key else self.document.span(path)
        self.problems.append(Problem(code, message, span, help_))

    def _selected_rules(self) -> frozenset[str] | None:
        if "rules" not in self.data:
            return None
        known = {rule.id for rule in self.project.rules}
        for number, id_ in enumerate(self.data["rules"]):
            if id_ not in known:
                broken = any(each.id == id_ for each in self.project.broken)
                message = f"rule `{id_}` is broken; run `sendplan check`" if broken else f"there is no rule `{id_}`"
                self.note(("rules", number), message, "" if broken else did_you_mean(id_, known), "unknown-name")
        return frozenset(self.data["rules"])

    def _change(self, path: KeyPath, id_: str, given: Mapping[str, Any]) -> None:
        """Set an order's fields; None removes one."""
        order = self.raw.setdefault(id_, {})
        fields = self.project.settings.fields
        for name, raw in given.items():
            place = (*path, name)
            if name not in fields or fields[name].derived_from:
                help_ = did_you_mean(name, fields)
                self.note(place, f"an order has no field `{name}`", help_, "unknown-field", key=True)
                continue
            try:
                value = convert(fields[name], raw, self.calendar)
            except ConversionError as error:
                self.note(place, f"`{name}` {error.message}", error.help, "wrong-value")
                continue
            if value is None:
                order.pop(name, None)
            else:
                order[name] = value
        account = str(order.get("account", ""))
        if account not in self.project.settings.account_names:
            help_ = did_you_mean(account, self.project.settings.accounts)
            self.note((*path, "account"), f"there is no account `{account}`", help_, "unknown-name")
        if "ordered" in order:
            self.orders.put(id_, account, order)

    def _moment(self, path: KeyPath, text: str) -> datetime:
        moment = self.calendar.parse(text)
        if moment is None:
            self.note(path, f"`{text}` is not a valid time", "write `2026-08-15 12:00`", "wrong-value")
            return datetime.min.replace(tzinfo=UTC)
        return moment

    # --- playing ---

    def steps(self) -> Iterator[StepResult]:
        """One result a step; stops where the scenario itself is wrong."""
        previous: datetime | None = None
        for number, step in enumerate(self.data["steps"]):
            path: KeyPath = ("steps", number)
            at = self._moment((*path, "at"), str(step["at"]))
            if previous is not None and at < previous:
                self.note((*path, "at"), "steps must be in chronological order", "move this step up")
            previous = at
            if number == 0 and "import" in self.data:
                yield from self._import(at)
            self._before_plan(path, step, at)
            self._check_because(path, step)
            if self.problems:
                return
            yield self._play(path, step, at)

    def _import(self, at: datetime) -> Iterator[StepResult]:
        """Take the scenario's file beside its orders, and compare what came of it."""
        settings = self.project.settings
        folder = settings.folder / Path(self.document.file).parent
        file, mapping, problems = located_import(self.document, folder, settings.folder)
        self.problems += problems
        if self.problems or file is None:
            return
        found = read_orders(file, mapping, settings, at, self.orders.orders())
        for order in found.orders:
            self.raw[order.id] = {"account": order.account, **order.values}
            self.orders.put(order.id, order.account, self.raw[order.id])
        for id_, refused in found.refused.items():
            self.orders.refuse(id_, refused)
        lines = import_differences(self.data, found, settings)
        told = [f"{each.span or ''}: {each.message}" for each in found.report.problems] if lines else []
        expected = {key: self.data[key] for key in ("imported", "refused") if key in self.data}
        yield StepResult(self.calendar.text(at), not lines, expected or "an import", [], "\n".join([*lines, *told]))

    def _before_plan(self, path: KeyPath, step: Mapping[str, Any], at: datetime) -> None:
        self._changes((*path, "change"), step.get("change", {}))
        for key, text in step.get("record", {}).items():
            place = (*path, "record", key)
            parsed = self._earlier(key) or self._key(place, key)
            if parsed is not None:
                order, rule, step_id = parsed
                self.orders.settle(order, (rule, step_id), State.SENT, self._moment(place, str(text)))
        imported = dict.fromkeys(
            (name for name, each in self.project.settings.fields.items() if not each.derived_from), at
        )
        for name, text in step.get("imported", {}).items():
            place = (*path, "imported", name)
            if name not in imported:
                help_ = did_you_mean(name, imported)
                self.note(place, f"no import carries a field `{name}`", help_, "unknown-field", key=True)
            imported[name] = self._moment(place, str(text))
        for account in self.project.settings.accounts:
            for name, moment in imported.items():
                self.orders.carry(account, [name], moment)

    def _changes(self, path: KeyPath, changes: Mapping[str, Mapping[str, Any]]) -> None:
        for id_, fields in changes.items():
            if id_ not in self.raw:
                help_ = did_you_mean(id_, self.raw)
                self.note((*path, id_), f"there is no order `{id_}`", help_, "unknown-order", key=True)
            else:
                self._change((*path, id_), id_, fields)

    def _key(self, path: KeyPath, key: str, *, any_step: bool = False) -> _Message | None:
        """The message of a written key; with `any_step` a ladder's may leave its step out."""
        steps = self.project.steps_by_rule()
        parsed = parse_key(key, steps) or (parse_key(key, dict.fromkeys(steps, ())) if any_step else None)
        if parsed is None or parsed[0] not in self.raw:
            help_ = "write ORDER/RULE, with a ladder ORDER/RULE/STEP"
            self.note(path, f"`{key}` is not a message of this scenario", help_, "unknown-message", key=True)
            return None
        return parsed[0], parsed[1], parsed[2] or ""

    def _earlier(self, key: str) -> _Message | None:
        """The message of a written key that some rule knows as an earlier one (`formerly`)."""
        known = {each for rule in self.project.rules for step in rule.written for each in step.keys[1:]}
        parts = key.split("/")
        for width in (1, 2):
            order = "/".join(parts[:-width])
            rule, step = (*parts[-width:], "")[:2]
            if order in self.raw and ((rule, step) in known or (rule, ANY_STEP) in known):
                return order, rule, step
        return None

    def _play(self, path: KeyPath, step: Mapping[str, Any], at: datetime) -> StepResult:
        clock = Clock(at, replay=True)
        decided = {each.facts.id: each for each in decide_orders(self.project, self.orders, clock, rules=self.rules)}
        for each in decided.values():
            for decision in each.decisions:
                self.observe(decision)
        plan = plan_from(self.project, self.orders, clock, decided.values(), rules=self.rules, show_addresses=True)
        result = self._compare(step, plan, decided)
        outcomes = {
            message: (key, State(str(outcome)))
            for key, outcome in step.get("outcome", {}).items()
            if (message := self._key((*path, "outcome", key), key, any_step=True)) is not None
        }
        sent: set[_Message] = set()
        if plan.refused is None:
            self._changes((*path, "before_send"), step.get("before_send", {}))
            sent = self._send(plan, {message: state for message, (_, state) in outcomes.items()}, clock)
        for message, (key, _) in outcomes.items():
            # Of a step that failed only the difference is told.
            if result.passed and message not in sent:
                help_ = "remove it, or let the step send the message"
                self.note((*path, "outcome", key), f"`{key}` is not sent in this step", help_, key=True)
        return result

    def _send(self, plan: Plan, outcomes: Mapping[_Message, State], clock: Clock) -> set[_Message]:
        """Count the plan's sends as sent, each decided again like the dispatcher does; which left."""
        by_order: dict[str, set[str]] = {}
        for entry in plan.with_status(Status.SEND):
            assert entry.order is not None
            by_order.setdefault(entry.order, set()).add(entry.rule)
        sent: set[_Message] = set()
        for id_, rules in by_order.items():
            for rule in self.project.rules:
                if rule.id in rules and (step := self._send_one(id_, rule.id, outcomes, clock)) is not None:
                    sent |= {(id_, rule.id, step), (id_, rule.id, "")}
        return sent

    def _send_one(self, order: str, rule: str, outcomes: Mapping[_Message, State], clock: Clock) -> str | None:
        """The step that was sent (empty without a ladder), or None."""
        stored = next(self.orders.orders_by_id([order]))
        history = self.orders.histories([order]).get(order, History())
        standing = standing_of(self.orders, self.project.settings)
        decided = decide_order(self.project, stored, history, standing, clock, rules=self.rules, recheck=True)
        decision = next((each for each in decided.decisions if each.rule.id == rule), None) if decided else None
        if decision is None or decision.reason is not Reason.SEND:
            return None
        key = decision.key
        before = history.find((key,))
        state = outcomes.get((order, *key)) or outcomes.get((order, rule, "")) or State.SENT
        retry = clock.now + FIRST_RETRY if state is State.DEFERRED else None
        attempts = (before.attempts if before else 0) + 1
        self.orders.record(Record(*key, order, state, clock.now, attempts, retry))
        return key[1]

    # --- comparing ---

    def _check_because(self, path: KeyPath, step: Mapping[str, Any]) -> None:
        because = step.get("because")
        reasons = [because] if isinstance(because, str) else []
        if isinstance(because, str) and not self._rules_looked_at():
            self.note((*path, "because"), "no rule is looked at, so there is no reason", "see `sendplan check`")
        elif isinstance(because, str) and (len(self.raw) > 1 or self._rules_looked_at() > 1):
            help_ = f"write `because: {{{next(iter(self.raw))}: {{RULE: {because}}}}}`"
            self.note((*path, "because"), "one reason is not enough where several orders or rules are looked at", help_)
        if isinstance(because, Mapping):
            known = {rule.id for rule in self.project.rules}
            for id_, rules in because.items():
                if id_ not in self.raw:
                    help_ = did_you_mean(id_, self.raw)
                    self.note((*path, "because", id_), f"there is no order `{id_}`", help_, "unknown-order", key=True)
                for rule in rules:
                    if rule not in known or (self.rules is not None and rule not in self.rules):
                        place = (*path, "because", id_, rule)
                        help_ = did_you_mean(rule, known)
                        self.note(place, f"rule `{rule}` is not looked at", help_, "unknown-name", key=True)
                reasons += rules.values()
        for reason in reasons:
            if reason not in set(Reason):
                message = f"there is no reason `{reason}`"
                self.note((*path, "because"), message, did_you_mean(str(reason), set(Reason)), "unknown-name")

    def _rules_looked_at(self) -> int:
        return len(self.project.rules) if self.rules is None else len(self.rules)

    def _compare(self, step: Mapping[str, Any], plan: Plan, decided: Mapping[str, OrderDecisions]) -> StepResult:
        because = step.get("because")
        if isinstance(because, str):
            rule = next(iter(self.rules)) if self.rules else self.project.rules[0].id
            because = {next(iter(self.raw)): {rule: because}}
        comparison = Comparison(self.project.settings, plan, decided)
        lines = comparison.differences(step.get("expect"), because or {}, step.get("refused"))
        return StepResult(
            at=self.calendar.text(self._moment(("at",), str(step["at"]))),
            passed=not lines,
            expected=step.get("expect", {"refused": step.get("refused")}),
            got=[named(entry) for entry in plan.with_status(Status.SEND)],
            message="\n".join([*lines, *comparison.explanations(self.raw)]),
        )
