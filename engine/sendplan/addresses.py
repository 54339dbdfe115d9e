"""E-mail addresses: whether one can be written to, whose mailbox it is, and how it is shown."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import lru_cache
from unicodedata import normalize

_ADDRESS = re.compile(r"""(?:"[^"@]*"|(?<![^\s"'<>(),;:@])[^\s"'<>(),;:@]+)@[^\s"'<>(),;:@]+""")
"""It begins where a word does, or a long text without an address would be read again from each of its letters."""

_IN_BRACKETS = re.compile(r"[^<>]*<([^<>]*)>\s*")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.|\\\Z)*(?:"|\Z)', re.DOTALL)
"""Without its second quote it reaches to the end, or every one in a long text would be searched for from each."""

_PLAIN = re.compile(
    r"""(?=.{3,254}\Z)(?=[^@]{1,64}@)(?!.*@.*[^.]{64})
    [A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*
    @(?:[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*\.)+(?!(?i:arpa|invalid|local|localhost|onion|test)\Z)[A-Za-z]{2,}""",
    re.VERBOSE,
)
"""Addresses that nobody disputes: most of them, so that commands start without the library that knows the others."""


def address_error(address: str) -> str | None:
    """Why nobody can be reached at an address, or None; its domain is not looked up."""
    return None if _PLAIN.fullmatch(address) else _error(address)


@lru_cache(maxsize=4096)
def _error(address: str) -> str | None:
    from email_validator import EmailNotValidError, validate_email

    try:
        validate_email(address, check_deliverability=False, strict=True)
    except EmailNotValidError as error:
        return str(error)
    return None


def mailbox(address: str) -> str:
    """The one spelling of all addresses of a mailbox: NFC, small letters, a domain readable (RFC 5891), not `xn--`."""
    plain = address.strip().lower()
    return plain if plain.isascii() and "xn--" not in plain else _mailbox(plain)


@lru_cache(maxsize=4096)
def _mailbox(address: str) -> str:
    import idna

    local, at, domain = normalize("NFC", address).rpartition("@")
    with suppress(UnicodeError):  # as an IDNAError is: an address that nobody can be reached at is only itself
        domain = idna.decode(idna.encode(domain, uts46=True))
    return f"{local.lower()}{at}{domain.lower()}"


def address_of(text: str) -> str:
    """The address in `Name <address>`, or the whole text."""
    found = _IN_BRACKETS.fullmatch(text)
    return (found[1] if found else text).strip()


def names_several(text: str) -> bool:
    """Whether a text that should hold one address, with or without a name, holds more: `a@example.com, b@…`."""
    return sum("@" in part for part in re.split(r"[,;]", _QUOTED.sub("", text))) > 1


def masked(address: str) -> str:
    """The address as a plan shows it: `m…@example.com`."""
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}…{at}{domain}" if at else "…"


def mask_all(text: str) -> str:
    """A foreign text with every address in it masked."""
    return _ADDRESS.sub(lambda found: masked(found[0]), text) if "@" in text else text
