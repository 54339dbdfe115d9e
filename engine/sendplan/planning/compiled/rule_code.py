"""A rule's step → one Python function that asks the questions of `deciding/decide.py` of an order's cells.

It answers None where the plan has nothing to say of the order, `ASK` where the interpreter has to decide, else a
`ListingAnswer`. Everything that is not an everyday case is `ASK`, above all what a plan warns of: missed messages and
fields that are unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Final, NamedTuple, TypeAlias

from sendplan.addresses import address_error, mailbox
from sendplan.dataclass import dataclass
from sendplan.deciding.held_back import outdated, paused, stops
from sendplan.deciding.timing import earliest_day
from sendplan.expressions import Expression, ParamValue, walk
from sendplan.expressions.nodes import Conditional
from sendplan.fields import PERSONAL, FieldType
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

Decided: TypeAlias = "ListingAnswer | Ask | MomentCell | None"


class StepClock(NamedTuple):
    """A moment, as the function of a step is told it."""

    now: MomentCell
    latest: MomentCell
    """The last moment that has come: it may be marked as a bare date."""
    earliest: int
    """The place of the first day of which a lookback still takes orders."""
    opening: MomentCell
    """When the window is open next: `now` while it is."""
    ended: Callable[[MomentCell], bool] | None
    """Whether what was due at a moment expires before it can leave."""


CLOCK_ARGUMENTS = ("_NOW", "_CLOCK", "_EARLIEST", "_OPENING", "_ended")
"""What a function calls the parts of its clock."""


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
    only_sends: bool = False
    """Whether nothing matters but what leaves, and when one must look again: no warnings, nothing that is held."""

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
        self.window = self.settings.windows[step.window] if step.window else None
        self.names |= {"ASK": ASK, "_day": world.calendar.day}
        self.unclear = "None" if world.only_sends else "ASK"
        """What is answered where nothing leaves, but a plan may warn."""

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
        self.line(f"return {self._listed(Reason.SEND, '_NOW')}")

    def clock(self, now: datetime) -> StepClock:
        """A moment (UTC) for the function; raises Unusual when the interpreter has to decide on every order then."""
        calendar, lookback, expires = self.world.calendar, self.rule.lookback, self.step.expires
        opening = next_opening(calendar.calendar, self.window, now) if self.window else now
        if opening is None:
            raise Unusual
        earliest = 0 if lookback is None else calendar.place(earliest_day(calendar.calendar, lookback, now))
        cell, opens = encode_instant(now), encode_instant(opening)
        return StepClock(cell, cell + 1, earliest, opens, calendar.ended(expires, opens) if expires else None)

    def line(self, text: str) -> None:
        self.writer.lines.append(text)

    def _listed(self, reason: Reason, send_at: str, *, hold: str | None = None, account: str = "None") -> str:
        if self.world.only_sends and reason is not Reason.SEND:
            return send_at
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
        self.line(f"if not ({true}): return {self._unless(false)}")

    def _unless(self, known: str) -> str:
        """Nothing to say where a condition is met."""
        return "None" if self.world.only_sends else f"None if {known} else ASK"

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
            stays = "None" if self.world.only_sends else "ASK"  # A plan counts what would be listed.
            self.line(f"if _mailbox({email}) in _suppressed and _stopped(_mailbox({email})): return {stays}")
        self.line(f"if _address_error({email}) is not None: return None")

    def _due(self) -> None:
        code = self.writer.value(self._read(self.rule.due).root)
        if code.kept is not CellType.MOMENT:
            raise Unusual
        self.line(f"_due = {code.source}")
        if not code.always:
            undecided = any(isinstance(node, Conditional) for node in walk(self.rule.due.root))
            self.line(f"if _due is None: return {self.unclear if undecided else 'None'}")
        self.line("_follows = False")
        if self.step.after is not None and self.following:
            self.line(f"_next = {self.writer.adder(self.step.after)}(_last)")
            self.line("if _next - _next % 1000 > _due - _due % 1000: _due, _follows = _next, True")

    def _too_old(self) -> None:
        """What is too old may have been missed; while a field that the due date reads is young, an order is not."""
        if self.rule.lookback is None:
            return
        fields = self.settings.fields
        read = sorted(name for name in self.rule.due.fields() - {"ordered"} if fields[name].type is FieldType.MOMENT)
        if self.following:
            self.line(f"if _day(_due) < _EARLIEST: return {self.unclear}")
            return
        self.reads.add("ordered")
        ordered = self.writer.column("ordered")
        if self.world.only_sends:
            moments = [self.writer.variable(self.writer.field(name).source) for name in read]
            old = " and ".join(f"({each} is None or _day({each}) < _EARLIEST)" for each in moments)
            self.line(f"if _day({ordered}) < _EARLIEST: return {f'None if {old} else ASK' if old else 'None'}")
        else:
            self.line(f"if _day({ordered}) < _EARLIEST: return ASK")

    def _expired(self) -> None:
        self.line(f"if _due > _CLOCK: return {'_due' if self.world.only_sends else 'None'}")
        if self.step.expires is not None:
            self.writer.count_days(self.step.expires)
            self.line(f"if _ended(_due): return {self.unclear}")
            self.names["_end"] = self.world.calendar.end
            expires = self.writer.constant(self.step.expires, "_expires")
            self.line(f"if _retry is not None and _end(_due, {expires}) <= _retry: return {self.unclear}")

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
            kept = answer if self.world.only_sends else f"{answer} if {held} else ASK"
            self.line(f"if not {free}: return {kept}")

    def _kept_back(self) -> None:
        """Pauses, which stand for whole accounts, and data that may be wrong."""
        rule, accounts = self.rule, self.settings.accounts
        standing = self.world.standing
        kept = {name for name in self.world.accounts if paused(rule, accounts[name], standing.overrides)}
        if kept:
            name = self.writer.constant(frozenset(kept), "_PAUSED")
            self.line(f"if _account in {name}: return {self._listed(Reason.PAUSED, 'None', account='_account')}")
        self.line(f"if _refused: return {self.unclear}")
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
        if self.window is not None:
            self.line(f"if _OPENING > _NOW: return {self._listed(Reason.OUTSIDE_WINDOW, '_OPENING')}")

    def _allowed(self) -> Callable[[Any, Any, Any], bool | Ask | None]:
        """Whether a step goes to an address: True, None where it does not, `ASK` where the region is unknown."""
        allowed = self.step.regions or frozenset()
        everywhere = allowed >= {region.name for region in self.settings.regions}
        places, unclear = self.world.places, None if self.world.only_sends else ASK

        def allowed_in(country: Any, postcode: Any, street: Any) -> bool | Ask | None:
            located = places.locate(country, postcode, street)
            if located.missing:
                return True if everywhere else unclear
            return True if located.region in allowed else None

        return allowed_in
