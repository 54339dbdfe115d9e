"""What a person changes from the pages; each act is noted (docs/board.md#what-can-be-done-here)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sendplan.addresses import mailbox
from sendplan.board.board import PER_PAGE, Board, form_of, session_of
from sendplan.board.current import real_time
from sendplan.board.orders import order_page
from sendplan.board.words import marked as _
from sendplan.dataclass import dataclass
from sendplan.ledger import EVERY_CLASS, MessageKey, Record, SnoozeSubject, State
from sendplan.operating.by_hand import BY_HAND, EVERYTHING, Person
from sendplan.operating.overview import unsettled_of
from sendplan.operating.settling import Selected, Verb, missed
from sendplan.plan import Plan, key_of
from sendplan.planning.lookup import known_rules, message_named, unknown_message, unknown_order
from sendplan.project.project import Project
from sendplan.store import Reader

MISSED = "missed"
_LONGEST_REASON = 200


class RefusedError(Exception):
    """What a form asks for cannot be done; the sentence, in English, says why."""


@contextmanager
def _person(board: Board, request: Request) -> Iterator[Person]:
    """Who is signed in, with the store open for a change."""
    session = session_of(request)
    assert session is not None, "the guard lets nobody else act"
    with board.current.store() as store:
        yield Person(session.name, store)
    board.current.forget()


def acting(act: Callable[[Board, Request], Response]) -> Callable[[Board, Request], Response]:
    """A form whose mistakes are told on a page."""

    def answer(board: Board, request: Request) -> Response:
        try:
            return act(board, request)
        except RefusedError as refused:
            return board.page(request, "refused.html", status=409, why=str(refused))

    return answer


# --- settling ---


@dataclass(frozen=True, slots=True)
class Choice:
    """The messages that a page of settling speaks of: one, those of an order, or all that some filters leave."""

    key: str = ""
    order: str = ""
    state: str = ""
    sender: str = ""
    rule: str = ""

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> Choice:
        """As an address or a form names them."""
        return cls(*(fields.get(name, "").strip() for name in ("key", "order", "state", "sender", "rule")))

    @property
    def fields(self) -> dict[str, str]:
        """The filters that are set."""
        named = {"key": self.key, "order": self.order, "state": self.state, "sender": self.sender, "rule": self.rule}
        return {name: text for name, text in named.items() if text}

    def messages(self, project: Project, reader: Reader, plan: Plan) -> list[tuple[str, MessageKey]]:
        """What they stand for now; raises UserError for a message that cannot be."""
        if self.key:
            found = message_named(project, reader, self.key)
            if found is None:
                raise unknown_message(project, reader, self.key)
            return [found]
        chosen = Selected(
            orders=frozenset({self.order}) if self.order else None, sender=self.sender or None, rule=self.rule or None
        )
        if self.state == MISSED:
            return list(missed(plan, chosen))
        return [
            (each.order, (each.rule, each.step))
            for each in unsettled_of(reader, real_time())
            if chosen.means(each) and (not self.state or self.state == state_of(each))
        ]


def state_of(record: Record) -> str:
    """A message's state as a person settles it: a mail that a vanished run left on its way is uncertain."""
    return (State.UNCERTAIN if record.state is State.SENDING else record.state).value


def settle_page(board: Board, request: Request) -> Response:
    """The messages that are meant, and what can be said of them; nothing is settled by looking."""
    return _settle_page(board, request, Choice.of(request.query_params))


def _settle_page(board: Board, request: Request, choice: Choice, *, changed: bool = False) -> Response:
    current = board.current
    project = current.project
    with current.reader() as reader:
        messages = choice.messages(project, reader, current.overview().plan)
        history = reader.histories([choice.order]).get(choice.order) if choice.order else None
    verbs = [each.value for each in Verb if not (choice.state == MISSED and each is Verb.RETRY)]
    return board.page(
        request,
        "settle.html",
        choice=choice,
        keys=[key_of(order, key[0], key[1] or None) for order, key in messages[:PER_PAGE]],
        count=len(messages),
        refused=history.refused if history is not None else None,
        verbs=verbs,
        seen=_digest(messages),
        changed=changed,
        most=PER_PAGE,
    )


def settle(board: Board, request: Request) -> Response:
    """Settle what the form showed; when other messages are meant by now, show those instead."""
    form = form_of(request)
    choice, current = Choice.of(form), board.current
    if form.get("verb") not in {each.value for each in Verb}:
        raise RefusedError(_("Say what became of the messages."))
    verb = Verb(form["verb"])
    at = _moment(board, form.get("at", ""))
    plan = current.overview().plan
    with current.reader() as reader:
        if _digest(choice.messages(current.project, reader, plan)) != form.get("seen"):
            return _settle_page(board, request, choice, changed=True)
    with _person(board, request) as person:

        def choose(freed: Collection[str]) -> list[tuple[str, MessageKey]]:
            return [] if choice.order in freed else choice.messages(current.project, person.store, plan)

        settled, freed = person.settle(
            current.project, choose, verb, at=at, marked=(choice.order,) if choice.order else ()
        )
    return board.page(
        request,
        "settled.html",
        verb=verb.value,
        done=[each.key for each in settled if each.done],
        refused=[each for each in settled if not each.done],
        freed=freed,
        most=PER_PAGE,
    )


def _moment(board: Board, text: str) -> datetime:
    """When a mail was sent, by the shop's clock (UTC); now when nothing is said."""
    now = board.current.clock().now
    found = board.current.project.settings.calendar.parse(text.strip()) if text.strip() else now
    if found is None:
        raise RefusedError(_("The time is not a valid date and time."))
    if found > now:
        raise RefusedError(_("The time is in the future."))
    return found


def _digest(messages: list[tuple[str, MessageKey]]) -> str:
    return hashlib.sha256(repr(sorted(messages)).encode("utf-8", "replace")).hexdigest()[:32]


# --- orders and buyers ---


def address(board: Board, request: Request) -> Response:
    """Show a buyer's whole address, once, and note who looked."""
    id_ = form_of(request).get("order", "")
    _email(board, id_)
    with _person(board, request) as person:
        person.look(id_)
    return order_page(board, request, id_, show_address=True)


def snooze(board: Board, request: Request) -> Response:
    """Hold the messages of an order, or of its buyer, until a day."""
    form = form_of(request)
    id_ = form.get("order", "")
    subject, name = _subject(board, form)
    rule = _known_rule(board, form.get("rule", ""))
    calendar = board.current.project.settings.calendar
    try:
        day = date.fromisoformat(form.get("until", "").strip())
    except ValueError:
        raise RefusedError(_("The day is not a valid date.")) from None
    if day <= calendar.day(board.current.clock().now):
        raise RefusedError(_("This day has already begun; give a later one."))
    with _person(board, request) as person:
        person.snooze(subject, name, day, rule, _reason(form))
    return _to_order(id_)


def wake(board: Board, request: Request) -> Response:
    """End a snooze."""
    form = form_of(request)
    subject, name = _subject(board, form)
    with _person(board, request) as person:
        person.wake(subject, name, form.get("rule", ""))
    return _to_order(form.get("order", ""))


def suppress(board: Board, request: Request) -> Response:
    """Send an order's buyer no mail any more, or none of a class."""
    form = form_of(request)
    email = _email_needed(board, form.get("order", ""))
    klass = form.get("class", "")
    if klass and klass not in board.current.project.settings.classes:
        raise RefusedError(_("There is no such class of mail."))
    with _person(board, request) as person:
        person.suppress(email, klass or EVERY_CLASS, _reason(form) or BY_HAND)
    return _to_order(form.get("order", ""))


def unsuppress(board: Board, request: Request) -> Response:
    """Lift one suppression of an order's buyer."""
    form = form_of(request)
    email = _email_needed(board, form.get("order", ""))
    with _person(board, request) as person:
        person.unsuppress(email, form.get("class", ""))
    return _to_order(form.get("order", ""))


def _subject(board: Board, form: Mapping[str, str]) -> tuple[SnoozeSubject, str]:
    id_ = form.get("order", "")
    if form.get("of") == SnoozeSubject.ADDRESS.value:
        return SnoozeSubject.ADDRESS, mailbox(_email_needed(board, id_))
    _email(board, id_)
    return SnoozeSubject.ORDER, id_


def _email(board: Board, id_: str) -> str | None:
    """The address of an order's buyer; raises UserError when there is no such order."""
    with board.current.reader() as reader:
        order = next(iter(reader.orders_by_id([id_])), None)
        if order is None:
            raise unknown_order(reader, id_, "")
    return str(order.values["email"]) if "email" in order.values else None


def _email_needed(board: Board, id_: str) -> str:
    email = _email(board, id_)
    if email is None:
        raise RefusedError(_("The order has no address."))
    return email


def _known_rule(board: Board, rule: str) -> str:
    if rule:
        known_rules(board.current.project, (rule,))
    return rule


def _reason(form: Mapping[str, str]) -> str:
    return form.get("reason", "").strip()[:_LONGEST_REASON]


def _to_order(id_: str) -> Response:
    return RedirectResponse(f"/order?{urlencode({'id': id_})}", 303)


# --- senders and rules ---


def pause(board: Board, request: Request) -> Response:
    """Hold the messages of a sender, a rule, or all."""
    target = _target(board, request)
    with _person(board, request) as person:
        person.pause(target)
    return RedirectResponse("/needs-you#paused", 303)


def resume(board: Board, request: Request) -> Response:
    """End a pause, also one of a sender or rule that is gone."""
    with _person(board, request) as person:
        person.resume(form_of(request).get("name", ""))
    return RedirectResponse("/needs-you#paused", 303)


def targets(project: Project) -> list[str]:
    """What can be paused: senders and rules."""
    rules = (*(each.id for each in project.rules), *(each.id for each in project.broken))
    return sorted({*project.settings.senders, *rules})


def _target(board: Board, request: Request) -> str:
    target = form_of(request).get("name", "")
    if target not in {EVERYTHING, *targets(board.current.project)}:
        raise RefusedError(_("There is no such sender or rule."))
    return target
