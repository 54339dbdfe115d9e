"""Connections to the board: those on which nothing is asked give way to others, so that they lock nobody out."""

from __future__ import annotations

import asyncio
from itertools import count

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST = 100
"""Open connections; a browser keeps a handful."""
_numbers = count()


class YieldingConnection(H11Protocol):
    """HTTP/1.1, as long as there is room: of too many, the oldest closes that has not sent a whole request."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, and close another when that is one too many."""
        super().connection_made(transport)
        self.number = next(_numbers)
        if len(self.connections) > MOST:
            idle = (each for each in self.connections if isinstance(each, YieldingConnection) and each.is_waited_for)
            oldest = min(idle, key=lambda each: each.number)
            self.connections.discard(oldest)  # It closes only after others that came at the same time.
            oldest.transport.close()

    @property
    def is_waited_for(self) -> bool:
        """Whether the other side is to speak: it has sent no request yet, or only a part of one."""
        return self.conn.their_state in (h11.IDLE, h11.SEND_BODY)
