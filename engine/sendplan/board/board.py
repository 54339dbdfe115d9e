"""What every page has at hand: the project, who is signed in, the visitor's language, and how a page is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from sendplan.board.current import Current
from sendplan.board.guard import Addresses
from sendplan.board.sessions import Sessions, Visitor
from sendplan.board.words import ACT_WORDS, REASON_WORDS, STATE_WORDS, STATUS_WORDS, translator
from sendplan.dataclass import dataclass
from sendplan.problems import Problem
from sendplan.simulation.simulation_page import figure
from sendplan.text import clean, minute, readable

if TYPE_CHECKING:
    from jinja2 import Environment

LIVE = frozenset({"/rules", "/changes", "/file", "/forecast"})
"""Pages that show a saved file, or what takes longer, by themselves."""
NOT_LIVE: Mapping[str, str | None] = {"shown_state": None, "live_address": None, "paused_address": None}
"""Of a page on which nothing more is to come."""
FOLDER = Path(__file__).parent
PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class Board:
    """One running board."""

    current: Current
    sessions: Sessions
    addresses: Addresses
    read_only: bool = False
    user_header: str | None = None
    """The header in which a trusted proxy names who is signed in there."""

    def page(self, request: Request, template: str, /, *, status: int = 200, **values: Any) -> Response:
        """An HTML page in the visitor's language."""
        live = self.live(request)
        words = translator(request.headers.get("accept-language", ""))
        session = session_of(request)
        common = {
            "_": words,
            "language": words.language,
            "session": session,
            "read_only": self.read_only,
            "path": request.url.path,
            "shop": self.current.project.settings.shop.name,
            "broken": session is not None and not self.current.files().loaded,
            "acts": request.method == "POST",
            "can_act": session is not None and not self.read_only,
        }
        return HTMLResponse(_environment().get_template(template).render({**common, **live, **values}), status)

    def wait_for(self, request: Request, *results: Callable[[], object]) -> None:
        """Have these results made before a live page is, and note again what it shows: they are no news to it."""
        for result in results:
            result()
        request.state.seen = self.current.seen()

    def live(self, request: Request) -> Mapping[str, str | None]:
        """What a live page asks for again, and how it pauses."""
        seen = getattr(request.state, "seen", None)  # None where an error came before there was anything to show.
        if seen is None or session_of(request) is None:
            return NOT_LIVE
        query = {name: text for name, text in request.query_params.items() if name != "live"}
        paused = request.query_params.get("live") == "off"
        here = f"{request.url.path}?{urlencode(query)}"
        return {
            "shown_state": None if paused else seen,
            "live_address": here,
            "paused_address": f"{request.url.path}?{urlencode({**query, 'live': 'off'})}",
        }


def session_of(request: Request) -> Visitor | None:
    """Who is signed in; the guard has looked at the cookie."""
    found: Visitor | None = getattr(request.state, "session", None)
    return found


def form_of(request: Request) -> Mapping[str, str]:
    """The fields of the form that was sent; the guard has read it."""
    found: Mapping[str, str] = getattr(request.state, "form", {})
    return found


@dataclass(frozen=True, slots=True)
class Pages:
    """One page of a long list, and the way to the others."""

    total: int
    number: int
    """From 1."""
    path: str
    filters: Mapping[str, str] = field(default_factory=dict)

    @property
    def last(self) -> int:
        """The last page's number."""
        return max(1, -(-self.total // PER_PAGE))

    @property
    def start(self) -> int:
        """How many entries are before this page's first."""
        return (self.number - 1) * PER_PAGE

    @property
    def stop(self) -> int:
        """How many entries there are up to this page's last."""
        return min(self.total, self.number * PER_PAGE)

    def link(self, number: int) -> str:
        """The address of another page."""
        kept = {name: value for name, value in self.filters.items() if value}
        return f"{self.path}?{urlencode({**kept, 'page': str(number)})}"


def pages_of(request: Request, total: int, filters: Mapping[str, str]) -> Pages:
    """The page that a request asks for, or the nearest that there is."""
    asked = request.query_params.get("page", "1")
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 9 else 1
    pages = Pages(total, 1, request.url.path, filters)
    return Pages(total, min(max(number, 1), pages.last), request.url.path, filters)


def place_of(problem: Problem) -> str:
    """`rules/dunning.yaml:12:5`, or nothing."""
    return str(problem.span) if problem.span is not None else ""


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: clean(value) if type(value) is str else value,
    )
    environment.filters |= {"minute": minute, "place": place_of, "query": urlencode}
    environment.filters["readable"] = readable
    environment.globals |= {
        "figure": lambda *given: Markup(figure(*given)),
        "act_words": ACT_WORDS,
        "reason_words": REASON_WORDS,
        "state_words": STATE_WORDS,
        "status_words": STATUS_WORDS,
    }
    return environment
