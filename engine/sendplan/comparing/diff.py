"""Two plans compared: what is added, dropped, moved to another day or changed, and what is kept.

See docs/commands.md#sendplan-diff.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from enum import StrEnum
from typing import TypeAlias

from sendplan.comparing.sent_again import RuleSet, sent_again
from sendplan.dataclass import dataclass
from sendplan.deciding.decision import Decision
from sendplan.plan import Entry, Plan, Reason
from sendplan.planning.planner import Clock, decide_orders, make_plan
from sendplan.project.project import Project
from sendplan.project.settings import Settings
from sendplan.store.protocols import OrderSource, Reader
from sendplan.windows import next_opening

COMPARED = ("status", "step", "klass", "template", "sender", "language")
"""What makes a message another one, besides the day on which it leaves."""

OrderRule: TypeAlias = tuple[str, str]
"""(order, present rule): each plan lists at most one message there, since a ladder speaks through its next step."""


class ChangeKind(StrEnum):
    """What became of a message."""

    ADDED = "added"
    DROPPED = "dropped"
    MOVED = "moved"
    """It leaves on another day."""
    CHANGED = "changed"
    """It leaves on the same day, but as another message, from another sender, or not without a person."""
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Unlisted:
    """What a rule set decided on a message that its plan does not list."""

    reason: Reason | None
    """None when the rule does not exist there."""
    why: str
    leaves: str | None = None
    """The day on which it will leave if nothing changes; None unless it is not due yet."""


@dataclass(frozen=True, slots=True)
class Change:
    """One message that differs between two plans."""

    kind: ChangeKind
    old: Entry | None
    new: Entry | None
    old_day: str | None
    """The day on which it leaves; None when it does not, or waits for a person."""
    new_day: str | None
    fields: Mapping[str, tuple[str | None, str | None]] = field(default_factory=dict)
    """What differs besides the day: name → before and after."""
    elsewhere: Unlisted | None = None
    """Why the other plan does not list it, when that is known."""

    @property
    def entry(self) -> Entry:
        """The message as it is now, else as it was."""
        entry = self.new or self.old
        assert entry is not None
        return entry


@dataclass(frozen=True, slots=True)
class Diff:
    """What separates two plans."""

    changes: tuple[Change, ...]
    """By rule, kind and order."""
    kept: Mapping[str, int]
    """Rule → messages that are in both plans, unchanged."""
    warnings: tuple[str, ...] = ()
    """What the new plan warns of and the old one does not, and what may be sent again under another name."""

    def counts(self, rule: str | None = None) -> dict[ChangeKind, int]:
        """How many messages there are of each kind, in all or of one rule."""
        found = Counter(each.kind for each in self.changes if rule in (None, each.entry.rule))
        kept = sum(self.kept.values()) if rule is None else self.kept.get(rule, 0)
        return {kind: kept if kind is ChangeKind.KEPT else found[kind] for kind in ChangeKind}

    def rules(self) -> list[str]:
        """The rules of which there is something to tell."""
        return sorted({each.entry.rule for each in self.changes} | {rule for rule, count in self.kept.items() if count})


Elsewhere: TypeAlias = Callable[[list[OrderRule]], Mapping[OrderRule, Unlisted]]
"""What a rule set decided on messages that its plan does not list."""


def compare(
    old: Plan,
    new: Plan,
    *,
    in_new: Elsewhere = lambda places: {},
    in_old: Elsewhere = lambda places: {},
    renamed: Mapping[str, str] | None = None,
) -> Diff:
    """The difference of two plans; `in_new` and `in_old` tell why one of them does not list what the other does.

    `renamed` leads from a rule's earlier id to its present one.
    """
    names = renamed or {}
    before = {(entry.order or "", names.get(entry.rule, entry.rule)): entry for entry in old.entries}
    after = {(entry.order or "", entry.rule): entry for entry in new.entries}
    gone = in_new([place for place in before if place not in after])
    come = in_old([place for place in after if place not in before])
    changes: list[Change] = []
    kept: Counter[str] = Counter()
    for place in sorted(before.keys() | after.keys()):
        was, now = before.get(place), after.get(place)
        unlisted = gone.get(place) if now is None else come.get(place) if was is None else None
        change = _change(was, now, unlisted)
        if change.kind is ChangeKind.KEPT:
            kept[place[1]] += 1
        else:
            changes.append(change)
    kinds = list(ChangeKind)
    changes.sort(
        key=lambda each: (each.entry.rule, kinds.index(each.kind), each.new_day or "9999", each.entry.order or "")
    )
    warnings = tuple(each for each in new.warnings if each not in old.warnings)
    return Diff(tuple(changes), dict(sorted(kept.items())), warnings)


def _change(was: Entry | None, now: Entry | None, unlisted: Unlisted | None) -> Change:
    leaves = unlisted.leaves if unlisted else None
    old_day = _day(was) if was else leaves
    new_day = _day(now) if now else leaves
    fields: dict[str, tuple[str | None, str | None]] = {}
    if was is not None and now is not None:
        fields = {
            "class" if name == "klass" else name: (getattr(was, name), getattr(now, name))
            for name in ("rule", *COMPARED)
            if getattr(was, name) != getattr(now, name)
        }
    if old_day is not None and new_day is not None and old_day != new_day:
        kind = ChangeKind.MOVED
    elif was is None:
        kind = ChangeKind.ADDED
    elif now is None:
        kind = ChangeKind.DROPPED
    else:
        kind = ChangeKind.CHANGED if fields else ChangeKind.KEPT
    return Change(kind, was, now, old_day, new_day, fields, unlisted)


def _day(entry: Entry) -> str | None:
    return entry.send_at[:10] if entry.send_at else None


# --- two rule sets over one store and clock ---


def compare_rules(
    old: Project, old_reader: Reader, new: Project, new_reader: Reader, clock: Clock
) -> tuple[Plan, Plan, Diff]:
    """Both rule sets' plans and their difference; each reader reads the same store, with its project's own fields."""
    old_plan, new_plan = make_plan(old, old_reader, clock), make_plan(new, new_reader, clock)
    renamed = _renamed(old, new)
    back = {now: was for was, now in renamed.items()}
    difference = compare(
        old_plan,
        new_plan,
        in_new=lambda places: _unlisted(new, new_reader, clock, places, {}),
        in_old=lambda places: _unlisted(old, old_reader, clock, places, back),
        renamed=renamed,
    )
    again = tuple(sent_again(RuleSet(old, old_reader, clock), RuleSet(new, new_reader, clock), renamed))
    return old_plan, new_plan, replace(difference, warnings=(*again, *difference.warnings))


def _renamed(old: Project, new: Project) -> dict[str, str]:
    """Earlier rule id → present one, for rules that name it as `formerly`."""
    present = {rule.id for rule in new.rules}
    return {
        earlier: rule.id
        for rule in new.rules
        for step in rule.written
        for earlier, _ in step.keys
        if earlier not in present and old.rule(earlier) is not None
    }


def _unlisted(
    project: Project, source: OrderSource, clock: Clock, places: list[OrderRule], names: Mapping[str, str]
) -> dict[OrderRule, Unlisted]:
    """Decide on these orders again; `names` leads from a place's rule to its id in this project."""
    orders = source.orders_by_id({order for order, _ in places})
    decided = {each.facts.id: each.decisions for each in decide_orders(project, source, clock, orders=orders)}
    found: dict[OrderRule, Unlisted] = {}
    for order, rule in places:
        name = names.get(rule, rule)
        decision = next((each for each in decided.get(order, ()) if each.rule.id == name), None)
        if decision is not None:
            found[order, rule] = Unlisted(decision.reason, decision.why, _leaves(decision, project.settings))
        elif project.rule(name) is None:
            found[order, rule] = Unlisted(None, f"there is no usable rule {name}")
    return found


def _leaves(decision: Decision, settings: Settings) -> str | None:
    """The day on which a message that is not due yet leaves: when it is due, or its window then opens next."""
    if decision.reason is not Reason.NOT_DUE or decision.due is None or decision.step is None:
        return None
    calendar = settings.calendar
    due = calendar.instant(decision.due)
    window = settings.windows[decision.step.window] if decision.step.window else None
    opening = next_opening(calendar, window, due) if window else due
    return str(calendar.day(opening)) if opening is not None else None
