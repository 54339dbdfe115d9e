"""What leaves today: the plan, what needs a person, what left, what was done by hand, what files would change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from itertools import islice
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sendplan.board.acting import state_of, targets
from sendplan.board.board import PER_PAGE, Board, form_of, pages_of, session_of
from sendplan.board.current import real_time
from sendplan.board.forecasting import last_days
from sendplan.board.guard import SEEN
from sendplan.comparing.diff import ChangeKind
from sendplan.ledger import EVERY_CLASS, Record
from sendplan.operating.approving import approve
from sendplan.operating.by_hand import EVERYTHING
from sendplan.operating.settling import Selected
from sendplan.plan import Entry, Plan, Status, key_of, parse_key
from sendplan.problems import UserError
from sendplan.store import Reader
from sendplan.store.records import SHOWN_ACTS

_FOUND = 1000
"""How many orders a search in the plan looks up by name."""


def today(board: Board, request: Request) -> Response:
    """The plan: totals, by rule, and the messages that the filters leave."""
    overview = board.current.overview()
    plan = overview.plan
    filters = {name: request.query_params.get(name, "").strip() for name in ("status", "rule", "account", "find")}
    with board.current.reader() as reader:
        chosen = _chosen(plan, reader, filters)
    pages = pages_of(request, len(chosen), filters)
    summary = plan.summary()
    return board.page(
        request,
        "today.html",
        plan=plan,
        overview=overview,
        summary=summary,
        missed=Counter(each.rule for each in plan.missed),
        volumes=last_days(board),
        concerns=overview.concerns,
        every_class=EVERY_CLASS,
        filters=filters,
        rules=sorted(summary["by_rule"]),
        accounts=sorted({entry.account for entry in plan.entries if entry.account}),
        entries=chosen[pages.start : pages.stop],
        pages=pages,
    )


def _chosen(plan: Plan, reader: Reader, filters: Mapping[str, str]) -> list[Entry]:
    """The entries that meet every filter that is set, in plan order."""
    text = filters["find"]
    orders = {order.id for order in reader.find(text, _FOUND)} if text else set()

    def meets(entry: Entry) -> bool:
        named = {"status": entry.status.value, "rule": entry.rule, "account": entry.account}
        return all(not filters[name] or filters[name] == value for name, value in named.items()) and (
            not text or entry.order in orders or text.casefold() in entry.key.casefold()
        )

    return list(filter(meets, plan.entries))


def approve_plan(board: Board, request: Request) -> Response:
    """Approve the plan that the form showed; when another one is there by now, show that instead."""
    plan = board.current.overview().plan
    session = session_of(request)
    if session is not None and form_of(request).get("plan") == plan.id:
        with board.current.store() as store:
            approve(store, plan, session.name, real_time())
        board.current.forget()
    return RedirectResponse("/", 303)


def needs_you(board: Board, request: Request) -> Response:
    """What needs a person, the gravest first."""
    overview, project = board.current.overview(), board.current.project
    held = [each for each in overview.plan.with_status(Status.HELD) if each.key in overview.kept]
    filters = {name: request.query_params.get(name, "").strip() for name in ("state", "rule", "sender")}
    chosen = Selected(sender=filters["sender"] or None, rule=filters["rule"] or None)
    unsettled = [
        each
        for each in overview.unsettled
        if chosen.means(each) and (not filters["state"] or filters["state"] == state_of(each))
    ]
    pages = pages_of(request, len(unsettled), filters)
    return board.page(
        request,
        "needs_you.html",
        overview=overview,
        held=held,
        errors=overview.plan.errors,
        most=PER_PAGE,
        filters=filters,
        pages=pages,
        waiting=len(overview.unsettled),
        rules=sorted({each.rule for each in overview.unsettled}),
        senders=sorted({each.sender for each in overview.unsettled if each.sender}),
        unsettled=[(_key(each), each, state_of(each)) for each in unsettled[pages.start : pages.stop]],
        targets=targets(project),
        everything=EVERYTHING,
        text=project.settings.calendar.text,
    )


def left(board: Board, request: Request) -> Response:
    """What left on a day of the shop, the latest first."""
    calendar = board.current.project.settings.calendar
    now = board.current.clock().now
    asked = calendar.parse(request.query_params.get("day", "").strip()[:10])
    day = calendar.day(asked or now)
    begin, end = calendar.instant(day), calendar.instant(day + timedelta(days=1))
    with board.current.reader() as reader:
        rules = reader.sent_by_rule(begin, end)
        pages = pages_of(request, sum(rules.values()), {"day": str(day)})
        sent = tuple(islice(reader.sent(begin, end, pages.stop), pages.start, None))
    return board.page(
        request,
        "left.html",
        day=day,
        earlier=day - timedelta(days=1),
        later=day + timedelta(days=1) if day < calendar.day(now) else None,
        rules=rules,
        sent=[(_key(each), each, calendar.text(each.at)) for each in sent],
        pages=pages,
    )


def acts(board: Board, request: Request) -> Response:
    """What people did by hand, the latest first, as `sendplan status --audit` prints it."""
    project = board.current.project
    with board.current.reader() as reader:
        noted = reader.acts(SHOWN_ACTS)
        pages = pages_of(request, len(noted), {})
        shown = noted[pages.start : pages.stop]
        orders = {order.id for order in reader.orders_by_id(sorted({each.subject for each in shown}))}
    steps, text = project.steps_by_rule(), project.settings.calendar.text

    def about(subject: str) -> str | None:
        """The page of what an act was done to."""
        if subject in orders:
            return f"/order?{urlencode({'id': subject})}"
        return f"/message?{urlencode({'key': subject})}" if parse_key(subject, steps) else None

    return board.page(
        request,
        "acts.html",
        noted=[(text(each.at), each, about(each.subject)) for each in shown],
        pages=pages,
        most=SHOWN_ACTS,
        everything=EVERYTHING,
    )


def changes(board: Board, request: Request) -> Response:
    """What the files as they are now add, drop, move and change among today's mails, beside the last commit."""
    if SEEN not in request.headers:
        board.wait_for(request, board.current.difference)
    latest = board.current.difference(seconds=0)
    found = latest.value
    if found is None or isinstance(found, UserError):
        problems = found.problems if found else ()
        return board.page(
            request,
            "changes.html",
            problems=problems,
            difference=None,
            is_compared=latest.is_present,
            overview=board.current.overview(),
        )
    kind, rule = (request.query_params.get(name, "") for name in ("kind", "rule"))
    listed = [
        each for each in found.changes if (not kind or each.kind == kind) and (not rule or each.entry.rule == rule)
    ]
    pages = pages_of(request, len(listed), {"kind": kind, "rule": rule})
    return board.page(
        request,
        "changes.html",
        difference=found,
        is_compared=latest.is_present,
        overview=board.current.overview(),
        problems=(),
        kinds=list(ChangeKind),
        counts=found.diff.counts(),
        by_rule={name: found.diff.counts(name) for name in found.diff.rules()},
        changes=listed[pages.start : pages.stop],
        filters={"kind": kind, "rule": rule},
        pages=pages,
    )


def _key(record: Record) -> str:
    return key_of(record.order, record.rule, record.step or None)
