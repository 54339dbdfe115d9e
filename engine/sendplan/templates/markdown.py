"""Markdown → a document in which what a template printed is put in at the end.

Jinja prints every value as a stand-in (private-use characters around a number). Markdown then only ever sees what the
template's author wrote, and is parsed once for all buyers; the values enter the text part as they are and the HTML
escaped, so whatever a buyer typed stays letters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import cache, lru_cache, partial
from html import escape
from urllib.parse import quote

from markdown_it import MarkdownIt
from markdown_it.common.normalize_url import normalizeLink
from markdown_it.ruler import StateBase
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode

from sendplan.dataclass import dataclass
from sendplan.templates.localise import PrintError
from sendplan.templates.sandbox import BUTTON, Printed

_STAND_IN = re.compile("\ue000([0-9]+)\ue001")
_BREAKS = re.compile("\r\n|[\r\n\x0b\x0c\x85\u2028\u2029]")
_UNSHOWABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\ue000\ue001\ufffe\uffff]")
_LINK_SCHEME = re.compile(r"(?:https?|mailto|tel):", re.IGNORECASE)
_NUMBER = re.compile(r"(?=.*\d)(?=.*-)[\w./-]{1,18}")
"""An order's number: mail programs would tear it at its hyphens. A longer one has no room on a phone."""
_BEHIND_HOST = re.compile(r"(?:https?://[^/?#]+[/?#]|mailto:[^?]+\?)", re.IGNORECASE)
"""A link's beginning after which a buyer's value can change neither where it leads nor who is written to."""


@dataclass(frozen=True, slots=True)
class ParsedText:
    """A template's output with stand-ins for its values, which is the same for most mails."""

    tree: SyntaxTreeNode
    """For the text part."""
    html: str
    """Without a page around it; its stand-ins are numbered by `places`."""
    places: tuple[Callable[[Sequence[Printed]], str], ...]
    """What stands at each stand-in of the HTML."""

    def values(self, printed: Sequence[Printed]) -> list[Printed]:
        """The printed values as HTML, for the stand-ins of `html`."""
        return [Printed(place(printed), trusted=True) for place in self.places]


def parse(source: str, tick: Callable[[], None]) -> ParsedText:
    """A template's output parsed, once for all mails in which only the values differ.

    `tick` is called for every block and piece of text, and raises when it takes too long.
    """
    return _parsed(source, _Tick(tick))


class _Tick:
    """Called while Markdown is parsed; all of them are alike, so that a text that was parsed before is found again."""

    def __init__(self, tick: Callable[[], None]) -> None:
        self.tick = tick

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Tick)

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=256)
def _parsed(source: str, tick: _Tick) -> ParsedText:
    parser = _parser()
    tokens = parser.parse(source, {"tick": tick.tick})
    tree = SyntaxTreeNode(deepcopy(tokens))
    places: list[Callable[[Sequence[Printed]], str]] = []
    _show_buttons(tokens)
    for heading in (each for each in tokens if each.type == "th_open"):
        heading.attrs["scope"] = "col"  # So that a screen reader names the column with each cell.
    _number(tokens, places)
    return ParsedText(tree, str(parser.renderer.render(tokens, parser.options, {})), tuple(places))


def fill_text(source: str, printed: Sequence[Printed]) -> str:
    """The values in their places as they are: in a subject, or in a page for which they were escaped."""
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


def _show_buttons(tokens: list[Token]) -> None:
    """Give buttons their class, and one that stands alone a cell around it: Outlook for Windows pads nothing else."""
    for before, inline, after in zip(tokens, tokens[1:], tokens[2:], strict=False):
        links = [each for each in inline.children or () if each.attrs.get("title") == BUTTON]
        for link_ in links:
            link_.attrs = {"href": link_.attrs["href"], "class": "button"}
        alone = len(links) == 1 and inline.children is not None and _spans(inline.children, links[0])
        if alone and before.type == "paragraph_open" and not before.hidden:
            before.type = after.type = "html_block"
            before.content = '<table class="button" role="presentation"><tr><td>'
            after.content = "</td></tr></table>\n"


def _spans(children: list[Token], link_: Token) -> bool:
    """Whether a link is all there is."""
    ends = [number for number, each in enumerate(children) if each.type == "link_close"]
    return children[0] is link_ and ends == [len(children) - 1]


def is_button(node: SyntaxTreeNode) -> bool:
    """Whether a link of `ParsedText.tree` is a button."""
    return node.type == "link" and node.attrs.get("title") == BUTTON


def _number(tokens: list[Token], places: list[Callable[[Sequence[Printed]], str]], *, flowing: bool = True) -> None:
    """Number the stand-ins by their places in the HTML; `flowing` text may break its lines."""

    def place(write: Callable[[str, Sequence[Printed]], str], source: str) -> str:
        places.append(partial(write, source))
        return f"\ue000{len(places) - 1}\ue001"

    for token in tokens:
        for name, value in token.attrs.items():
            if isinstance(value, str) and "\ue000" in value:
                write = _link_html if name in ("href", "src") else _escaped
                token.attrs[name] = place(write, value)
        if "\ue000" in token.content:
            write = _flowing if flowing and token.type == "text" else _escaped
            token.content = place(write, token.content)
        token.info = _STAND_IN.sub("", token.info)
        if token.children is not None:
            _number(token.children, places, flowing=flowing and token.type != "image")


def _flowing(source: str, printed: Sequence[Printed]) -> str:
    """With the line breaks of its values as breaks, and each number of an order on one line."""
    return _STAND_IN.sub(lambda match: _whole(printed[int(match[1])].text), escape(source, quote=False))


def _whole(value: str) -> str:
    shown = escape(_showable(value), quote=False)
    if _NUMBER.fullmatch(value):
        return f'<span style="white-space: nowrap">{shown}</span>'
    return shown.replace("\n", "<br>\n")


def _escaped(source: str, printed: Sequence[Printed]) -> str:
    return escape(text(source, printed))


def _link_html(source: str, printed: Sequence[Printed]) -> str:
    return escape(link(source, printed))


def text(source: str, printed: Sequence[Printed]) -> str:
    """The values in their places in a text of the template."""
    return _STAND_IN.sub(lambda match: _showable(printed[int(match[1])].text), source) if "\ue000" in source else source


def _showable(text: str) -> str:
    return text if text.isprintable() else _UNSHOWABLE.sub("\ufffd", _BREAKS.sub("\n", text))


def link(source: str, printed: Sequence[Printed]) -> str:
    """A link's address: the merchant's values as they are, the buyer's quoted and only behind the host."""
    address = ""
    for index, piece in enumerate(_STAND_IN.split(source)):
        if index % 2 == 0:
            address += piece
        elif printed[int(piece)].trusted:
            address += normalizeLink(printed[int(piece)].text)
        elif _BEHIND_HOST.match(address):
            address += quote(printed[int(piece)].text, safe="", errors="replace")
        else:
            raise PrintError("a link's address may hold a value of the order only behind the host, `https://…/`")
    if not _LINK_SCHEME.match(address):
        raise PrintError("a link's address must begin with `https://`, `mailto:` or `tel:`")
    return address
