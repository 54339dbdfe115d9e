"""What was said as an argument of AUTH, masked in whatever the server answers from then on."""

from __future__ import annotations

import re

_TOKEN = re.compile(rb"[A-Za-z0-9+/=_-]{6,}")
"""Long enough that a part of a secret is worth hiding, and that ordinary words are seldom hit."""


class Secrets:
    """The secrets of one connection; a server may repeat them whole, or a piece of them, in any answer."""

    def __init__(self) -> None:
        self._kept: list[bytes] = []

    def keep(self, *secrets: str) -> None:
        """Hide these from now on."""
        self._kept += [secret.encode() for secret in secrets if secret]

    def masked(self, text: bytes) -> bytes:
        """The text with `***` for every secret, and for every piece of one that stands as a word of its own."""
        for secret in self._kept:
            text = text.replace(secret, b"***")
        return _TOKEN.sub(self._masked_piece, text) if self._kept else text

    def _masked_piece(self, found: re.Match[bytes]) -> bytes:
        piece = found[0]
        return b"***" if any(piece in secret for secret in self._kept) else piece
