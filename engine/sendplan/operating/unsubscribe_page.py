"""What a link to unsubscribe answers: a page with one button, and one click (RFC 8058; docs/unsubscribing.md).

An ASGI application for a server of its own, or mounted by another. Needs starlette, the extra `unsubscribe`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from html import escape

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from sendplan.dataclass import dataclass
from sendplan.operating.unsubscribes import Unsubscribed, resolve, unsubscribe
from sendplan.project.settings import Settings
from sendplan.store.protocols import Store
from sendplan.unsubscribe_tokens import is_earlier

PER_MINUTE = 60
"""Requests whose token this store has not made; those with one are always answered."""
_LONGEST = 600
_MOST = 10
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}


@dataclass(frozen=True, slots=True)
class _Texts:
    language: str
    title: str
    ask: str
    button: str
    done: str
    unknown: str


_TEXTS = {
    "en": _Texts(
        "en",
        "Unsubscribe",
        "Do you want to get no more advertising mails from {shop}? Mails about your orders still come.",
        "Unsubscribe",
        "You are unsubscribed. Mails about your orders still come.",
        "This link is not complete. Please copy all of it from the mail.",
    ),
    "de": _Texts(
        "de",
        "Abmelden",
        "Möchten Sie keine Werbe-E-Mails von {shop} mehr bekommen? E-Mails zu Ihren Bestellungen kommen weiterhin.",
        "Abmelden",
        "Sie sind abgemeldet. E-Mails zu Ihren Bestellungen kommen weiterhin.",
        "Dieser Link ist nicht vollständig. Bitte kopieren Sie ihn ganz aus der E-Mail.",
    ),
    "fr": _Texts(
        "fr",
        "Se désabonner",
        "Ne plus recevoir d’e-mails publicitaires de {shop} ? Vous recevrez toujours ceux sur vos commandes.",
        "Se désabonner",
        "Vous êtes désabonné. Vous recevrez toujours les e-mails sur vos commandes.",
        "Ce lien est incomplet. Veuillez le copier en entier depuis l’e-mail.",
    ),
    "es": _Texts(
        "es",
        "Darse de baja",
        "¿No quiere recibir más correos publicitarios de {shop}? Seguirá recibiendo los de sus pedidos.",
        "Darse de baja",
        "Se ha dado de baja. Seguirá recibiendo los correos de sus pedidos.",
        "Este enlace está incompleto. Cópielo entero desde el correo.",
    ),
    "it": _Texts(
        "it",
        "Annulla l’iscrizione",
        "Non vuole più ricevere e-mail pubblicitarie da {shop}? Continuerà a ricevere quelle sui suoi ordini.",
        "Annulla l’iscrizione",
        "La sua iscrizione è annullata. Continuerà a ricevere le e-mail sui suoi ordini.",
        "Questo link è incompleto. Lo copi per intero dall’e-mail.",
    ),
    "nl": _Texts(
        "nl",
        "Afmelden",
        "Wilt u geen reclamemails van {shop} meer ontvangen? Mails over uw bestellingen blijven komen.",
        "Afmelden",
        "U bent afgemeld. Mails over uw bestellingen blijven komen.",
        "Deze link is niet volledig. Kopieer hem helemaal uit de mail.",
    ),
}


class _Limit:
    """At most so many in a minute, by the monotonic clock."""

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        self._per_minute, self._clock = per_minute, clock
        self._taken: deque[float] = deque()

    def passes(self) -> bool:
        now = self._clock()
        while self._taken and self._taken[0] <= now - 60:
            self._taken.popleft()
        if len(self._taken) >= self._per_minute:
            return False
        self._taken.append(now)
        return True


def unsubscribe_app(
    settings: Settings,
    open_store: Callable[[], AbstractContextManager[Store]],
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Starlette:
    """The application; the token is the last part of the path, or a value of the query.

    GET changes nothing. POST unsubscribes at once: no cookie, no redirect, no second question. `clock` is in seconds.
    """
    limit = _Limit(PER_MINUTE, clock)

    def asked(given: Sequence[str], *, click: bool) -> Unsubscribed | None:
        now = datetime.now(UTC).replace(microsecond=0)
        with open_store() as store:
            tried = (
                unsubscribe(each, settings, store, now) if click else resolve(each, settings, store) for each in given
            )
            return next(filter(None, tried), None)

    async def answer(request: Request) -> Response:
        given, click = _tokens(request), request.method == "POST"
        # An earlier version's token can be guessed by whoever knows the address: what it is answered tells nothing.
        guessable = any(is_earlier(each) for each in given)
        if guessable and not limit.passes():
            return _too_many()
        found = await run_in_threadpool(asked, given, click=click) if click or not guessable else None
        texts = _texts(found.language if found else "", _language(request), settings.languages.default)
        if found is None and not guessable:
            return _page(texts, texts.unknown, 404) if limit.passes() else _too_many()
        if click:
            return _page(texts, texts.done, 200)
        return _page(texts, texts.ask.format(shop=settings.shop.name), 200, button=True)

    return Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])


def _tokens(request: Request) -> list[str]:
    """What may be the token: the last part of the path, and what stands in the query."""
    given = [request.url.path.rstrip("/").rpartition("/")[2], *request.query_params.values()]
    return [each for each in given[:_MOST] if 0 < len(each) <= _LONGEST]


def _language(request: Request) -> str:
    return request.headers.get("accept-language", "")


def _texts(*languages: str) -> _Texts:
    """In the first language that there are texts in."""
    primary = (each[:2].lower() for each in languages)
    return next((_TEXTS[each] for each in primary if each in _TEXTS), _TEXTS["en"])


def _too_many() -> Response:
    return PlainTextResponse("Too many requests", 429, {**_HEADERS, "Retry-After": "60"})


def _page(texts: _Texts, said: str, status: int, *, button: bool = False) -> Response:
    form = f'<form method="post"><button>{escape(texts.button)}</button></form>' if button else ""
    return HTMLResponse(
        f'<!doctype html><html lang="{texts.language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(texts.title)}</title>'
        "<style>body{font:1.1em/1.5 system-ui,sans-serif;max-width:32em;margin:3em auto;padding:0 1em}"
        "button{font:inherit;padding:.6em 1.4em}</style></head>"
        f"<body><main><h1>{escape(texts.title)}</h1><p>{escape(said)}</p>{form}</main></body></html>",
        status,
        _HEADERS,
    )
