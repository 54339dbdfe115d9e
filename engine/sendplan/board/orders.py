"""One order and one message: found by half a name, every rule's decision with its tree, the mail, and its story."""

from __future__ import annotations

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from sendplan.addresses import mailbox, mask_all, masked
from sendplan.board.board import Board
from sendplan.board.current import Current
from sendplan.board.guard import MAIL_POLICY
from sendplan.calendar import Calendar
from sendplan.dataclass import dataclass
from sendplan.deciding.facts import Facts
from sendplan.ledger import History, MessageKey, Move, SnoozeSubject
from sendplan.mail.preview import MessagePreview, preview
from sendplan.plan import key_of, parse_key
from sendplan.planning.entries import fact_json
from sendplan.planning.explain import explanation_json, next_change
from sendplan.planning.finding import MOST, find
from sendplan.planning.lookup import decided_order, unknown_key
from sendplan.problems import UserError
from sendplan.project.languages import canonical
from sendplan.store import Reader

_HIDDEN = frozenset({"email", "street", "lines"})
"""Fields of an order that its page does not list."""


@dataclass(frozen=True, slots=True)
class Happened:
    """One move of a message."""

    key: str
    at: str
    before: str
    after: str
    reply: str
    actor: str


def search(board: Board, request: Request) -> Response:
    """Orders by any part of what people know of them."""
    text = request.query_params.get("find", "").strip()
    current = board.current
    with current.reader() as reader:
        found = find(current.project, reader, text, current.clock()) if text else ()
    orders = [
        {
            "id": each.facts.id,
            "facts": _known(each.facts, current.project.settings.calendar),
            "decisions": [
                (decision.rule.id, decision.step, decision.reason, decision.why) for decision in each.decisions
            ],
        }
        for each in found
    ]
    return board.page(request, "orders.html", text=text, orders=orders, most=MOST)


def order(board: Board, request: Request) -> Response:
    """One order: what each rule says of it and why, and what happened."""
    return order_page(board, request, request.query_params.get("id", ""))


def order_page(board: Board, request: Request, id_: str, *, show_address: bool = False) -> Response:
    """The page of an order, with its buyer's address in full for somebody whose look was noted."""
    current = board.current
    project = current.project
    settings, calendar = project.settings, project.settings.calendar
    with current.reader() as reader:
        decided = decided_order(project, reader, id_, current.clock())
        story = _story(reader, id_, decided.history, calendar)
        overrides = reader.overrides()
    address = mailbox(str(decided.facts.values.get("email", "")))
    decisions = []
    for each in decided.decisions:
        told = explanation_json(each, next_change(each, settings), calendar)
        told["key"] = key_of(id_, each.rule.id, told["step"]) if each.step else None
        told["title"] = each.rule.title
        decisions.append(told)
    return board.page(
        request,
        "order.html",
        id=id_,
        facts=_known(decided.facts, calendar),
        address=str(decided.facts.values.get("email", "")) if show_address else None,
        suppressed=sorted(overrides.suppressed.get(address, ())) if address else (),
        snoozes=[
            each
            for subject in ((SnoozeSubject.ORDER, id_), (SnoozeSubject.ADDRESS, address))
            for each in overrides.snoozes.get(subject, ())
            if each.until > calendar.day(current.clock().now)
        ],
        classes=sorted(settings.classes),
        rules=[rule.id for rule in project.rules],
        tomorrow=calendar.day(current.clock().now) + timedelta(days=1),
        decisions=sorted(decisions, key=lambda told: (told["status"] is None, told["rule"])),
        broken=project.broken,
        story=story,
        refused=decided.history.refused,
    )


def message(board: Board, request: Request) -> Response:
    """One message as it would arrive, and its story."""
    current, key, language = _asked(board, request)
    calendar = current.project.settings.calendar
    shown: MessagePreview | None = None
    problems: tuple[object, ...] = ()
    with current.reader() as reader:
        id_, message_key = _parsed(board, key)
        facts = decided_order(current.project, reader, id_, current.clock()).facts
        story = _moves(reader, id_, message_key, calendar)
        try:
            shown = preview(current.project, reader, key, current.clock(), language)
        except UserError as error:
            problems = error.problems
    return board.page(
        request,
        "message.html",
        key=key,
        order=id_,
        facts=_known(facts, calendar),
        headers=[_masked(line, facts) for line in shown.headers] if shown else [],
        subject=_masked(shown.subject, facts) if shown else "",
        text=_masked(shown.text, facts) if shown else "",
        mail_language=shown.language if shown else "",
        languages=shown.languages if shown else (),
        mail={"key": key, **({"language": language} if language else {})},
        problems=problems,
        story=story,
    )


def mail(board: Board, request: Request) -> Response:
    """A message's HTML part alone, for its frame: a path of its own whose answers can run and load nothing."""
    current, key, language = _asked(board, request)
    with current.reader() as reader:
        id_, _ = _parsed(board, key)
        facts = decided_order(current.project, reader, id_, current.clock()).facts
        shown = preview(current.project, reader, key, current.clock(), language)
    headers = {"content-security-policy": MAIL_POLICY, "x-frame-options": "SAMEORIGIN"}
    return HTMLResponse(_masked(shown.html, facts), headers=headers)


def _asked(board: Board, request: Request) -> tuple[Current, str, str | None]:
    """The message that a page shows, and the language when it is not the buyer's own."""
    language = request.query_params.get("language", "")
    return board.current, request.query_params.get("key", ""), canonical(language) if language else None


def _parsed(board: Board, key: str) -> tuple[str, MessageKey]:
    project = board.current.project
    parsed = parse_key(key, project.steps_by_rule())
    if parsed is None:
        raise unknown_key(project, key)
    return parsed[0], (parsed[1], parsed[2] or "")


def _known(facts: Facts, calendar: Calendar) -> dict[str, str]:
    """What is known of an order, for reading; its buyer's address only masked."""
    shown = {
        name: "true" if value is True else mask_all(str(fact_json(value, calendar)))
        for name, value in facts.values.items()
        if value is not None and name not in _HIDDEN and value not in ("", (), False)
    }
    return shown | ({"email": masked(str(facts.values["email"]))} if "email" in facts.values else {})


def _masked(text: str, facts: Facts) -> str:
    email = str(facts.values.get("email", ""))
    return text.replace(email, masked(email)) if email else text


def _story(reader: Reader, order: str, history: History, calendar: Calendar) -> list[Happened]:
    """Everything that happened to an order's messages, oldest first."""
    found = [each for key in history.records for each in _moves(reader, order, key, calendar)]
    return sorted(found, key=lambda each: each.at)


def _moves(reader: Reader, order: str, key: MessageKey, calendar: Calendar) -> list[Happened]:
    return [_happened(key_of(order, key[0], key[1] or None), each, calendar) for each in reader.moves(order, key)]


def _happened(key: str, move: Move, calendar: Calendar) -> Happened:
    before, after = (each.value if each else "open" for each in (move.before, move.after))
    return Happened(key, calendar.text(move.at), before, after, mask_all(move.reply), move.actor)
