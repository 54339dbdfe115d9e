"""What stands before every page: who may ask, from where, and what the browser may do with the answer.

Each refusal is described in docs/board.md#safety and has a test that attacks it.
"""

from __future__ import annotations

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sendplan.board.sessions import Sessions, Visitor, as_name, same
from sendplan.dataclass import dataclass

LONGEST_FORM = 200_000
"""Bytes; more than any form of the board."""
SIGN_IN = "/sign-in"
SEEN = "x-seen"
"""The header in which a live page says what it shows: it is answered only when there is something else."""
STATIC = "/static/"
"""Style sheet and script, which need no session either."""

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
MAIL_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'self'"
)
"""A mail in its frame: it runs nothing, loads nothing, sends nothing, and is of no origin."""

_HEADERS: Mapping[str, str] = {
    "content-security-policy": PAGE_POLICY,
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cache-control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the board is reached: names and origins that a browser may give."""

    port: int
    url: str | None = None
    """`https://board.example.com`, when a proxy serves it there."""

    @property
    def origins(self) -> frozenset[str]:
        """As a browser writes them."""
        local = {f"http://{host}:{self.port}" for host in ("127.0.0.1", "localhost", "[::1]")}
        return frozenset(local | ({self.url} if self.url else set()))

    @property
    def hosts(self) -> frozenset[str]:
        """As a browser asks for them."""
        return frozenset(urlsplit(origin).netloc for origin in self.origins)

    @property
    def secure(self) -> bool:
        """Whether the cookie goes over https only."""
        return bool(self.url and self.url.startswith("https:"))

    @property
    def cookie(self) -> str:
        """The session's cookie; browsers do not keep those of two ports apart."""
        return f"sendplan-board-{self.port}"


class Guard:
    """An ASGI application in front of the pages."""

    def __init__(
        self, pages: ASGIApp, addresses: Addresses, sessions: Sessions, *, read_only: bool, user_header: str | None
    ) -> None:
        """`user_header` is where a trusted proxy names who is signed in there."""
        self._pages = pages
        self._user_header = user_header
        self._addresses = addresses
        self._sessions = sessions
        self._read_only = read_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] == "lifespan":
            await self._pages(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # a WebSocket is closed unanswered
        headers = Headers(scope=scope)
        session = self._session(headers)
        form: Mapping[str, str] = {}
        refusal = self._refused_address(headers) or self._refused_method(scope, headers)
        if refusal is None and scope["method"] == "POST":
            body = await _body(receive)
            form = _form(body) if body is not None else {}
            refusal = _refuse(413, "The form is too long, or was cut off.") if body is None else None
        refusal = refusal or self._refused_session(scope, headers, session, form)
        if session is not None and refusal is None and SEEN not in headers:
            # Neither what is refused nor a page that looks for news is a person at work: they keep no session alive.
            self._sessions.use(session)
        scope["state"] = {**scope.get("state", {}), "session": session, "form": form}
        answer: ASGIApp = refusal if refusal is not None else self._pages
        await answer(scope, receive, _with_headers(send))

    def _session(self, headers: Headers) -> Visitor | None:
        """The cookie's session; behind a proxy that names people, only while it names whom the session began for."""
        session = self._sessions.find(_cookie(headers, self._addresses.cookie))
        if session is not None and self._user_header is not None:
            return session if named_by_proxy(headers, self._user_header) == session.name else None
        return session

    def _refused_address(self, headers: Headers) -> Response | None:
        """A name that is not the board's own: another site's, that leads here (DNS rebinding)."""
        if len(headers.getlist("host")) != 1 or headers["host"].lower() not in self._addresses.hosts:
            return _refuse(421, "The board is not served under this name.")
        return None

    def _refused_method(self, scope: Scope, headers: Headers) -> Response | None:
        method, origin = scope["method"], headers.get("origin")
        if method not in ("GET", "HEAD", "POST"):
            return _refuse(405, "Pages are read or sent as forms.")
        if origin is not None and origin not in self._addresses.origins:
            return _refuse(403, "The request comes from another site.")
        if method != "POST":
            return None
        if origin is None or headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return _refuse(403, "The form comes from another site.")
        if headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
            return _refuse(415, "Only forms are taken.")
        return None

    def _refused_session(
        self, scope: Scope, headers: Headers, session: Visitor | None, form: Mapping[str, str]
    ) -> Response | None:
        path, posts = scope["path"], scope["method"] == "POST"
        if path == SIGN_IN or path.startswith(STATIC):
            return None
        if session is None:
            if SEEN in headers:
                # htmx would put the page of signing in into this one; so it goes there.
                return PlainTextResponse("Sign in first.\n", 403, {"hx-redirect": SIGN_IN})
            if posts:
                return _refuse(403, "Sign in first.")
            return RedirectResponse(SIGN_IN, 303)
        if not posts:
            return None
        if not same(form.get("form_token", ""), session.form_token):
            return _refuse(403, "The form is not one of this session; load its page again.")
        if self._read_only and path != "/sign-out":
            return _refuse(403, "This board only shows: it was started with --read-only.")
        return None


def named_by_proxy(headers: Headers, name: str) -> str:
    """Whom a trusted proxy says that it signed in; nobody when it names none, or two."""
    named = headers.getlist(name)
    return as_name(named[0]) if len(named) == 1 else ""


def _cookie(headers: Headers, name: str) -> str | None:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return None
    return found.value if found is not None else None


async def _body(receive: Receive) -> bytes | None:
    """The request's body, or None when it is longer than any form, or was cut off: half a form says something else."""
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if len(body) > LONGEST_FORM or message["type"] != "http.request":
            return None
        if not message.get("more_body", False):
            return body


def _form(body: bytes) -> Mapping[str, str]:
    """The fields of a form; of one that appears twice, the last."""
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=1000))
    except ValueError:
        return {}


def _refuse(status: int, why: str) -> Response:
    return PlainTextResponse(f"{why}\n", status)


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
