"""One search of a plan, decided on cells; what it lists becomes entries, in the interpreter's words.

The interpreter is asked once for each kind of answer. Where it says anything else, it decides on everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from sys import intern
from typing import Any

from sendplan.addresses import masked
from sendplan.deciding.candidates import CandidateSearch
from sendplan.deciding.decision import said_of_following, said_of_retry, said_of_send
from sendplan.deciding.facts import Facts
from sendplan.ledger import Standing
from sendplan.plan import STATUS_OF, Entry, Reason, key_of
from sendplan.planning.compiled.cells import CellCalendar, Unusual
from sendplan.planning.compiled.expression_code import CellType
from sendplan.planning.compiled.places import AddressRegions
from sendplan.planning.compiled.rule import SHOWN, CompiledRule, ListedMessage
from sendplan.planning.compiled.rule_code import ASK, AnswerKind, World
from sendplan.planning.entries import chosen_template, fact_json, hidden
from sendplan.project.project import Project
from sendplan.store.records import OrderCells
from sendplan.store.sql.encoding import Codec, decode_decimal, encode_instant

_SAID = frozenset({Reason.SEND, Reason.RETRY_LATER})
"""The sentence differs from order to order."""

_LEDGER_COLUMNS = 4
"""What stands before the cells of fields."""


class Disagreement(Exception):  # noqa: N818 -- it is ours, not the user's
    """A compiled rule decided otherwise than the interpreter, which has to decide alone then."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


def said_of_disagreement(rule: str) -> str:
    """A warning: people can trust the result, and should tell us."""
    return (
        f"{rule}: a mistake in sendplan, please report it: the compiled form of this rule decided otherwise than the "
        "rule itself; what stands here is decided by the rule itself"
    )


class CompiledSearch:
    """Decides on a rule's candidates; raises Unusual when the interpreter has to decide on all of them."""

    def __init__(self, project: Project, rule: CompiledRule) -> None:
        self.project, self.rule = project, rule
        self.world = world = rule.world
        self.clocks = rule.clocks(world.now)
        self.columns = tuple(self.rule.columns)
        self._places = {name: place for place, name in enumerate(self.columns, start=_LEDGER_COLUMNS)}
        self._calendar = world.settings.calendar
        self._decode = Codec(self._calendar).decode_moment
        self._now = self._calendar.text(world.now)
        self._said: dict[tuple[AnswerKind, str | None], str | None] = {}
        """What the interpreter says of a kind of answer; None where that differs from order to order."""
        self._facts: dict[AnswerKind, tuple[tuple[str, ...], Callable[..., tuple[Any, ...]]]] = {}
        self._texts: dict[int, str] = {}
        self._amounts: dict[int, str] = {}
        self._languages: dict[tuple[Any, ...], str | None] = {}

    def decide(self, rows: Iterable[OrderCells]) -> tuple[list[ListedMessage], list[str]]:
        """What is listed, and the ids of the orders on which the interpreter has to decide."""
        listed: list[ListedMessage] = []
        asked: list[str] = []
        decide, clocks = self.rule.decide, self.clocks
        for row in rows:
            found = decide(row, clocks)
            if found is ASK:
                asked.append(row[0])
            elif found is not None:
                listed.append(found)
        return listed, asked

    def compare(
        self, listed: Sequence[ListedMessage], interpreted: Callable[[Sequence[str]], dict[str, Entry]]
    ) -> None:
        """Raises Disagreement unless the interpreter lists the first order of each new kind of answer alike."""
        first = {(each.kind, each.answer.account): each for each in reversed(listed)}
        new = {kind: each for kind, each in first.items() if kind not in self._said}
        entries = interpreted([each.cells[0] for each in new.values()]) if new else {}
        for kind, each in new.items():
            entry = entries.get(each.cells[0])
            if entry is not None:
                self._said[kind] = None if each.kind.reason in _SAID else entry.why
            if entry is None or entry != self.entry(each):
                raise Disagreement(self.rule.rule.id)

    def entry(self, listed: ListedMessage, *, show_addresses: bool = False) -> Entry:
        """The line of the plan."""
        cells, kind, answer, settings = listed.cells, listed.kind, listed.answer, self.world.settings
        step, at = kind.step, self._places
        email = cells[at["email"]]
        to = email if show_addresses else masked(email)
        located = self.world.places.locate(cells[at["country"]], cells[at["postcode"]], cells[at["street"]])
        due = self._text(answer.due)
        names, values_of = self._facts.get(kind) or self._made(kind)
        *values, billing_country = values_of(cells, listed.account)
        return Entry(
            key=key_of(cells[0], self.rule.rule.id, step.id),
            status=STATUS_OF[kind.reason],  # type: ignore[arg-type]
            reason=kind.reason,
            why=self._said[kind, answer.account] or self._sentence(listed, due),
            rule=self.rule.rule.id,
            step=step.id or None,
            order=cells[0],
            account=listed.account,
            region=located.region,
            klass=step.klass,
            sender=settings.accounts[listed.account].sender,
            template=step.template,
            language=self._language(listed, billing_country),
            due=due,
            send_at=self._send_at(listed),
            to=to,
            facts={
                name: hidden(value, email, to)
                for name, value in zip(names, values, strict=True)
                if value is not None or name in kind.reads or name == located.missing
            },
        )

    def _send_at(self, listed: ListedMessage) -> str | None:
        if listed.kind.reason is Reason.SEND:
            return self._now
        return None if listed.answer.send_at is None else self._text(listed.answer.send_at)

    def _sentence(self, listed: ListedMessage, due: str) -> str:
        if listed.kind.reason is Reason.RETRY_LATER:
            return intern(said_of_retry(self._send_at(listed) or ""))
        return intern(said_of_send(due, self._origin(listed)))

    def _origin(self, listed: ListedMessage) -> str:
        rule, step, last = self.rule.rule, listed.kind.step, listed.progress.last
        if not listed.answer.follows or last is None or step.after is None:
            return rule.due.text
        at = last.at if step.after.exact else self._calendar.day(last.at)
        return said_of_following(listed.progress.last_step or rule.id, self._calendar.text(at), step)

    def _text(self, cell: int) -> str:
        text = self._texts.get(cell)
        if text is None:
            text = self._texts[cell] = intern(self._calendar.text(self._decode(cell)))
        return text

    def _amount(self, cell: int) -> str:
        text = self._amounts.get(cell)
        if text is None:
            text = self._amounts[cell] = fact_json(decode_decimal(cell), self._calendar)
        return text

    def _language(self, listed: ListedMessage, billing_country: str | None) -> str | None:
        language, template = listed.cells[self._places["language"]], listed.kind.step.template
        asked = (listed.account, template, language, billing_country)
        if asked not in self._languages:
            named = (("language", language), ("billing_country", billing_country))
            values = {name: text for name, text in named if text is not None}
            chosen = chosen_template(self.project, Facts("", listed.account, 0, values), template)
            self._languages[asked] = chosen.language if chosen else None
        return self._languages[asked]

    # --- facts ---

    def _made(self, kind: AnswerKind) -> tuple[tuple[str, ...], Callable[..., tuple[Any, ...]]]:
        """The function that shows what was read on the way to a kind of answer, and the billing country."""
        names = tuple(sorted({*kind.reads, *SHOWN}))
        writer = self.world.writer()
        writer.namespace |= {
            "_CLOCK": encode_instant(self.world.now) + 1,
            "_moment": lambda cell: None if cell is None else self._text(cell),
            "_amount": lambda cell: None if cell is None else self._amount(cell),
            "_list": lambda texts: None if texts is None else list(texts),
        }
        shown = []
        for name in names:
            code = writer.field(name)
            around = {CellType.MOMENT: "_moment", CellType.SCALED: "_amount", CellType.LIST: "_list"}.get(code.kept, "")
            shown.append(f"{around}({code.source})" if around else code.source)
        shown.append(writer.field("billing_country").source)
        writer.lines.append(f"return {', '.join(shown)}")
        self._facts[kind] = names, writer.function(("_account",), self.rule.columns)
        return self._facts[kind]


def compiled_rule(
    project: Project,
    id_: str,
    accounts: frozenset[str],
    standing: Standing,
    now: datetime,
    *,
    hidden: bool,
    only_sends: bool = False,
) -> CompiledRule | None:
    """A rule of accounts for which it is the same; None when the interpreter has to decide on all of their orders.

    `now` is UTC; `hidden`: the clock was set back, so that events after it are hidden. `only_sends` as in `World`.
    """
    settings, name = project.settings, min(accounts)
    rule = next(each for each in project.rules_for(name) if each.id == id_)
    known = (settings.accounts[each] for each in accounts)
    asked = frozenset(each.name for each in known if not each.closed and rule.id not in each.skip)
    params = settings.accounts[name].params
    try:
        calendar, places = CellCalendar(settings.calendar, now), AddressRegions(settings.regions)
        return CompiledRule(
            rule, World(settings, asked, params, standing, now, hidden, calendar, places, only_sends=only_sends)
        )
    except Unusual:
        return None


def compiled_search(
    project: Project, search: CandidateSearch, standing: Standing, now: datetime, *, hidden: bool
) -> CompiledSearch | None:
    """The search's rule as functions; None when the interpreter has to decide on all of its candidates."""
    if search.rule is None:
        return None
    rule = compiled_rule(project, search.rule, search.accounts, standing, now, hidden=hidden)
    try:
        return CompiledSearch(project, rule) if rule is not None else None
    except Unusual:
        return None
