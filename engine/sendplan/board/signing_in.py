"""Signing in with the printed link, and out again."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sendplan.board.board import Board, form_of, session_of
from sendplan.board.guard import named_by_proxy
from sendplan.board.sessions import LONGEST_SECONDS, as_name


def sign_in(board: Board, request: Request) -> Response:
    """A form that asks who it is; sending it makes the session, looking at it changes nothing."""
    named = _named_by_proxy(board, request)
    if request.method != "POST":
        token = request.query_params.get("token", "")
        return board.page(request, "sign_in.html", token=token, wrong=False, named=named)
    form = form_of(request)
    token = form.get("token", "")
    name = as_name(form.get("name", "")) if named is None else named
    session = board.sessions.begin(token, name) if name else None
    if session is None:
        return board.page(request, "sign_in.html", status=403, token=token, wrong=True, named=named)
    answer = RedirectResponse("/", 303)
    answer.set_cookie(
        board.addresses.cookie,
        session.id,
        max_age=int(LONGEST_SECONDS),
        path="/",
        secure=board.addresses.secure,
        httponly=True,
        samesite="strict",
    )
    return answer


def sign_out(board: Board, request: Request) -> Response:
    """End the session."""
    session = session_of(request)
    if session is not None:
        board.sessions.end(session)
    answer = RedirectResponse("/sign-in", 303)
    answer.delete_cookie(board.addresses.cookie, path="/")
    return answer


def _named_by_proxy(board: Board, request: Request) -> str | None:
    """What the proxy says, which alone counts, perhaps nothing; None when none is trusted with it."""
    return None if board.user_header is None else named_by_proxy(request.headers, board.user_header)
