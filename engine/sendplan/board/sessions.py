"""Who is signed in: a token printed at the start, turned into a session by a form (docs/board.md#safety)."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from hmac import compare_digest

from sendplan.dataclass import dataclass

IDLE_SECONDS = 2 * 3600.0
"""A session ends when nobody used it for so long."""
LONGEST_SECONDS = 12 * 3600.0
"""And at the latest then."""
_MOST = 100
"""Of more sessions the oldest ends."""
_LONGEST_NAME = 80


@dataclass(slots=True)
class Visitor:
    """One browser that is signed in."""

    id: str
    """Random, the cookie's value."""
    name: str
    """Who it is, as given at sign-in."""
    form_token: str
    """Random, in every form of its pages: a form from elsewhere lacks it."""
    begun: float
    used: float


class Sessions:
    """The sessions of one running board; they end with it. Safe to use from several threads."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` gives seconds that only ever rise."""
        self.token = secrets.token_urlsafe(32)
        self._clock = clock
        self._sessions: dict[str, Visitor] = {}
        self._lock = threading.Lock()

    def begin(self, token: str, name: str) -> Visitor | None:
        """A new session for whoever knows the printed token, or None."""
        if not same(token, self.token):
            return None
        now = self._clock()
        session = Visitor(secrets.token_urlsafe(32), as_name(name), secrets.token_urlsafe(32), now, now)
        with self._lock:
            while len(self._sessions) >= _MOST:
                del self._sessions[next(iter(self._sessions))]
            self._sessions[session.id] = session
        return session

    def find(self, id_: str | None) -> Visitor | None:
        """The live session of a cookie."""
        now = self._clock()
        with self._lock:
            session = self._sessions.get(id_ or "")
            if session is None:
                return None
            if now - session.used > IDLE_SECONDS or now - session.begun > LONGEST_SECONDS:
                del self._sessions[session.id]
                return None
            return session

    def use(self, session: Visitor) -> None:
        """Keep it from ending for want of use."""
        session.used = self._clock()

    def end(self, session: Visitor) -> None:
        """Sign out."""
        with self._lock:
            self._sessions.pop(session.id, None)


def as_name(text: str) -> str:
    """A name as it is kept: one line, not too long."""
    from sendplan.text import one_line

    return one_line(text)[:_LONGEST_NAME]


def same(given: str, secret: str) -> bool:
    """Whether two texts are the same, in a time that does not tell how much of them is."""
    return compare_digest(given.encode(), secret.encode())
