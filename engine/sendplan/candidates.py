"""Which orders a plan has to look at, rule by rule, and which indexes make that quick."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from sendplan.decision import Decision
from sendplan.ledger import MessageKey
from sendplan.narrowing import BY_ACCOUNT, Index, Narrowing, everything, narrowings
from sendplan.project import Project
from sendplan.rules import Rule


@dataclass(frozen=True, slots=True)
class Search:
    """The candidates of one rule, or of all rules, and what must be judged to decide on them."""

    rule: str | None
    """None for orders of accounts that the project does not know: there every rule is in error."""
    accounts: frozenset[str]
    narrowings: tuple[Narrowing, ...]
    judged: frozenset[str] | None
    """The rule and all whose `sent(…)` it reads, directly or not; None for all rules."""
    ledger: frozenset[str] | None
    """The rules, by present and earlier ids, whose ledger rows matter; None for all."""

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
) -> Iterator[Search]:
    """Where a plan finds everything that it lists; `rules` and `account` narrow what is looked at."""
    wanted = {name for name in accounts_with_orders if account is None or name == account}
    unknown = wanted - project.settings.accounts.keys()
    if unknown:
        yield Search(
            None, frozenset(unknown), (everything(unknown),), None if rules is None else frozenset(rules), None
        )
    for accounts in _alike(project, wanted - unknown):
        some = min(accounts)
        shared = project.rules_for(some)
        params = project.settings.accounts[some].params
        for rule in shared:
            if rules is not None and rule.id not in rules:
                continue
            found = narrowings(rule, project.settings, accounts, params, now, hide_after)
            if found:
                judged = _closure(rule, shared)
                ledger = frozenset(key[0] for each in shared if each.id in judged for key in _ledger_keys(each))
                yield Search(rule.id, accounts, found, judged, ledger)


def indexes(project: Project, now: datetime) -> tuple[Index, ...]:
    """The indexes that the project's rules want; they do not depend on `now` (UTC), the searches do."""
    found = searches(project, now, None, project.settings.accounts)
    wanted = [each.index for search in found for each in search.narrowings if each.index is not None]
    return tuple(dict.fromkeys((BY_ACCOUNT, *wanted)))


def _alike(project: Project, names: set[str]) -> list[frozenset[str]]:
    """The accounts in groups of equal params: these share their rules."""
    groups: list[set[str]] = []
    accounts = project.settings.accounts
    for name in sorted(names):
        group = next((each for each in groups if accounts[min(each)].params == accounts[name].params), None)
        if group is None:
            groups.append({name})
        else:
            group.add(name)
    return [frozenset(group) for group in groups]


def _closure(rule: Rule, rules: tuple[Rule, ...]) -> frozenset[str]:
    by_id = {each.id: each for each in rules}
    found: set[str] = set()
    pending = [rule.id]
    while pending:
        id_ = pending.pop()
        if id_ not in found and id_ in by_id:
            found.add(id_)
            pending += [key[0] for key in by_id[id_].sent_keys()]
    return frozenset(found)


def _ledger_keys(rule: Rule) -> Iterator[MessageKey]:
    """The keys under which a rule looks into the ledger."""
    for step in rule.written:
        yield from step.keys
        for trigger in step.triggers:
            yield from (key for node in trigger.sent() for key in node.keys)
    yield from (key for node in rule.due.sent() for key in node.keys)
