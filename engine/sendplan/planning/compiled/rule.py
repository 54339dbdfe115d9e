"""One rule, for accounts that share its params, as functions over cells: which orders a plan lists."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from sendplan.dataclass import dataclass
from sendplan.deciding.progress import Progress, progress
from sendplan.expressions import Sent
from sendplan.fields import PERSONAL
from sendplan.ledger import History, Record, State
from sendplan.planning.compiled.cells import MomentCell, Unusual
from sendplan.planning.compiled.rule_code import (
    ASK,
    CLOCK_ARGUMENTS,
    AnswerKind,
    Decided,
    ListingAnswer,
    StepClock,
    StepWriter,
    World,
)
from sendplan.project.regions import ADDRESS_FIELDS
from sendplan.project.rules import Rule, Step
from sendplan.store.records import OrderCells
from sendplan.store.sql.encoding import decode_instant, decode_optional_instant, encode_instant

SHOWN = tuple(name for name in ADDRESS_FIELDS if name not in PERSONAL)
"""The parts of an address that stand among the facts where the order has them."""

_ALWAYS = ("email", "language", "billing_country", *ADDRESS_FIELDS)
"""What is looked at of every order that is listed."""


@dataclass(frozen=True, slots=True)
class ListedMessage:
    """An order that a plan lists, without the words."""

    cells: OrderCells
    account: str
    kind: AnswerKind
    answer: ListingAnswer
    progress: Progress


@dataclass(frozen=True, slots=True)
class _StepFunction:
    decide: Callable[..., Decided]
    kinds: tuple[AnswerKind, ...]
    sent: tuple[Sent, ...]
    clock: Callable[[datetime], StepClock]


Clocks: TypeAlias = Mapping[str, StepClock]
"""A moment, as each step's function is told it, by the step's id."""


class CompiledRule:
    """Decides on rows of cells; raises Unusual when the interpreter has to decide on all of them."""

    def __init__(self, rule: Rule, world: World) -> None:
        self.rule, self.world = rule, world
        writers = {
            (step.id, following): self._written(step, following=following)
            for number, step in enumerate(rule.steps)
            for following in ((False, True) if rule.ladder else (False,))
            if following or number == 0
        }
        self.columns = self._columns([kind for each in writers.values() for kind in each.kinds], writers.values())
        self._functions = {key: self._function(each) for key, each in writers.items()}
        self._first = self._functions[rule.steps[0].id, False]
        self._untouched = progress(rule, History())

    def clocks(self, now: datetime) -> Clocks:
        """A moment (UTC) for `decide`; raises Unusual when the interpreter has to decide on every order then."""
        return {step: function.clock(now) for (step, _), function in self._functions.items()}

    def _written(self, step: Step, *, following: bool) -> StepWriter:
        writer = StepWriter(self.rule, step, self.world, following=following)
        writer.write()
        return writer

    def _columns(self, kinds: list[AnswerKind], writers: Collection[StepWriter]) -> Mapping[str, str]:
        """Stored field → its variable, in the order of a row's cells."""
        scratch = self.world.writer()
        for name in (*_ALWAYS, *(name for kind in kinds for name in kind.reads)):
            scratch.field(name)
        return scratch.columns | {name: text for each in writers for name, text in each.writer.columns.items()}

    def _function(self, writer: StepWriter) -> _StepFunction:
        arguments = (*CLOCK_ARGUMENTS, "_account", "_last", "_retry", *writer.writer.sent)
        decide = writer.writer.function(arguments, self.columns)
        return _StepFunction(decide, tuple(writer.kinds), tuple(writer.writer.sent.values()), writer.clock)

    def decide(self, cells: OrderCells, clocks: Clocks, history: History | None = None) -> ListedMessage | Any:
        """What the plan says of an order; None when nothing, `ASK` when the interpreter has to decide.

        Where only sends matter, a moment says when to look again, if nothing else happens to the order before. The
        ledger stands among the cells, unless it is given.
        """
        account = self.world.settings.account_names.get(cells[1])
        if account not in self.world.accounts:
            return None
        try:
            if history is None and cells[2] is not None:
                history = History(_records(cells))
            if history is None or not history.records:
                function, found = self._first, self._untouched
                clock = clocks[self.rule.steps[0].id]
                answer = function.decide(cells, *clock, account, None, None) if not function.sent else ASK
            else:
                found = progress(self.rule, history)
                function, answer = self._with_history(cells, account, clocks, history, found)
        except Unusual:
            return ASK
        if not isinstance(answer, ListingAnswer):
            return answer
        return ListedMessage(cells, account, function.kinds[answer.kind], answer, found)

    def _with_history(
        self, cells: OrderCells, account: str, clocks: Clocks, history: History, found: Progress
    ) -> tuple[_StepFunction, Decided]:
        function = self._first
        if not found.left or found.doubtful is not None:
            return function, None
        step, record = found.left[0]
        if record is not None and record.state is not State.DEFERRED:
            return function, None
        last = found.last.at if found.last is not None else None
        key = (step.id, last is not None)
        if key not in self._functions:
            return function, ASK
        function = self._functions[key]
        sent = [self._sent(history, node) for node in function.sent]
        retry = record.next_attempt if record is not None else None
        return function, function.decide(cells, *clocks[step.id], account, _cell(last), _cell(retry), *sent)

    @staticmethod
    def _sent(history: History, node: Sent) -> MomentCell:
        """When the message went out; one that has not may go out in this very plan."""
        record = history.find(node.keys)
        if record is None or record.state is not State.SENT:
            raise Unusual
        return encode_instant(record.at)


def _cell(moment: datetime | None) -> MomentCell | None:
    if moment is None:
        return None
    if moment.microsecond:
        raise Unusual
    return encode_instant(moment)


def _records(cells: OrderCells) -> dict[tuple[str, str], Record]:
    """The ledger rows of an order, as far as a decision that needs no words looks at them."""
    found = {}
    for line in cells[2].split("\n"):
        try:
            rule, step, state, at, retry = line.split("|")
            next_attempt = decode_optional_instant(int(retry) if retry else None)
            found[rule, step] = Record(
                rule, step, cells[0], State(state), decode_instant(int(at)), next_attempt=next_attempt
            )
        except ValueError as error:
            raise Unusual from error
    return found
