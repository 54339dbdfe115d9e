"""Circuit breaker of one sender's server: three failures in a row open it, a single probe may close it again."""

from __future__ import annotations

from sendplan.dispatch.model import Pauses

FAILURES = 3


class Breaker:
    """Pure bookkeeping over a clock that the caller reads; not locked."""

    def __init__(self, pauses: Pauses) -> None:
        self._pauses = pauses
        self._failures = 0
        self._probes = 0
        self._ever_reached = False
        self.resume_at = float("-inf")
        """Nothing is tried before this moment."""

    @property
    def working(self) -> bool:
        """The server answered, and did not fail since."""
        return self._ever_reached and self._failures == 0

    @property
    def probing(self) -> bool:
        """Half open: only one connection may try."""
        return self._failures >= FAILURES

    @property
    def given_up(self) -> bool:
        """The server never answered, or the last probe failed."""
        return self.probing and (not self._ever_reached or self._probes > len(self._pauses.probes))

    def reached(self) -> None:
        """A connection is open: from now on a failure means that the server went away."""
        self._ever_reached = True

    def succeeded(self) -> None:
        """The server took a message over, or answered about one."""
        self._failures = self._probes = 0

    def failed(self, now: float) -> None:
        """The server could not be reached, or went away."""
        self._failures += 1
        pause = self._pauses.after_failure
        if self.probing:
            pause = (*self._pauses.probes, 0.0)[min(self._probes, len(self._pauses.probes))]
            self._probes += 1
        self.resume_at = now + pause
