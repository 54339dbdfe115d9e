"""What a search for orders matches, the same in every store: by id, number, name, e-mail address or customer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from unicodedata import normalize

from sendplan.addresses import mailbox
from sendplan.dataclass import dataclass
from sendplan.fields import Value

SEARCHED = ("id", "number", "name", "email", "customer")
"""The fields that are looked through."""
_OTHERWISE = re.compile(r"ss|[^\x20-\x7e]+")


@dataclass(frozen=True, slots=True)
class Search:
    """Words that must all be found, each as a part of one of the fields; case does not matter."""

    text: str
    """Folded."""
    words: tuple[str, ...]
    mailbox: str
    """The text as a mailbox, so that both spellings of a domain find it."""

    @classmethod
    def of(cls, text: str) -> Search:
        """A search as a person types it."""
        folded = _folded(text)
        return cls(folded, tuple(folded.split()), mailbox(text) if "@" in text else "")

    def patterns(self) -> tuple[str, ...]:
        """For each word what one of the fields is `LIKE`, ignoring case: a store narrows by them, `matches` decides."""
        return tuple(f"%{_pattern(word)}%" for word in self.words)

    def whole_pattern(self) -> str:
        """What the id, number or e-mail address is `LIKE` that the search names in full."""
        return _pattern(self.text)

    def matches(self, values: Mapping[str, Value]) -> bool:
        """Whether an order with these stored values is found."""
        texts = [_folded(str(values[name])) for name in SEARCHED if name in values]
        return bool(self.words) and (
            all(any(word in text for text in texts) for word in self.words) or self._is_mailbox(values)
        )

    def names(self, values: Mapping[str, Value]) -> bool:
        """Whether the search is the order's id, number or e-mail address, in full."""
        exact = any(_folded(str(values[name])) == self.text for name in ("id", "number") if name in values)
        return exact or self._is_mailbox(values)

    def _is_mailbox(self, values: Mapping[str, Value]) -> bool:
        return bool(self.mailbox) and "email" in values and mailbox(str(values["email"])) == self.mailbox


def _folded(text: str) -> str:
    return normalize("NFC", normalize("NFC", text.strip()).casefold())


def _pattern(text: str) -> str:
    """With `\\` before what is meant literally, and `%` for what another case or spelling may write otherwise."""
    local, at, domain = text.partition("@")
    if at and (not text.isascii() or "xn--" in domain):
        text, at = f"{local}@", "%"
    else:
        at = ""
    return _OTHERWISE.sub("%", re.sub(r"[\\%_]", r"\\\g<0>", text)) + at
