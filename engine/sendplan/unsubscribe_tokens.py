"""Tokens of unsubscribe links: they name an address and a class, and only the store's secret can make one.

See docs/bounces.md#unsubscribing-by-mail.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from sendplan.dataclass import dataclass

EVERY_REQUIRED = "*"
"""As a token's class: every class with `unsubscribe: required`."""
NOBODY = ""
"""As a token's address, in previews and rehearsals: a colleague who tries the link unsubscribes nobody."""

_MAC_BYTES = 16


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """What a token asks for."""

    address: str
    """Of the buyer, or `NOBODY`."""
    klass: str
    """A class's name, or `EVERY_REQUIRED`."""
    language: str
    """Of the mail that the link stood in."""


def token_of(secret: str, wanted: Unsubscribe) -> str:
    """The token for a link: letters, digits, `-` and `_`, the same for the same buyer and class."""
    said = "\0".join((wanted.klass, wanted.language, wanted.address.strip().lower())).encode("utf-8", "replace")
    return base64.urlsafe_b64encode(_mac(secret, said) + said).rstrip(b"=").decode("ascii")


def read_token(secret: str, token: str) -> Unsubscribe | None:
    """What a token says; None when it was not made with this secret, or is cut off."""
    try:
        data = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        mac, said = data[:_MAC_BYTES], data[_MAC_BYTES:]
        if not secret or not hmac.compare_digest(mac, _mac(secret, said)):
            return None
        klass, language, address = said.decode("utf-8").split("\0")
    except (ValueError, UnicodeError, binascii.Error):
        return None
    return Unsubscribe(address, klass, language)


def earlier_token(shop_name: str, address: str) -> str:
    """The token of mails that an earlier version sent: hexadecimal, made of what anybody may know."""
    return hashlib.sha256(f"{shop_name}\n{address.lower()}".encode("utf-8", "replace")).hexdigest()[:32]


def is_earlier(token: str) -> bool:
    """Whether a token has the form of an earlier version's."""
    return len(token) == 32 and all(each in "0123456789abcdef" for each in token)


def _mac(secret: str, said: bytes) -> bytes:
    return hmac.new(secret.encode(), b"unsubscribe\0" + said, hashlib.sha256).digest()[:_MAC_BYTES]
