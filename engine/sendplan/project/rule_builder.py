"""Rules as written → Rules: names, types and references are checked; a broken rule does not stop the others."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from graphlib import CycleError, TopologicalSorter
from types import MappingProxyType
from typing import Any

from sendplan.expressions import Expression, Kind, Names, ParamValue, compile_expression, kind_of_value, stored_fields
from sendplan.ledger import MessageKey
from sendplan.problems import Problem, Span, did_you_mean
from sendplan.project.formerly import message_keys, rule_ids, silenced
from sendplan.project.languages import choose, template_names
from sendplan.project.rules import Attached, BrokenRule, Rule, Step
from sendplan.project.rules_file import RuleFiles, Written
from sendplan.project.settings import TRANSACTIONAL, Settings
from sendplan.reading.source import Document, KeyPath
from sendplan.units import UNITS_HELP, Duration

_PARAM = re.compile(r"\$\{params\.([A-Za-z_]\w*)\}")


def build_rules(
    files: RuleFiles,
    settings: Settings,
    settings_document: Document,
    params: Mapping[str, ParamValue],
    templates: frozenset[str],
    same: Mapping[str, Rule] = MappingProxyType({}),
) -> tuple[tuple[Rule, ...], list[BrokenRule], list[Problem]]:
    """The rules for one set of params, each after those whose `sent(…)` it reads; broken ones apart.

    Rules that are known to be the `same` as with other params, by id, are not built again.
    """
    messages = {ref: keys for rule in files.written for ref, keys in _messages(rule).items()}
    ladders = frozenset(rule.id for rule in files.written if rule.steps)
    scope = Names(settings.fields, params, messages, ladders, files.broken_ids())
    rules: list[Rule] = []
    broken: list[BrokenRule] = []
    problems: list[Problem] = []
    taken = silenced(files)
    for written in files.written:
        if written.id in same:
            rules.append(same[written.id])
            continue
        builder = _Builder(written, settings, settings_document, scope, templates)
        rule = builder.rule()
        builder.problems += taken.get(written.id, ())
        problems += builder.problems
        error = next((each for each in builder.problems if each.is_error), None)
        if error is not None or rule is None:
            assert error is not None
            broken.append(BrokenRule(written.id, error))
        else:
            rules.append(rule)
    for written in files.malformed:
        builder = _Builder(written, settings, settings_document, scope, templates)
        builder.rule()
        # What is missing may stand in a key that was left out.
        problems += [each for each in builder.problems if each.code != "missing-key"]
    ordered, circle = _in_order(rules)
    for rule in circle:
        names = " → ".join(each.id for each in circle)
        message = f"rule `{rule.id}` reads what was sent by a rule that waits for it: {names}"
        problem = Problem("sent-circle", message, rule.span, "remove one of the `sent(…)`")
        problems.append(problem)
        broken.append(BrokenRule(rule.id, problem))
    return ordered, broken, problems


def _messages(rule: Written) -> dict[str, tuple[MessageKey, ...]]:
    """What `sent("…")` may name → ledger keys, today's first, then earlier ones."""
    refs = [f"{rule.id}/{step}" for step in rule.step_ids] or [rule.id]
    return dict(zip(refs, message_keys(rule), strict=True))


def _in_order(rules: Sequence[Rule]) -> tuple[tuple[Rule, ...], list[Rule]]:
    """The rules by (references, id), and those that refer to each other in a circle."""
    remaining = {rule.id: rule for rule in sorted(rules, key=lambda each: each.id)}
    circle: list[Rule] = []
    while True:
        graph = {id_: {key[0] for key in rule.sent_keys()} & remaining.keys() for id_, rule in remaining.items()}
        try:
            return tuple(remaining[id_] for id_ in TopologicalSorter(graph).static_order()), circle
        except CycleError as error:
            circle += [remaining.pop(id_) for id_ in dict.fromkeys(error.args[1])]


class _Builder:
    """Builds one rule; notes every problem on the way."""

    def __init__(
        self,
        written: Written,
        settings: Settings,
        settings_document: Document,
        scope: Names,
        templates: frozenset[str],
    ) -> None:
        self.written = written
        self.templates = templates
        self.settings = settings
        self.settings_document = settings_document
        self.scope = scope
        self.problems: list[Problem] = []
        self.keys = message_keys(written)

    def rule(self) -> Rule | None:
        data, document = self.written.data, self.written.document
        trigger = self._expression("trigger", Kind.CONDITION)
        due = self._expression("due", Kind.MOMENT)
        switched_on = self._switched_on()
        written = self._steps(trigger, switched_on)
        enabled = tuple(step for step, counts in zip(written, switched_on, strict=True) if counts)
        depth = self._depth()
        on = bool(self._value("enabled", True, bool))
        lookback, orders_from, attach = self._lookback(), self._orders_from(), self._attach()
        if trigger is None or due is None or any(each.is_error for each in self.problems):
            return None
        classes = [self.settings.classes[step.klass].requires for step in enabled]
        expressions = [due, *(each for step in enabled for each in step.triggers), *(each for each in classes if each)]
        names = frozenset(name for expression in expressions for name in expression.fields())
        return Rule(
            id=self.written.id,
            ids=rule_ids(self.written),
            title=data["title"],
            enabled=on,
            due=due,
            steps=enabled[:depth],
            written=written,
            ladder=bool(self.written.steps),
            depth=depth,
            lookback=lookback,
            orders_from=orders_from,
            reads=stored_fields(names, self.settings.fields),
            description=data.get("description", ""),
            span=document.span((*self.written.path, "id")),
            beyond=enabled[depth:] if depth is not None else (),
            attach=attach,
        )

    # --- steps ---

    def _switched_on(self) -> tuple[bool, ...]:
        """Of every written step, whether it counts: one that is switched off is as if it were not written."""
        if not self.written.steps:
            return (True,)
        places: list[KeyPath] = [("ladder", "steps", number) for number in range(len(self.written.steps))]
        return tuple(bool(self._value("enabled", True, bool, place, inherit=False)) for place in places)

    def _steps(self, trigger: Expression | None, switched_on: Sequence[bool]) -> tuple[Step, ...]:
        if not self.written.steps:
            return (self._step((), {}, trigger, None, self._template(()), self.keys[0]),)
        if "template" in self.written.data:
            self._note("wrong-key", ("template",), "in a ladder every step names its template", "remove this key")
        every = self._value("every", None, Duration, ("ladder",))
        steps = []
        seen: set[str] = set()
        for number, data in enumerate(self.written.steps):
            path: KeyPath = ("ladder", "steps", number)
            after = self._value("after", every, Duration, path)
            follows = switched_on[number] and any(switched_on[:number])
            if follows and "after" not in data and "every" not in self.written.data["ladder"]:
                help_ = "write `every: 7 days` in the ladder, or `after:` in the step"
                self._note("missing-key", path, "nothing says when this step follows", help_)
            if data["id"] in seen:
                self._note("duplicate-id", (*path, "id"), f"step `{data['id']}` already appears in this ladder")
            seen.add(data["id"])
            template = self._template(path) if switched_on[number] else str(data["template"])
            steps.append(self._step(path, data, trigger, after, template, self.keys[number]))
        return tuple(steps)

    def _step(
        self,
        path: KeyPath,
        data: Mapping[str, Any],
        trigger: Expression | None,
        after: Duration | None,
        template: str,
        keys: tuple[MessageKey, ...],
    ) -> Step:
        own = self._expression("trigger", Kind.CONDITION, path) if path and "trigger" in data else None
        regions = self._regions(())
        if path and "regions" in data:
            narrowed = self._regions(path)
            if regions is None or narrowed is None:
                regions = narrowed if regions is None else regions
            else:
                regions &= narrowed
        here = path if "class" in data else ()
        klass = self._named("class", here, self.settings.classes) or TRANSACTIONAL
        window = self._named("window", path if "window" in data else (), self.settings.windows)
        expires = self._value("expires", None, Duration, path if "expires" in data else ())
        return Step(
            id=data["id"] if path else "",
            template=template,
            triggers=tuple(each for each in (trigger, own) if each is not None),
            regions=regions,
            klass=klass,
            window=window,
            expires=expires,
            after=after,
            keys=keys,
        )

    def _depth(self) -> int | None:
        if not self.written.steps:
            return None
        depth = self._value("depth", None, int, ("ladder",), inherit=False)
        if depth is not None and depth < 1:
            help_ = "write how many steps are taken from the top, or `enabled: false` in the rule"
            self._note("wrong-value", ("ladder", "depth"), f"a ladder of {depth} steps sends nothing", help_)
        return depth if isinstance(depth, int) else None

    def _template(self, path: KeyPath) -> str:
        """A template's name; every buyer must get it, so it is needed in the default language at least."""
        data = self._at(path)
        if "template" not in data:
            if not self.written.steps:
                self._note("missing-key", (), "`template` is missing", "write `template: NAME`")
            return ""
        name, default = str(data["template"]), self.settings.languages.default
        if any(
            choose(self.templates, name, accounts=account.names, language=default, default=default) is None
            for account in self.settings.accounts.values()
        ):
            known = template_names(self.templates)
            message = f"there is no template `templates/{name}.{default}.md` for rule `{self.written.id}`"
            self._note("missing-template", (*path, "template"), message, f"write it; {did_you_mean(name, known)}")
        return name

    # --- values ---

    def _at(self, path: KeyPath) -> Any:
        data: Any = self.written.data
        for part in path:
            data = data[part]
        return data

    def _find(self, key: str, path: KeyPath, *, inherit: bool) -> tuple[Any, Document, KeyPath] | None:
        """A key's value and place: in the step or ladder, else in the rule's defaults of sendplan.yaml."""
        data = self._at(path)
        if key in data:
            return data[key], self.written.document, (*self.written.path, *path, key)
        if not path and inherit and key in self.settings.defaults:
            return self.settings.defaults[key], self.settings_document, ("defaults", key)
        return None

    def _value(self, key: str, default: Any, type_: type, path: KeyPath = (), *, inherit: bool = True) -> Any:
        """A literal or `${params.NAME}` of one type."""
        found = self._find(key, path, inherit=inherit)
        if found is None:
            return default
        value, document, place = found
        match = _PARAM.fullmatch(value) if isinstance(value, str) else None
        if match is not None:
            return self._param(match[1], type_, document, place)
        if type_ is Duration and isinstance(value, str):
            value = Duration.parse(value)
        if isinstance(value, type_) and isinstance(value, bool) is (type_ is bool):
            return value
        self._wrong_type(type_, document, place)
        return default

    def _param(self, name: str, type_: type, document: Document, place: KeyPath) -> Any:
        if name not in self.scope.params:
            help_ = did_you_mean(name, self.scope.params) or "define it under `params:` in sendplan.yaml"
            self.problems.append(Problem("unknown-name", f"there is no param `{name}`", document.span(place), help_))
            return None
        value = self.scope.params[name]
        if isinstance(value, type_) and isinstance(value, bool) is (type_ is bool):
            return value
        message = f"`params.{name}` is a {kind_of_value(value)}, but {_NEEDED[type_]} is needed here"
        self.problems.append(Problem("type-mismatch", message, document.span(place), f"its value is `{value}`"))
        return None

    def _wrong_type(self, type_: type, document: Document, place: KeyPath) -> None:
        code = "wrong-value" if type_ is Duration else "wrong-type"
        help_ = f"write `7 days`; {UNITS_HELP}"
        self.problems.append(
            Problem(code, f"{_NEEDED[type_]} is needed here", document.span(place), help_ if type_ is Duration else "")
        )

    def _lookback(self) -> Duration | None:
        found = self._find("lookback", (), inherit=True)
        if found is not None and found[0] == "none":
            return None
        value = self._value("lookback", None, Duration)
        return value if isinstance(value, Duration) else None

    def _orders_from(self) -> date | None:
        found = self._find("orders_from", (), inherit=True)
        if found is None:
            return None
        try:
            return date.fromisoformat(found[0])
        except ValueError:
            place = found[1].span(found[2])
            self.problems.append(
                Problem("wrong-value", f"`{found[0]}` is not a valid date", place, "write `2026-08-01`")
            )
            return None

    def _attach(self) -> tuple[Attached, ...]:
        found = self._find("attach", (), inherit=True)
        if found is None:
            return ()
        sources, document, place = found
        if not self.settings.attachments:
            help_ = "name the folder in sendplan.yaml: `attachments: documents`"
            self.problems.append(
                Problem("missing-key", "there is no folder to attach from", document.span(place), help_)
            )
        attached = tuple(Attached(each, document.span((*place, number))) for number, each in enumerate(sources))
        for each in attached:
            if each.source.startswith(("/", "~")) or "\\" in each.source or ".." in each.source.split("/"):
                help_ = "write a name below the folder of `attachments`, such as `invoices/{{ order.number }}.pdf`"
                message = "an attachment lies in the folder of `attachments`"
                self.problems.append(Problem("wrong-value", message, each.span, help_))
        return attached

    def _regions(self, path: KeyPath) -> frozenset[str] | None:
        found = self._find("regions", path, inherit=True)
        if found is None or found[0] == "all":
            return None
        value, document, place = found
        known = {region.name for region in self.settings.regions}
        for number, name in enumerate(value):
            if name not in known:
                help_ = did_you_mean(name, known)
                where = document.span((*place, number))
                self.problems.append(Problem("unknown-name", f"there is no region `{name}`", where, help_))
        return frozenset(value)

    def _named(self, key: str, path: KeyPath, known: Mapping[str, object]) -> str | None:
        found = self._find(key, path, inherit=True)
        if found is None:
            return None
        name, document, place = found
        if name not in known:
            help_ = did_you_mean(name, known)
            self.problems.append(Problem("unknown-name", f"there is no {key} `{name}`", document.span(place), help_))
        return str(name)

    def _expression(self, key: str, kind: Kind, path: KeyPath = ()) -> Expression | None:
        data = self._at(path)
        if key not in data:
            return None  # of a malformed rule
        place = (*self.written.path, *path, key)
        locate = lambda start, end: self.written.document.within(place, start, end)  # noqa: E731
        expression, problems = compile_expression(data[key], kind, self.scope, locate)
        self.problems += problems
        return expression

    def _note(self, code: str, path: KeyPath, message: str, help_: str = "") -> None:
        place: Span = self.written.document.span((*self.written.path, *path))
        self.problems.append(Problem(code, message, place, help_))


_NEEDED: Mapping[type, str] = {Duration: "a duration", int: "a whole number", bool: "true or false"}
