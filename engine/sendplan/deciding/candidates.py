"""Which orders a plan has to look at, rule by rule, and which indexes make that quick."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime

from sendplan.dataclass import dataclass
from sendplan.deciding.decision import Decision
from sendplan.deciding.narrowing import BY_ACCOUNT, BY_LAST_EVENT, Index, Narrowing, everything, narrowings
from sendplan.expressions import Expression, ParamValue, stored_fields
from sendplan.ledger import ANY_STEP, MessageKey
from sendplan.project.project import Project
from sendplan.project.regions import ADDRESS_FIELDS
from sendplan.project.rules import Rule
from sendplan.project.settings import Settings

_ALWAYS_READ = frozenset(
    {"id", "account", "ordered", "portal", "email", "paid", "language", "billing_country", *ADDRESS_FIELDS}
)
"""What facts, decisions and entries look at whatever the rules say."""


@dataclass(frozen=True, slots=True)
class CandidateSearch:
    """The candidates of one rule, or of all rules, and what must be decided to decide on them."""

    rule: str | None
    """None for orders of accounts that the project does not know: there every rule is in error."""
    accounts: frozenset[str]
    narrowings: tuple[Narrowing, ...]
    decided: frozenset[str] | None
    """The rule and all whose `sent(…)` it reads, directly or not; None for all rules."""
    ledger: frozenset[str] | None
    """The rules, by present and earlier ids, whose ledger rows matter; None for all."""
    fields: frozenset[str] | None
    """The stored fields that matter; None for all."""

    def speaks_of(self, decision: Decision) -> bool:
        """Whether it is this search that brings the decision; others were made because it reads them."""
        return self.rule is None or self.rule == decision.rule.id


def searches(
    project: Project,
    now: datetime,
    hide_after: datetime | None,
    accounts_with_orders: Collection[str],
    *,
    rules: Collection[str] | None = None,
    account: str | None = None,
) -> Iterator[CandidateSearch]:
    """Where a plan finds everything that it lists; `rules` and `account` narrow what is looked at."""
    present = set(map(project.settings.present_account, accounts_with_orders))
    wanted = {name for name in present if account is None or name == account}
    unknown = wanted - project.settings.accounts.keys()
    if unknown:
        yield CandidateSearch(
            None, frozenset(unknown), (everything(unknown),), None if rules is None else frozenset(rules), None, None
        )
    by_id = {name: {rule.id: rule for rule in project.rules_for(name)} for name in sorted(wanted - unknown)}
    for id_ in (rule.id for rule in project.rules if rules is None or rule.id in rules):
        for rule, accounts in alike(project, {name: by_id[name][id_] for name in by_id}):
            params = project.settings.accounts[min(accounts)].params
            found = narrowings(rule, project.settings, accounts, params, now, hide_after)
            if found:
                decided = closure(id_, by_id[min(accounts)])
                ledger = frozenset(key[0] for each in decided.values() for key in ledger_keys(each))
                fields = _fields(decided.values(), project.settings)
                yield CandidateSearch(id_, accounts, found, frozenset(decided), ledger, fields)


def indexes(project: Project, now: datetime) -> tuple[Index, ...]:
    """The indexes that the project's rules want; they do not depend on `now` (UTC), the searches do."""
    found = searches(project, now, None, project.settings.accounts)
    wanted = [each.index for search in found for each in search.narrowings if each.index is not None]
    return tuple(dict.fromkeys((BY_ACCOUNT, BY_LAST_EVENT, *wanted)))


def alike(project: Project, rules: Mapping[str, Rule]) -> Iterator[tuple[Rule, frozenset[str]]]:
    """One rule, as each account's params make it, with the accounts for which it is the same."""
    accounts = project.settings.accounts
    groups: list[tuple[Rule, Mapping[str, ParamValue], list[str]]] = []
    for name, rule in rules.items():
        asked = _expressions(rule, project.settings)
        read = {each: accounts[name].params[each] for expression in asked for each in expression.params()}
        for alike, params, names in groups:
            if params == read and alike == rule:
                names.append(name)
                break
        else:
            groups.append((rule, read, [name]))
    for rule, _, names in groups:
        yield rule, frozenset(names)


def _expressions(rule: Rule, settings: Settings) -> Iterator[Expression]:
    """Everything that is evaluated for a rule."""
    yield rule.due
    for step in rule.enabled_steps():
        requires = settings.classes[step.klass].requires
        yield from (*step.triggers, *((requires,) if requires else ()))
    yield from (hold.when for hold in settings.holds)


def _fields(rules: Iterable[Rule], settings: Settings) -> frozenset[str]:
    """The stored fields that decisions of these rules look at."""
    asked = (each.fields() for rule in rules for each in _expressions(rule, settings))
    return _ALWAYS_READ | stored_fields(frozenset().union(*asked), settings.fields)


def closure(id_: str, rules: Mapping[str, Rule]) -> dict[str, Rule]:
    """The rule and all whose `sent(…)` it reads, directly or not."""
    found: dict[str, Rule] = {}
    pending = [id_]
    while pending:
        id_ = pending.pop()
        if id_ not in found and id_ in rules:
            found[id_] = rules[id_]
            pending += [key[0] for key in rules[id_].sent_keys()]
    return found


def ledger_keys(rule: Rule) -> Iterator[MessageKey]:
    """The keys under which a rule looks into the ledger."""
    yield from ((id_, ANY_STEP) for id_ in rule.ids)
    for step in rule.written:
        yield from step.keys
        for trigger in step.triggers:
            yield from (key for node in trigger.sent() for key in node.keys)
    yield from (key for node in rule.due.sent() for key in node.keys)
