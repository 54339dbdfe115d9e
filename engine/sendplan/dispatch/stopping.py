"""A person or the system asks an execution to end (docs/sending.md#stopping)."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from sendplan.events import json_only
from sendplan.mail.replies import Phase

PATIENCE = 30.0
"""Seconds after the request for which the answers to ended messages are waited for: without it nobody knows whether
they were sent."""
_NAP = 0.2
"""Seconds after which somebody who waits looks whether it is set."""


class Stop:
    """Once set, mails past their intent are finished, the rest stays open.

    It takes no lock: a signal may come in the middle of any of its methods, and sets it there.
    """

    def __init__(self) -> None:
        self._asked_at: float | None = None
        self._hurried = False
        self._signal: int | None = None
        self.at_once = False
        """Whether a signal ends what is being done, since nothing is sent."""

    def signalled(self, number: int) -> None:
        """A signal came: the second one hurries. Raises KeyboardInterrupt where it ends the work `at_once`."""
        again = self.is_set()
        self._signal = number
        self.set()
        if self.at_once:
            self.raise_interrupt()
        if not json_only():
            # Straight to the stream: the signal may have come in the middle of something that is printed.
            os.write(2, _SECOND if again else _FIRST)
        if again:
            self.hurry()

    def raise_interrupt(self) -> None:
        """Raises KeyboardInterrupt once a signal has come."""
        if self._signal is not None:
            raise KeyboardInterrupt(self._signal)

    def is_set(self) -> bool:
        """Whether somebody asked to end."""
        return self._asked_at is not None

    def set(self) -> None:
        """Begin nothing more."""
        if self._asked_at is None:
            self._asked_at = time.monotonic()

    def wait(self, seconds: float) -> bool:
        """Whether it is set, at the latest after so many seconds."""
        end = time.monotonic() + seconds
        while not self.is_set() and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, _NAP))
        return self.is_set()

    def hurry(self) -> None:
        """Wait for nothing more either: what has no answer becomes `uncertain`."""
        self.set()
        self._hurried = True

    def gives_up(self, phase: Phase) -> bool:
        """Whether a server's answer is waited for no longer; before the end of a message nothing is lost by that."""
        if self._asked_at is None:
            return False
        ended = phase in (Phase.DOT, Phase.RESULT)
        return not ended or self._hurried or time.monotonic() - self._asked_at > PATIENCE


_FIRST = (
    b"stopping: mails that are on their way are finished within 30 seconds, the rest stays open; "
    b"once more ends it at once\n"
)
_SECOND = b"ending at once: mails whose answer did not come are uncertain\n"


@contextmanager
def stopping() -> Iterator[Stop]:
    """What SIGTERM or Ctrl-C sets, and the second one of them hurries."""
    stop = Stop()

    def ask(signal_number: int, frame: FrameType | None) -> None:
        stop.signalled(signal_number)

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    previous = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def interruptible(stop: Stop) -> Iterator[None]:
    """Work that a signal may end at once, since nothing is sent: it raises KeyboardInterrupt with its number.

    So does one that came before, and one whose exception got lost in between.
    """
    stop.raise_interrupt()
    stop.at_once = True
    try:
        yield
    finally:
        stop.at_once = False
    stop.raise_interrupt()
