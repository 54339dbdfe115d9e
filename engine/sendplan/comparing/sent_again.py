"""Messages that a change of rules would send again under another name (docs/commands.md#sendplan-diff)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from sendplan.dataclass import dataclass
from sendplan.deciding.decision import Decision
from sendplan.ledger import ANY_STEP, MessageKey, Record, State
from sendplan.plan import STATUS_OF, Reason
from sendplan.planning.planner import Clock, decide_orders
from sendplan.problems import Span
from sendplan.project.project import Project
from sendplan.project.rules import Rule, Step
from sendplan.store.protocols import Reader
from sendplan.text import counted

_MAY_HAVE_LEFT = frozenset({State.SENT, State.SENDING, State.UNCERTAIN})
_NOWHERE = Span("", 0, 0, 0)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A project's rules over the store that both share."""

    project: Project
    reader: Reader
    """With the project's own fields."""
    clock: Clock

    def messages(self) -> Mapping[MessageKey, frozenset[MessageKey]]:
        """Every message by its present name, with its present and earlier ones."""
        return {step.keys[0]: frozenset(step.keys) for rule in self.project.rules for step in rule.written}

    def decisions(
        self, orders: Collection[str], rules: Collection[str] | None = None
    ) -> Iterator[tuple[str, tuple[Decision, ...]]]:
        """Each of these orders (ids) with what will come to it: now, later, or once a date is there or reached."""
        stored = self.reader.orders_by_id(orders)
        for each in decide_orders(self.project, self.reader, self.clock, rules=rules, orders=stored):
            coming = tuple(one for one in each.decisions if one.step is not None and _comes(one.reason))
            if coming:
                yield each.facts.id, coming


def sent_again(old: RuleSet, new: RuleSet, renamed: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each message that would come to orders which had one that is gone, and is not named.

    Gone is what the old rules know and the new ones do not, also not as an earlier name. `renamed` leads from a rule's
    earlier id to its present one, where it says so itself.
    """
    messages = old.messages()
    # A rule that cannot be used as it is written now is there again when it is mended.
    broken = {each.id for each in new.project.broken}
    mended = {key: keys for key, keys in messages.items() if key[0] in broken}
    still = {**mended, **new.messages()}
    before, now = (frozenset[MessageKey]().union(*each.values()) for each in (messages, still))
    changed = _changed(old.project, new.project)
    if before <= now or not changed:
        return
    gone: dict[str, list[Record]] = {}
    for row in new.reader.records(_MAY_HAVE_LEFT):
        if _knows(before, row.rule, row.step) > _knows(now, row.rule, row.step):
            gone.setdefault(row.order, []).append(row)
    coming = dict(new.decisions(gone, changed))
    came = {
        order: {renamed.get(each.rule.id, each.rule.id): each.reason for each in decisions}
        for order, decisions in old.decisions(coming)
    }
    found: Counter[tuple[str, str]] = Counter()
    for order, decisions in coming.items():
        known = _Known(new.project, messages, came.get(order, {}))
        found.update(
            {
                (_message(each.rule, step), _name(row, each.rule))
                for each in decisions
                for row in gone[order]
                for step in known.news(each, row)
            }
        )
    for (message, earlier), count in sorted(found.items()):
        yield (
            f"{message} would go to {counted(count, 'order')} that had {earlier}, which is gone: "
            f"if it is the same mail, add `formerly: [{earlier}]`"
        )


@dataclass(frozen=True, slots=True)
class _Known:
    """What the old rules had in store for one order."""

    project: Project
    messages: Mapping[MessageKey, frozenset[MessageKey]]
    came: Mapping[str, Reason]
    """By present rule, what would have come to the order anyway."""

    def news(self, decision: Decision, row: Record) -> Iterator[Step]:
        """The steps of a coming message's rule that may be a gone message, without saying so.

        What came under the old rules too is not, under its own name or as the message of another rule that is gone;
        but a new step of a ladder may be, of the one that sent the other or of one that was there and has grown.
        """
        rule, step = decision.rule, decision.step
        assert step is not None
        if any(_knows(keys, row.rule, row.step) for keys in self._earlier(step)):
            yield step  # it was this very message, under a name that it does not have any more
        elif row.rule in rule.ids:
            yield from () if self._earlier(step) else (step,)
        else:
            others = [id_ for id_ in self.came if self.project.rule(id_) is None and id_ != row.rule]
            if not any(self._came_anyway(id_, decision.reason) for id_ in (rule.id, *others)):
                yield step
            if self._has_grown(rule):
                yield from (each for each in rule.steps[rule.steps.index(step) :] if not self._earlier(each))

    def _has_grown(self, rule: Rule) -> bool:
        """Whether it has all that it had, so that what is new is not one of its own under another name."""
        names = {key for step in rule.written for key in step.keys}
        own = [key for key in self.messages if key[0] in rule.ids]
        return bool(own) and all(_knows(names, *key) for key in own)

    def _earlier(self, step: Step) -> list[frozenset[MessageKey]]:
        """The messages of the old rules that a step is or continues, each with its names."""
        return [keys for (rule, id_), keys in self.messages.items() if _knows(step.keys, rule, id_)]

    def _came_anyway(self, rule: str, reason: Reason) -> bool:
        """What waits for a date is less than what has one."""
        earlier = self.came.get(rule)
        return earlier is not None and (earlier is not Reason.WAITING or reason is Reason.WAITING)


def _comes(reason: Reason) -> bool:
    return STATUS_OF[reason] is not None or reason in (Reason.NOT_DUE, Reason.WAITING)


def _changed(old: Project, new: Project) -> frozenset[str]:
    """The rules that say something else than before."""
    accounts = new.settings.accounts
    before = {(name, rule.id): _placeless(rule) for name in accounts for rule in old.rules_for(name)}
    return frozenset(
        rule.id for name in accounts for rule in new.rules_for(name) if before.get((name, rule.id)) != _placeless(rule)
    )


def _placeless(rule: Rule) -> Rule:
    """A rule wherever it stands."""
    return replace(rule, span=_NOWHERE, attach=())


def _knows(keys: Collection[MessageKey], rule: str, step: str) -> bool:
    return (rule, step) in keys or (rule, ANY_STEP) in keys


def _message(rule: Rule, step: Step) -> str:
    return f"{rule.id}/{step.id}" if step.id else rule.id


def _name(row: Record, rule: Rule) -> str:
    """The earlier message as `formerly` takes it there: a bare word is a step of this ladder, else a rule."""
    if row.rule in rule.ids:
        return row.step or f"{row.rule}/"
    return f"{row.rule}/{row.step}" if row.step else row.rule
