"""Rule → where in the store its candidates lie: every order that a plan could list is among them, few others are.

Cost follows what is due, not what is stored (docs/architecture.md#rules). The interpreter decides on each candidate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from sendplan.deciding.timing import earliest_day
from sendplan.expressions.bounds import (
    ALWAYS,
    NEVER,
    Absent,
    AllOf,
    AnyOf,
    Balance,
    Bound,
    Compared,
    Constant,
    Contains,
    Latest,
    Listed,
    Never,
    NotDigits,
    Operand,
    Present,
    all_of,
    any_of,
    conjuncts,
    parts_of,
)
from sendplan.expressions.inverse import before_adding
from sendplan.expressions.nodes import Add, Literal, ParamValue, walk
from sendplan.expressions.pushdown import OPEN_BALANCE, Pushdown
from sendplan.fields import FieldType
from sendplan.ledger import MessageKey
from sendplan.project.postcodes import Postcodes
from sendplan.project.regions import Region, RegionEntry
from sendplan.project.rules import Rule, Step
from sendplan.project.settings import Settings
from sendplan.units import Duration, Unit

_FAR = 100 * 366
"""Days beyond which a duration may lead out of the years 1 to 9999; who knows what `closed` holds."""
_THIS_DAY = Duration(0, Unit.DAYS)
_SOON = frozenset({"checkout_completed", "paid", "shipped", "delivered"})
"""Events that nearly every order reaches: few orders lack one."""


@dataclass(frozen=True, slots=True)
class Index:
    """An index on orders that a narrowing wants; the store creates it when it imports, never when it plans."""

    key: tuple[str | Latest, ...]
    only: Bound = ALWAYS
    """The orders in it; its constants are whole numbers, so that they stand in the index itself."""


@dataclass(frozen=True, slots=True)
class Previous:
    """The step before has been sent, at an instant that is bound so."""

    keys: tuple[MessageKey, ...]
    at: tuple[tuple[str, datetime], ...]
    """Operators `< <= > >=`, each with an instant (UTC)."""


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Orders among which are all that one message of a rule may be listed for."""

    orders: Bound
    unsettled: tuple[MessageKey, ...]
    """Of these keys the ledger has no row, or a deferred one."""
    previous: Previous | None = None
    index: Index | None = None


BY_ACCOUNT = Index(("account", "ordered"))
"""Serves every lookback, and tells which accounts have orders."""


def narrowings(
    rule: Rule,
    settings: Settings,
    accounts: frozenset[str],
    params: Mapping[str, ParamValue],
    now: datetime,
    hide_after: datetime | None = None,
) -> tuple[Narrowing, ...]:
    """Where the rule's candidates among these accounts' orders lie; none when it is off or all accounts skip it.

    The accounts share `params`. `hide_after` (UTC) is the clock that was set back, after which events are hidden.
    """
    asked = frozenset(name for name in accounts if rule.id not in settings.accounts[name].skip)
    if not rule.enabled or not asked:
        return ()
    return tuple(_Narrower(rule, settings, asked, params, now, hide_after).narrowings())


def everything(accounts: Iterable[str]) -> Narrowing:
    """All orders of these accounts, also ones that the project does not know."""
    return Narrowing(Listed("account", frozenset(accounts)), ())


class _Narrower:
    def __init__(
        self,
        rule: Rule,
        settings: Settings,
        accounts: frozenset[str],
        params: Mapping[str, ParamValue],
        now: datetime,
        hide_after: datetime | None,
    ) -> None:
        self.rule = rule
        self.settings = settings
        self.calendar = settings.calendar
        self.accounts = accounts
        self.now = now
        portals = {name: settings.accounts[name].portal for name in sorted(accounts)}
        self.present_day = Pushdown(settings.fields, self.calendar, params, portals)
        self.pushdown = Pushdown(settings.fields, self.calendar, params, portals, hide_after)

    def narrowings(self) -> Iterator[Narrowing]:
        for position, step in enumerate(self.rule.steps):
            try:
                found = tuple(self._first(step) if position == 0 else self._later(position, step))
            except OverflowError:
                # The decision says `error` then, for orders that no date tells apart.
                found = (Narrowing(self._asked(), step.keys),)
            yield from (each for each in found if not isinstance(each.orders, Never))

    def _first(self, step: Step) -> Iterator[Narrowing]:
        """What may begin: the rule's own due date, its lookback, its first day."""
        common = all_of((self._asked(), self._begins()))
        if self._far(step):
            yield Narrowing(common, step.keys, None, BY_ACCOUNT)
            return
        due = self.rule.due.root
        common = all_of((common, self._allowed(step), self.pushdown.compared(due, "<=", self.now)))
        if step.expires is None:
            yield Narrowing(common, step.keys, None, self._open_index(step) or self._begin_index())
            return
        end = Add(due.start, due.end, due, Literal(due.start, due.end, step.expires), 1)
        fresh = self.pushdown.compared(end, ">", self.now)
        yield Narrowing(all_of((common, fresh)), step.keys, None, self._due_index(step, fresh))
        held = self._held()
        expired = self.pushdown.compared(end, "<=", self.now)
        yield Narrowing(all_of((common, expired, held)), step.keys, None, self._held_index() or self._begin_index())

    def _later(self, position: int, step: Step) -> Iterator[Narrowing]:
        """What goes on: counted from the day on which the previous step went out, whenever the order was placed."""
        keys = self.rule.steps[position - 1].keys
        common, index = self._asked(), self._open_index(step)
        if self._far(step) or step.after is None:
            yield Narrowing(common, step.keys, Previous(keys, ()), index)
            return
        common = all_of((common, self._allowed(step)))
        due = self._sent_bound(("<=", self.now), step.after)
        if step.expires is None:
            yield Narrowing(common, step.keys, Previous(keys, (due,)), index)
            return
        fresh = self._sent_bound((">", self.now), step.expires, step.after)
        expired = self._sent_bound(("<=", self.now), step.expires, step.after)
        yield Narrowing(common, step.keys, Previous(keys, (due, fresh)), index)
        held = all_of((common, self._held()))
        yield Narrowing(held, step.keys, Previous(keys, (due, expired)), self._held_index() or index)

    # --- conditions ---

    def _asked(self) -> Bound:
        hide_after = self.pushdown.hide_after
        placed = ALWAYS if hide_after is None else Compared("ordered", "<=", hide_after)
        return all_of((Listed("account", self.accounts), placed))

    def _begins(self) -> Bound:
        calendar, rule = self.calendar, self.rule
        days = [] if rule.orders_from is None else [rule.orders_from]
        if rule.lookback is not None:
            days.append(earliest_day(calendar, rule.lookback, self.now))
        return all_of(Compared("ordered", ">=", calendar.instant(day)) for day in days)

    def _allowed(self, step: Step) -> Bound:
        """Trigger, region, class and address."""
        triggers = [self.pushdown.true(trigger.root) for trigger in step.triggers]
        requires = self.settings.classes[step.klass].requires
        klass = ALWAYS if requires is None else self.pushdown.true(requires.root)
        return all_of((*triggers, in_regions(self.settings.regions, step.regions), klass, Present("email")))

    def _held(self) -> Bound:
        return any_of(self.pushdown.not_false(hold.when.root) for hold in self.settings.holds)

    def _sent_bound(self, bound: tuple[str, datetime], *durations: Duration) -> tuple[str, datetime]:
        """The bound on when the previous step went out, through the day on which that was."""
        for duration in (*durations, _THIS_DAY):
            bound = before_adding(self.calendar, *bound, duration, 1)
        return bound

    def _far(self, step: Step) -> bool:
        """Whether some date may lie beyond the calendar: the decision is an error then, whatever else is so."""
        if not 1000 < self.now.year < 9000:
            return True
        requires = self.settings.classes[step.klass].requires
        holds = [hold.when for hold in self.settings.holds]
        asked = [self.rule.due, *step.triggers, *([requires] if requires else []), *holds]
        nodes = [node for expression in asked for node in walk(expression.root)]
        durations = [self.pushdown.duration(node) for node in nodes] + [step.expires, step.after]
        return sum(each.most_days for each in durations if each is not None) > _FAR

    # --- indexes ---

    def _begin_index(self) -> Index | None:
        return BY_ACCOUNT if self.rule.lookback is not None or self.rule.orders_from is not None else None

    def _due_index(self, step: Step, fresh: Bound) -> Index | None:
        """By the due date where that is narrower than the lookback."""
        lookback = self.rule.lookback
        assert step.expires is not None
        if lookback is not None and lookback.most_days < step.expires.most_days:
            return self._open_index(step) or BY_ACCOUNT
        for part in conjuncts(fresh):
            if isinstance(part, Compared) and part.operator in (">", ">=") and isinstance(part.operand, str | Latest):
                return BY_ACCOUNT if part.operand == "ordered" else Index((part.operand,))
        return self._open_index(step) or self._begin_index()

    def _open_index(self, step: Step) -> Index | None:
        """Only the orders that have not come to where nearly all come, such as unpaid ones."""
        now, then = self._conditions(self.present_day, step), self._conditions(self.pushdown, step)
        lasting = [part for part in now if _is_lasting(part, self.present_day) and part in then]
        if not any(_is_rare(part) for part in lasting):
            return None
        return Index(("ordered",), all_of(lasting))

    def _conditions(self, pushdown: Pushdown, step: Step) -> tuple[Bound, ...]:
        return conjuncts(all_of(pushdown.true(trigger.root) for trigger in step.triggers))

    def _held_index(self) -> Index | None:
        held = self._held()
        if held == any_of(self.present_day.not_false(hold.when.root) for hold in self.settings.holds) and _is_lasting(
            held, self.present_day
        ):
            return Index(("ordered",), held)
        return None


def _is_lasting(bound: Bound, pushdown: Pushdown) -> bool:
    """Whether a condition is the same at every time, and made of whole numbers only."""
    return bound not in (ALWAYS, NEVER) and all(_is_plain(part, pushdown) for part in parts_of(bound))


def _is_plain(part: Bound, pushdown: Pushdown) -> bool:
    match part:
        case Present() | Absent() | AllOf() | AnyOf():
            return True
        case Compared(operand=operand, value=value):
            return isinstance(value, bool) or (not isinstance(value, str | datetime) and _is_number(operand, pushdown))
    return False


def _is_number(operand: Operand, pushdown: Pushdown) -> bool:
    if isinstance(operand, str):
        return pushdown.fields[operand].type in (FieldType.INTEGER, FieldType.DECIMAL)
    return isinstance(operand, Balance)


def _is_rare(part: Bound) -> bool:
    match part:
        case Absent(column=column):
            return column in _SOON
        case Compared(operand=operand, operator=operator, value=value):
            return operand == OPEN_BALANCE and operator in (">", ">=") and _is_positive(value)
    return False


def _is_positive(value: Constant) -> bool:
    return not isinstance(value, str | datetime) and value > 0


def in_regions(regions: tuple[Region, ...], allowed: frozenset[str] | None) -> Bound:
    """Met by every address in one of these regions."""
    if allowed is None or allowed >= {region.name for region in regions}:
        return ALWAYS  # an unknown region passes, too
    parts: list[Bound] = []
    elsewhere: frozenset[str] = frozenset()
    """Countries of which no address comes so far down the list."""
    for region in regions:
        entries = region.entries if region.entries is not None else (RegionEntry(),)
        if region.name in allowed:
            parts += (_at(entry, elsewhere) for entry in entries)
        for entry in entries:
            if entry.countries and not entry.postcodes and not entry.street_words:
                elsewhere |= entry.countries
    return any_of(parts)


def _at(entry: RegionEntry, elsewhere: frozenset[str]) -> Bound:
    if entry.countries:
        countries = entry.countries - elsewhere
        country: Bound = Listed("country", countries) if countries else NEVER
    else:
        country = Listed("country", elsewhere, negated=True) if elsewhere else Present("country")
    return all_of((country, _in_postcodes(entry.postcodes), _in_streets(entry.street_words)))


def _in_postcodes(listed: tuple[Postcodes, ...]) -> Bound:
    """As written in digits; one with other characters in front may still be listed without them."""
    if not all((each.first + each.last).isdigit() for each in listed):
        return Present("postcode")  # letters may be written small
    plain = [
        all_of((Compared("postcode", ">=", each.first), Compared("postcode", "<", each.last + _LAST_CHARACTER)))
        for each in listed
    ]
    odd = [NotDigits("postcode", length) for length in sorted({len(each.first) for each in listed})]
    return any_of((*plain, *odd)) if listed else ALWAYS


_LAST_CHARACTER = "\U0010ffff"


FOLDED = (
    "\u00df\u0130\u0149\u017f\u01f0\u1e96\u1e97\u1e98\u1e99\u1e9a\u1e9e\u212a\ufb00\ufb01\ufb02\ufb03\ufb04\ufb05\ufb06"
)
"""The other characters that are ASCII letters, or hold some, when case is ignored."""


def _in_streets(words: tuple[str, ...]) -> Bound:
    """Holding a word in ASCII letters, or a character that may stand for some of them."""
    folded = [word.casefold() for word in words]
    if not all(word.isascii() for word in folded):
        return Present("street")
    letters = {char: "".join(filter(str.isascii, char.casefold())) for char in FOLDED}
    odd = [char for char in FOLDED if any(letters[char] in word for word in folded)]
    return any_of(Contains("street", each) for each in (*folded, *odd)) if words else ALWAYS
