"""A rule's step → one Python function that asks the questions of `deciding/decide.py` of an order's cells.

It answers None where the plan has nothing to say of the order, `ASK` where the interpreter has to decide, else a
`ListingAnswer`. Everything that is not an everyday case is `ASK`, above all what a plan warns of: missed messages and
fields that are unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final, NamedTuple, TypeAlias

from sendplan.addresses import address_error, mailbox
from sendplan.deciding.held_back import outdated, paused, stops
from sendplan.deciding.timing import earliest_day
from sendplan.expressions import Expression, ParamValue, walk
from sendplan.expressions.nodes import Conditional
from sendplan.fields import PERSONAL
from sendplan.ledger import SnoozeSubject, Standing
from sendplan.plan import Reason
from sendplan.planning.compiled.cells import CellCalendar, MomentCell, Unusual
from sendplan.planning.compiled.expression_code import CellType, FunctionWriter
from sendplan.planning.compiled.places import AddressRegions
from sendplan.project.regions import ADDRESS_FIELDS
from sendplan.project.rules import Rule, Step
from sendplan.project.settings import Settings
from sendplan.store.sql.encoding import encode_instant
from sendplan.windows import next_opening


class Ask(Enum):
    """What is not decided here."""

    ASK = "ask the interpreter"


ASK: Final = Ask.ASK


@dataclass(frozen=True, slots=True, eq=False)
class AnswerKind:
    """What a step's answers have in common."""

    step: Step
    reason: Reason
    hold: str | None
    """What holds it."""
    reads: tuple[str, ...]
    """The fields that were read on the way, without personal ones, by name."""


class ListingAnswer(NamedTuple):
    """That a plan lists a message, and what differs from order to order."""

    kind: int
    """Its place among the `kinds` of the step."""
    account: str | None
    """Its account, where what is said depends on it."""
    due: MomentCell
    send_at: MomentCell | None
    follows: bool
    """The due date is counted from the last message."""


Row: TypeAlias = tuple[Any, ...]
"""An order: id, account as it is stored, its ledger rows as text, whether a row of it was refused, then cells."""

Decided: TypeAlias = "ListingAnswer | Ask | None"


@dataclass(frozen=True, slots=True)
class World:
    """What all orders of one search share."""

    settings: Settings
    accounts: frozenset[str]
    """By their present names; they share `params`."""
    params: Mapping[str, ParamValue]
    standing: Standing
    now: datetime
    """UTC."""
    hidden: bool
    """Whether the clock was set back, so that events after it are hidden."""
    calendar: CellCalendar
    places: AddressRegions

    def writer(self) -> FunctionWriter:
        """For one function."""
        return FunctionWriter(self.settings, self.params, self.calendar, self.hidden)


def first_instant(moment: datetime) -> MomentCell:
    """The first whole second that is not before an instant."""
    cell = encode_instant(moment)
    return cell if not moment.microsecond else cell + 1000


class StepWriter:
    """Writes the questions in the order of the closed list."""

    def __init__(self, rule: Rule, step: Step, world: World, *, following: bool) -> None:
        """`following`: a message of the rule went out before."""
        self.rule, self.step, self.world, self.following = rule, step, world, following
        self.writer = world.writer()
        self.settings = world.settings
        self.names = self.writer.namespace
        self.reads: set[str] = set()
        self.kinds: list[AnswerKind] = []
        self.now = encode_instant(world.now)
        self.names |= {"ASK": ASK, "_CLOCK": self.now + 1, "_NOW": self.now, "_day": world.calendar.day}

    def write(self) -> None:
        """Ask all questions; raises Unusual for a step that the interpreter has to decide on for every order."""
        self._exists()
        self._before_start()
        self._trigger()
        self._region()
        self._class()
        self._address()
        self._due()
        self._too_old()
        self._expired()
        self._held()
        self._kept_back()
        self._later()
        self._answer(Reason.SEND, "_NOW")

    def line(self, text: str) -> None:
        self.writer.lines.append(text)

    def _answer(self, reason: Reason, send_at: str, *, hold: str | None = None, account: str = "None") -> None:
        self.line(f"return {self._listed(reason, send_at, hold=hold, account=account)}")

    def _listed(self, reason: Reason, send_at: str, *, hold: str | None = None, account: str = "None") -> str:
        self.kinds.append(AnswerKind(self.step, reason, hold, tuple(sorted(self.reads - PERSONAL))))
        self.names["_Answer"] = ListingAnswer
        return f"_Answer({len(self.kinds) - 1}, {account}, _due, {send_at}, _follows)"

    def _read(self, expression: Expression) -> Expression:
        self.reads |= expression.fields()
        return expression

    def _only_if(self, *expressions: Expression) -> None:
        """Nothing to say where one is false; where one is unknown the plan may warn of it."""
        roots = [self._read(each).root for each in expressions]
        true = " and ".join(map(self.writer.true, roots))
        false = " or ".join(map(self.writer.false, roots))
        self.line(f"if not ({true}): return None if {false} else ASK")

    # --- questions ---

    def _exists(self) -> None:
        if self.world.hidden:
            self.line(f"if {self.writer.column('ordered')} > _CLOCK: return None")

    def _before_start(self) -> None:
        ordered = self.writer.column("ordered")
        adopted = self.world.standing.overrides.orders_from
        if adopted is not None:
            self.line(f"if {ordered} - {ordered} % 1000 < {first_instant(adopted)}: return None")
        if self.rule.orders_from is not None and not self.following:
            self.reads.add("ordered")
            self.line(f"if _day({ordered}) < {self.world.calendar.place(self.rule.orders_from)}: return None")

    def _trigger(self) -> None:
        self._only_if(*self.step.triggers)

    def _region(self) -> None:
        if self.step.regions is not None:
            self.names["_allowed"] = self._allowed()
            self.line(f"_region = _allowed({', '.join(map(self.writer.column, ADDRESS_FIELDS))})")
            self.line("if _region is not True: return _region")

    def _class(self) -> None:
        requires = self.settings.classes[self.step.klass].requires
        if requires is not None:
            self._only_if(requires)

    def _address(self) -> None:
        email = self.writer.column("email")
        self.names |= {"_address_error": address_error, "_mailbox": mailbox}
        self.line(f"if {email} is None: return None")
        suppressed = self.world.standing.overrides.suppressed
        if suppressed:

            def stopped(address: str) -> bool:
                return any(stops(klass, self.step, self.settings) for klass in suppressed[address])

            self.names |= {"_suppressed": suppressed, "_stopped": stopped}
            self.line(f"if _mailbox({email}) in _suppressed and _stopped(_mailbox({email})): return None")
        self.line(f"if _address_error({email}) is not None: return None")

    def _due(self) -> None:
        code = self.writer.value(self._read(self.rule.due).root)
        if code.kept is not CellType.MOMENT:
            raise Unusual
        self.line(f"_due = {code.source}")
        if not code.always:
            undecided = any(isinstance(node, Conditional) for node in walk(self.rule.due.root))
            self.line(f"if _due is None: return {'ASK' if undecided else 'None'}")
        self.line("_follows = False")
        if self.step.after is not None and self.following:
            self.line(f"_next = {self.writer.adder(self.step.after)}(_last)")
            self.line("if _next - _next % 1000 > _due - _due % 1000: _due, _follows = _next, True")

    def _too_old(self) -> None:
        """What is too old may have been missed."""
        if self.rule.lookback is not None:
            calendar = self.world.calendar
            earliest = calendar.place(earliest_day(calendar.calendar, self.rule.lookback, self.world.now))
            if not self.following:
                self.reads.add("ordered")
            counted = "_due" if self.following else self.writer.column("ordered")
            self.line(f"if _day({counted}) < {earliest}: return ASK")

    def _expired(self) -> None:
        self.line("if _due > _CLOCK: return None")
        window = self.settings.windows[self.step.window] if self.step.window else None
        calendar = self.world.calendar
        opening = next_opening(calendar.calendar, window, self.world.now) if window else self.world.now
        if opening is None:
            raise Unusual
        self.opening = encode_instant(opening)
        self.outside = opening != self.world.now
        if self.step.expires is not None:
            self.writer.count_days(self.step.expires)
            ended = self.writer.constant(calendar.ended(self.step.expires, self.opening), "_ended")
            self.line(f"if {ended}(_due): return ASK")
            self.names["_end"] = calendar.end
            expires = self.writer.constant(self.step.expires, "_expires")
            self.line(f"if _retry is not None and _end(_due, {expires}) <= _retry: return ASK")

    def _held(self) -> None:
        snoozes = self.world.standing.overrides.snoozes
        if snoozes:
            self.names |= {"_snoozes": snoozes, "_ORDER": SnoozeSubject.ORDER, "_ADDRESS": SnoozeSubject.ADDRESS}
            address = f"_mailbox({self.writer.column('email')})"
            self.line(f"if (_ORDER, _id) in _snoozes or (_ADDRESS, {address}) in _snoozes: return ASK")
        for hold in self.settings.holds:
            root = self._read(hold.when).root
            free, held = self.writer.false(root), self.writer.true(root)
            answer = self._listed(Reason.HELD, "None", hold=hold.name)
            self.line(f"if not {free}: return {answer} if {held} else ASK")

    def _kept_back(self) -> None:
        """Pauses, which stand for whole accounts, and data that may be wrong."""
        rule, accounts = self.rule, self.settings.accounts
        standing = self.world.standing
        kept = {name for name in self.world.accounts if paused(rule, accounts[name], standing.overrides)}
        if kept:
            name = self.writer.constant(frozenset(kept), "_PAUSED")
            self.line(f"if _account in {name}: return {self._listed(Reason.PAUSED, 'None', account='_account')}")
        self.line("if _refused: return ASK")
        old = {name for name in self.world.accounts if self._is_outdated(name)}
        if old:
            name = self.writer.constant(frozenset(old), "_OUTDATED")
            self.line(f"if _account in {name}: return {self._listed(Reason.STALE_DATA, 'None', account='_account')}")

    def _is_outdated(self, account: str) -> bool:
        imported = self.world.standing.imported.get(account, {})
        check = outdated(self.rule, self.settings, imported, self.world.now)
        return check is not None and not check.passed

    def _later(self) -> None:
        answer = self._listed(Reason.RETRY_LATER, "_retry")
        self.line(f"if _retry is not None and _retry > _NOW: return {answer}")
        if self.outside:
            self._answer(Reason.OUTSIDE_WINDOW, str(self.opening))

    def _allowed(self) -> Callable[[Any, Any, Any], bool | Ask | None]:
        """Whether a step goes to an address: True, None where it does not, `ASK` where the region is unknown."""
        allowed = self.step.regions or frozenset()
        everywhere = allowed >= {region.name for region in self.settings.regions}
        places = self.world.places

        def allowed_in(country: Any, postcode: Any, street: Any) -> bool | Ask | None:
            located = places.locate(country, postcode, street)
            if located.missing:
                return True if everywhere else ASK
            return True if located.region in allowed else None

        return allowed_in
