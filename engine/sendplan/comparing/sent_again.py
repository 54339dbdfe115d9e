"""Messages that a change of rules would send again under another name (docs/commands.md#sendplan-diff)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator

from sendplan.ledger import ANY_STEP, MessageKey, Record, State
from sendplan.plan import Entry, Plan
from sendplan.project.project import Project
from sendplan.store.protocols import OrderSource
from sendplan.text import counted

_MAY_HAVE_LEFT = frozenset({State.SENT, State.SENDING, State.UNCERTAIN})


def sent_again(
    old: Project, new: Project, source: OrderSource, plan: Plan, listed: Collection[tuple[str | None, str]]
) -> Iterator[str]:
    """A sentence for each message of the new plan that comes to orders which had one that is gone, and is not named.

    Gone is what the old rules know and the new ones do not, also not as an earlier name. What the old plan lists too
    (`listed`: order, present rule) would have come anyway, under this name or as the message of another rule that is
    gone, unless it is a new step of the ladder that sent the other.
    """
    before, now = _keys(old), _keys(new)
    replaced: dict[str | None, set[str]] = {}
    for order, rule in listed:
        if new.rule(rule) is None:
            replaced.setdefault(order, set()).add(rule)
    histories = source.histories({each.order for each in plan.entries if each.order is not None})

    def is_new(entry: Entry, row: Record) -> bool:
        if row.rule == entry.rule:
            return (entry.rule, entry.step or "") not in before
        others = replaced.get(entry.order, set()) - {row.rule}
        return (entry.order, entry.rule) not in listed and not others

    found: Counter[tuple[str, str]] = Counter()
    for entry in plan.entries:
        history = histories.get(entry.order or "")
        rows = history.records.values() if history is not None else ()
        gone = (each for each in rows if each.state in _MAY_HAVE_LEFT and _knows(before, each) > _knows(now, each))
        found.update({(_message(entry), _name(each, entry)) for each in gone if is_new(entry, each)})
    for (message, earlier), count in sorted(found.items()):
        yield (
            f"{message} would go to {counted(count, 'order')} that had {earlier}, which is gone: "
            f"if it is the same mail, add `formerly: [{earlier}]`"
        )


def _keys(project: Project) -> frozenset[MessageKey]:
    """The present and earlier names of all messages."""
    return frozenset(key for rule in project.rules for step in rule.written for key in step.keys)


def _knows(keys: frozenset[MessageKey], row: Record) -> bool:
    return (row.rule, row.step) in keys or (row.rule, ANY_STEP) in keys


def _message(entry: Entry) -> str:
    return f"{entry.rule}/{entry.step}" if entry.step else entry.rule


def _name(row: Record, entry: Entry) -> str:
    """The earlier message as `formerly` takes it there: a bare word is a step of this ladder, else a rule."""
    if row.rule == entry.rule:
        return row.step or f"{row.rule}/"
    return f"{row.rule}/{row.step}" if row.step else row.rule
