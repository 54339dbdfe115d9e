"""A text's tokens one after the other, and what is noted as wrong on the way (docs/language.md#operators)."""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn

from sendplan.dataclass import dataclass
from sendplan.expressions.tokens import FOREIGN, KEYWORDS, Token, token_at

MAX_PARTS = 20_000
"""Words, numbers, texts and signs of one expression: beyond that it is data, and no condition any more."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A syntax or type error at characters `start` to `end` of the expression."""

    start: int
    end: int
    message: str
    help: str = ""
    code: str = "expression-syntax"


class StopError(Exception):
    """The parser cannot go on; its mistake is already noted."""


class Cursor:
    """The present token of a text, and the ways on; a parser builds on it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.mistakes: list[Mistake] = []
        self.position = 0
        self.read = 0
        self.token = Token("start", "", 0, 0)

    def next_token(self) -> Token:
        """Read the token at `position`, and go behind it."""
        token = token_at(self.text, self.position)
        self.position = token.end
        self.read += 1
        if self.read > MAX_PARTS:
            help_ = "give these orders a field of their own (`fields:`) and ask for it, or split the rule"
            self.stop(token, f"the expression has more than {MAX_PARTS:,} words and signs", help_)
        if token.kind == "bad":
            message = "the quote is never closed" if token.text in "\"'" else f"`{token.text}` has no meaning here"
            self.stop(token, message, FOREIGN.get(token.text, ""))
        word = token.text.lower()
        if token.kind == "word" and word in KEYWORDS and word != token.text and self._means_keyword(word):
            self.note(token, f"`{token.text}` must be lower case", f"write `{word}` instead")
            return replace(token, text=word)
        return token

    def _means_keyword(self, word: str) -> bool:
        """Whether a word of the language is meant, though not written small: `Max` alone is somebody's column."""
        opening = {"max": "(", "min": "(", "sent": "(", "params": "."}.get(word)
        return opening is None or self.peek().text == opening

    def peek(self) -> Token:
        """The token after the present one."""
        return token_at(self.text, self.position)

    def advance(self) -> Token:
        """Go on; the token that was passed."""
        token = self.token
        self.token = self.next_token()
        return token

    def at(self, *texts: str) -> bool:
        """Whether the present token is one of these."""
        return self.token.text in texts  # texts keep their quotes, so nothing else reads like a word or an operator

    def accept(self, *texts: str) -> Token | None:
        """Go on if the present token is one of these."""
        return self.advance() if self.at(*texts) else None

    def expect(self, text: str, where: str) -> Token:
        """Go on over this token, or stop."""
        if not self.at(text):
            self.stop(self.token, f"`{text}` is missing {where}", f"add `{text}`")
        return self.advance()

    def note(self, token: Token, message: str, help_: str = "") -> None:
        """A mistake that the parse can go on after."""
        self.mistakes.append(Mistake(token.start, token.end, message, help_))

    def stop(self, token: Token, message: str, help_: str = "") -> NoReturn:
        """A mistake that it cannot."""
        self.note(token, message, help_)
        raise StopError

    def accept_operator(self, right: str, *wrong: str) -> Token | None:
        """Accept `right`; also its foreign spellings, each noted as a mistake so that the parse can go on."""
        if self.token.text in wrong:
            self.note(self.token, f"`{self.token.text}` is not an operator here", f"write `{right}` instead")
            return self.advance()
        return self.accept(right)
