"""Markdown → tokens → HTML, with what a template printed put in after parsing.

Jinja prints every value as a stand-in (private-use characters around a number). Markdown then only ever sees what the
template's author wrote, and the values enter the parsed tokens as text, which both renderers escape: whatever a buyer
typed stays letters, and nothing needs to be escaped twice or unescaped again for the text part.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from urllib.parse import quote

from markdown_it import MarkdownIt
from markdown_it.common.normalize_url import normalizeLink
from markdown_it.ruler import StateBase
from markdown_it.token import Token

from sendplan.templates.localise import PrintError
from sendplan.templates.sandbox import Printed

_STAND_IN = re.compile("\ue000([0-9]+)\ue001")
_BREAKS = re.compile("\r\n|[\r\n\x0b\x0c\x85\u2028\u2029]")
_UNSHOWABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\ue000\ue001\ufffe\uffff]")
_LINK_SCHEME = re.compile(r"(?:https?|mailto|tel):", re.IGNORECASE)
_BEHIND_HOST = re.compile(r"(?:https?://[^/?#]+[/?#]|mailto:[^?]+\?)", re.IGNORECASE)
"""A link's beginning after which a buyer's value can change neither where it leads nor who is written to."""


def parse(source: str, printed: Sequence[Printed], tick: Callable[[], None]) -> list[Token]:
    """The tokens of a template's output, with the printed values in their places.

    `tick` is called for every block and piece of text, and raises when it takes too long.
    """
    tokens = [_copied(token) for token in _parsed(source, _Tick(tick))]
    _fill(tokens, printed)
    return tokens


class _Tick:
    """Called while Markdown is parsed; all of them are alike, so that a text that was parsed before is found again."""

    def __init__(self, tick: Callable[[], None]) -> None:
        self.tick = tick

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Tick)

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=64)
def _parsed(source: str, tick: _Tick) -> list[Token]:
    """With stand-ins for its values, a template's output is the same for most mails: it is parsed once."""
    return _parser().parse(source, {"tick": tick.tick})


def _copied(token: Token) -> Token:
    """A token to be filled; the library's own `copy` takes ten times as long."""
    return Token(
        token.type,
        token.tag,
        token.nesting,
        dict(token.attrs),
        token.map,
        token.level,
        None if token.children is None else [_copied(child) for child in token.children],
        token.content,
        token.markup,
        token.info,
        token.meta,
        token.block,
        token.hidden,
    )


def to_html(tokens: list[Token]) -> str:
    """The HTML of these tokens, without a page around it."""
    parser = _parser()
    return str(parser.renderer.render(tokens, parser.options, {}))


def fill_text(source: str, printed: Sequence[Printed]) -> str:
    """The values in their places in a text that is no Markdown: the subject."""
    return _STAND_IN.sub(lambda match: printed[int(match[1])].text, source)


@cache
def _parser() -> MarkdownIt:
    # HTML is off: markup comes from Markdown and the layout only.
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.block.ruler.before("table", "tick", _tick)
    parser.inline.ruler.before("text", "tick", _tick)
    parser.normalizeLink = _normalize_link  # type: ignore[method-assign]
    parser.normalizeLinkText = str  # type: ignore[method-assign, assignment]
    return parser


def _tick(state: StateBase, *_: object) -> bool:
    """A rule that matches nothing."""
    state.env["tick"]()
    return False


def _normalize_link(url: str) -> str:
    """The library's own escaping, which leaves stand-ins alone."""
    pieces = re.split("(\ue000[0-9]+\ue001)", url)
    return "".join(piece if index % 2 else normalizeLink(piece) for index, piece in enumerate(pieces))


def _fill(tokens: list[Token], printed: Sequence[Printed]) -> None:
    for token in tokens:
        for name, value in token.attrs.items():
            if isinstance(value, str) and "\ue000" in value:
                token.attrs[name] = _link(value, printed) if name in ("href", "src") else _text(value, printed)
        token.content = token.content if token.type == "text" else _text(token.content, printed)
        token.info = _STAND_IN.sub("", token.info)
        if token.children is not None:
            _fill(token.children, printed)
            token.children = [piece for child in token.children for piece in _pieces(child, printed)]


def _pieces(token: Token, printed: Sequence[Printed]) -> list[Token]:
    """A text with the line breaks of its values as breaks."""
    if token.type != "text" or "\ue000" not in token.content:
        return [token]
    pieces: list[Token] = []
    for line in _text(token.content, printed).split("\n"):
        pieces += [Token("hardbreak", "br", 0), Token("text", "", 0, content=line)]
    return pieces[1:]


def _text(source: str, printed: Sequence[Printed]) -> str:
    return _STAND_IN.sub(lambda match: _showable(printed[int(match[1])].text), source)


def _showable(text: str) -> str:
    return _UNSHOWABLE.sub("\ufffd", _BREAKS.sub("\n", text))


def _link(source: str, printed: Sequence[Printed]) -> str:
    """A link's address: the merchant's values as they are, the buyer's quoted and only behind the host."""
    link = ""
    for index, piece in enumerate(_STAND_IN.split(source)):
        if index % 2 == 0:
            link += piece
        elif printed[int(piece)].trusted:
            link += normalizeLink(printed[int(piece)].text)
        elif _BEHIND_HOST.match(link):
            link += quote(printed[int(piece)].text, safe="", errors="replace")
        else:
            raise PrintError("a link's address may hold a value of the order only behind the host, `https://…/`")
    if not _LINK_SCHEME.match(link):
        raise PrintError("a link's address must begin with `https://`, `mailto:` or `tel:`")
    return link
