"""A browser without a network: it keeps cookies, sends forms as browsers do, and asks the application itself."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from starlette.types import ASGIApp, Message

from sendplan.board.application import application
from sendplan.board.current import Current
from sendplan.board.guard import Addresses
from sendplan.board.sessions import Sessions
from sendplan.ledger import State
from sendplan.project import project as projects
from sendplan.store import open_store
from sendplan.store.adoption import checked
from sendplan.store.protocols import Store

PORT = 8642
MONDAY = datetime(2026, 8, 24, 10, tzinfo=UTC)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    cookies: tuple[str, ...]
    body: str

    @property
    def text(self) -> str:
        """The page's text, without its markup."""
        return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", self.body)).split())


@dataclass
class Seconds:
    """A clock that a test turns."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Browser:
    """One visitor of a board."""

    app: ASGIApp
    sessions: Sessions
    clock: Seconds
    host: str = f"127.0.0.1:{PORT}"
    cookies: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    hangs_up: bool = False
    """Whether the connection ends before the last part of what is sent."""

    def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """Open an address."""
        return self._ask(method, path, b"", headers)

    def post(self, path: str, fields: Mapping[str, str], **headers: str) -> Answer:
        """Send a form as the board's own pages send it; `headers` replace what a browser adds."""
        usual = {
            "origin": f"http://{self.host}",
            "sec_fetch_site": "same-origin",
            "content_type": "application/x-www-form-urlencoded",
        }
        return self._ask("POST", path, urlencode(fields).encode(), usual | headers)

    def sign_in(self, name: str = "Mia") -> Answer:
        """Open the printed link and give a name."""
        return self.post("/sign-in", {"token": self.sessions.token, "name": name})

    def form_token(self) -> str:
        """What this session's forms hold."""
        found = re.search(r'name="form_token" value="([^"]+)"', self.get("/left").body)
        assert found is not None
        return found[1]

    def _ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        parts = urlsplit(path)
        sent = {"host": self.host, **self.headers, **{name.replace("_", "-"): text for name, text in headers.items()}}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        scope = {
            "type": "http",
            "method": method,
            "path": parts.path,
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "root_path": "",
            "scheme": "http",
            "http_version": "1.1",
            "server": ("127.0.0.1", PORT),
            "client": ("127.0.0.1", 50000),
            "headers": [(name.lower().encode(), text.encode("latin-1")) for name, text in sent.items() if text],
        }
        messages: list[Message] = []

        asked: list[Message] = [{"type": "http.request", "body": body, "more_body": self.hangs_up}]
        if self.hangs_up:
            asked.insert(0, {"type": "http.disconnect"})

        async def receive() -> Message:
            # After its request a browser says nothing more, and does not hang up.
            return asked.pop() if asked else await asyncio.Future()

        async def send(message: Message) -> None:
            messages.append(message)

        asyncio.run(self.app(scope, receive, send))  # type: ignore[arg-type]
        start = messages[0]
        found = [(name.decode(), value.decode()) for name, value in start["headers"]]
        cookies = tuple(value for name, value in found if name == "set-cookie")
        for each in cookies:
            name, _, value = each.partition(";")[0].partition("=")
            self.cookies[name] = value.strip('"')
        return Answer(
            start["status"], dict(found), cookies, b"".join(m.get("body", b"") for m in messages[1:]).decode()
        )


def visitor_of(
    current: Current, *, read_only: bool = False, url: str | None = None, user_header: str | None = None
) -> Browser:
    """A visitor, not signed in, of a board of its own."""
    clock = Seconds()
    addresses = Addresses(PORT, url)
    app, sessions = application(current, addresses, read_only=read_only, user_header=user_header, clock=clock)
    return Browser(app, sessions, clock)


def browser(folder: Path) -> Browser:
    """A visitor, not signed in, of a board on the project in a folder on a Monday in August 2026."""
    return visitor_of(Current(folder, MONDAY))


def store_of(folder: Path) -> Store:
    """The store of the project in a folder."""
    project, _ = projects.load(folder)
    assert project is not None
    settings = project.settings
    return open_store(settings.store, settings.folder, settings.fields, settings.calendar)


def fail(folder: Path, *orders: str) -> None:
    """Messages that a server refused."""
    project, _ = projects.load(folder)
    assert project is not None
    with closing(store_of(folder)) as store, checked(project.settings, store) as marks:
        for order in orders:
            store.refuse(
                order,
                ("feedback-reminder", ""),
                State.FAILED,
                token="",
                sender="main",
                at=MONDAY,
                reply="550 5.1.1 no such user",
            )
        marks.rise(store.high_water())
