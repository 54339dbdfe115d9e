"""The words and signs of expressions, and those of other languages with what to write instead.

See docs/language.md#operators.
"""

from __future__ import annotations

import re

from sendplan.dataclass import dataclass

KEYWORDS = frozenset(
    {"and", "or", "not", "in", "has", "is", "set", "if", "else", "max", "min", "sent", "params", "true", "false"}
)
FUNCTIONS = frozenset({"sum", "count", "first", "last", "join"})
"""What mapping files have beside `max`, `min` and `col`; elsewhere than before `(` these are names like any other."""
COMPARISONS = ("==", "!=", "<=", ">=", "<", ">")
INSTEAD = {"=": "==", "<>": "!=", "===": "==", "!==": "!=", "=<": "<=", "=>": ">=", "≤": "<=", "≥": ">=", "≠": "!="}
"""Comparisons of other languages, and ours."""
FOREIGN = {
    **dict.fromkeys("\"'", "close the text with the same quote"),
    **dict.fromkeys("“”„‟‘’‚‛«»`´", 'write straight quotes: "text"'),
    **dict.fromkeys("%^", "the signs for numbers are `+ - * /`"),
    **dict.fromkeys("${}", "a param is written `params.NAME` in an expression"),
    "&": "write `and` instead",
    "|": "write `or` instead",
    ";": "join conditions with `and` or `or`",
}
"""Characters that the language does not have, and help."""

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>\d+(?:\.\d+)?)
    | (?P<word>[^\W\d]\w*)
    | (?P<text>"[^"]*"|'[^']*')
    | (?P<operator>===|!==|==|!=|<=|>=|<>|=<|=>|&&|\|\||[=!<>≤≥≠+\-*/()\[\],.])
    | (?P<end>\Z)
    | (?P<bad>.))""",
    re.VERBOSE | re.DOTALL,
)
_ITEM = re.compile(r"\s*([\w-]+(?:\.\d+)?)")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?!\w)")


@dataclass(frozen=True, slots=True)
class Token:
    """A `word`, `number`, `text` or `operator`, the `end`, or a `bad` character."""

    kind: str
    text: str
    start: int
    end: int


def token_at(text: str, position: int) -> Token:
    """The next token from a position on."""
    match = _TOKEN.match(text, position)
    assert match is not None
    kind = str(match.lastgroup)
    return Token(kind, match[kind], *match.span(kind))


def bare_item_at(text: str, position: int) -> Token | None:
    """A bare list item, read as a whole, since `2024-17` is one item and no subtraction; None where there is none."""
    match = _ITEM.match(text, position)
    return Token("item", match[1], *match.span(1)) if match else None


def date_at(text: str, position: int) -> Token | None:
    """A date written out, which the language does not have."""
    match = _DATE.match(text, position)
    return Token("date", match[0], *match.span()) if match else None
