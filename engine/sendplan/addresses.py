"""E-mail addresses: whether one can be written to, and how it is shown."""

from __future__ import annotations

import re
from functools import lru_cache

_ADDRESS = re.compile(r"""(?:"[^"@]*"|[^\s"'<>(),;:@]+)@[^\s"'<>(),;:@]+""")


_PLAIN = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*")
"""A local part of letters that nobody disputes, at most as long as it and the whole may be (RFC 5321 §4.5.3.1)."""


def address_error(address: str) -> str | None:
    """Why nobody can be reached at an address, or None; its domain is not looked up."""
    local, _, domain = address.rpartition("@")
    # Buyers share domains: a plain local part leaves only the domain to judge, and that is known after the first.
    plain = len(local) <= 64 and len(address) <= 254 and domain.isascii() and _PLAIN.fullmatch(local)
    if plain and _error(f"a@{domain}") is None:
        return None
    return _error(address)


@lru_cache(maxsize=4096)
def _error(address: str) -> str | None:
    from email_validator import EmailNotValidError, validate_email

    try:
        validate_email(address, check_deliverability=False)
    except EmailNotValidError as error:
        return str(error)
    return None


def masked(address: str) -> str:
    """The address as a plan shows it: `m…@example.com`."""
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}…{at}{domain}" if at else "…"


def mask_all(text: str) -> str:
    """A foreign text with every address in it masked."""
    return _ADDRESS.sub(lambda found: masked(found[0]), text) if "@" in text else text
