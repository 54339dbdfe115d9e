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


class Stop(threading.Event):
    """Once set, mails past their intent are finished, the rest stays open."""

    def __init__(self) -> None:
        super().__init__()
        self._asked_at = 0.0
        self._hurried = False

    def set(self) -> None:
        """Begin nothing more."""
        if not self.is_set():
            self._asked_at = time.monotonic()
        super().set()

    def hurry(self) -> None:
        """Wait for nothing more either: what has no answer becomes `uncertain`."""
        self.set()
        self._hurried = True

    def gives_up(self, phase: Phase) -> bool:
        """Whether a server's answer is waited for no longer; before the end of a message nothing is lost by that."""
        if not self.is_set():
            return False
        return phase is not Phase.RESULT or self._hurried or time.monotonic() - self._asked_at > PATIENCE


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
        again = stop.is_set()
        if not json_only():
            # Straight to the stream: the signal may have come in the middle of something that is printed.
            os.write(2, _SECOND if again else _FIRST)
        stop.hurry() if again else stop.set()

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
def interruptible() -> Iterator[None]:
    """Within `stopping`, work that a signal may end at once, since nothing is sent: KeyboardInterrupt is raised."""

    def end(signal_number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
