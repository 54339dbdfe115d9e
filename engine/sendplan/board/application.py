"""The board as one ASGI application: which page is where, and what a failed request shows."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from sendplan.board import acting, forecasting, orders, rule_files, signing_in, today
from sendplan.board.board import FOLDER, LIVE, Board
from sendplan.board.current import Current
from sendplan.board.guard import SEEN, SIGN_IN, Addresses, Guard
from sendplan.board.sessions import Sessions
from sendplan.problems import UserError

Page: TypeAlias = Callable[[Board, Request], Response]

SHOWING: dict[str, Page] = {
    "/": today.today,
    "/needs-you": today.needs_you,
    "/left": today.left,
    "/acts": today.acts,
    "/changes": today.changes,
    "/orders": orders.search,
    "/order": orders.order,
    "/message": orders.message,
    "/mail": orders.mail,
    "/settling": acting.settle_page,
    "/forecast": forecasting.forecast,
    "/rules": rule_files.rules,
    "/file": rule_files.file,
    "/tests": rule_files.tests,
}
"""Pages that are read."""
ACTING: dict[str, Page] = {
    "/sign-out": signing_in.sign_out,
    "/approve": today.approve_plan,
    **{
        f"/{act.__name__}": acting.acting(act)
        for act in (
            acting.settle,
            acting.snooze,
            acting.wake,
            acting.suppress,
            acting.unsuppress,
            acting.pause,
            acting.resume,
            acting.address,
        )
    },
}
"""Forms that change something: only these, and only by POST."""


def application(
    current: Current,
    addresses: Addresses,
    *,
    read_only: bool = False,
    user_header: str | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[ASGIApp, Sessions]:
    """The guarded pages, and who is signed in; `clock` gives seconds that only rise."""
    sessions = Sessions(clock)
    board = Board(current, sessions, addresses, read_only, user_header)
    routes = [
        Route(SIGN_IN, partial(signing_in.sign_in, board), methods=["GET", "POST"]),
        *(Route(path, partial(_shown, board, page), methods=["GET"]) for path, page in SHOWING.items()),
        *(Route(path, partial(page, board), methods=["POST"]) for path, page in ACTING.items()),
        Mount("/static", StaticFiles(directory=FOLDER / "static")),
    ]
    handlers = {UserError: partial(_user_error, board), HTTPException: partial(_http_error, board)}
    pages = Starlette(routes=routes, exception_handlers=handlers)
    return Guard(pages, addresses, sessions, read_only=read_only, user_header=user_header), sessions


def _shown(board: Board, page: Page, request: Request) -> Response:
    """A page; nothing for a live one that shows the present state already."""
    if request.url.path in LIVE:
        # Noted before the page is made: what changes meanwhile is news again.
        request.state.seen = board.current.seen()
        if request.headers.get(SEEN) == request.state.seen:
            return Response(status_code=204)
    return page(board, request)


def _user_error(board: Board, request: Request, error: UserError) -> Response:
    status = 404 if request.method in ("GET", "HEAD") else 409
    return board.page(request, "problem.html", status=status, problems=error.problems)


def _http_error(board: Board, request: Request, error: HTTPException) -> Response:
    return board.page(request, "problem.html", status=error.status_code, problems=())
