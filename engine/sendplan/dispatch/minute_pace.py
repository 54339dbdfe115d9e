"""Keeps one process below a sender's `per_minute`, so that few mails are withdrawn at the store's own count."""

from __future__ import annotations

from collections import deque

WINDOW = 60.0


class Pace:
    """How many recipients were mailed in the last minute; not locked, the caller reads the clock."""

    def __init__(self, per_minute: int | None) -> None:
        self._limit = per_minute
        self._sent: deque[tuple[float, int]] = deque()

    def wait(self, now: float) -> float:
        """Seconds until another mail fits."""
        if self._limit is None:
            return 0.0
        while self._sent and self._sent[0][0] <= now - WINDOW:
            self._sent.popleft()
        if sum(recipients for _, recipients in self._sent) < self._limit:
            return 0.0
        return self._sent[0][0] + WINDOW - now

    def sent(self, now: float, recipients: int) -> None:
        """Count a mail."""
        if self._limit is not None:
            self._sent.append((now, recipients))
