"""When a deferred message is tried again, and when no more (docs/sending.md#replies-by-what-they-concern)."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

SCHEDULE = tuple(timedelta(minutes=minutes) for minutes in (5, 15, 60, 180, 360, 720, 1440))
"""After the first attempt, the second …; the last one again and again."""
GIVE_UP = timedelta(days=5)
_SPREAD = 0.2


def delay(key: str, attempts: int) -> timedelta:
    """How long to wait after so many attempts (1 at least): the schedule's time ± 20 %, always the same for a key.

    The spread keeps messages that were refused together from coming back together.
    """
    scheduled = SCHEDULE[min(attempts, len(SCHEDULE)) - 1]
    drawn = int.from_bytes(hashlib.sha256(f"{key} {attempts}".encode()).digest()[:8]) / 2**64
    return scheduled * (1 - _SPREAD + 2 * _SPREAD * drawn)


def next_attempt(
    key: str, attempts: int, *, at: datetime, first: datetime, expires_at: datetime | None
) -> datetime | None:
    """When to try again after a refusal at `at`; None when that would come too late and the message has failed.

    Too late is five days after the `first` attempt, or when the rule's `expires` has passed.
    """
    limit = first + GIVE_UP if expires_at is None else min(first + GIVE_UP, expires_at)
    again = at + delay(key, attempts)
    return again if again < limit else None
