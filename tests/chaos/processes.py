"""Real sendplan processes: forked from one that has everything imported, so that a thousand of them start quickly."""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sendplan import cli, store
from sendplan.dispatch import Pauses, rehearsal, run, worker  # noqa: F401
from sendplan.mail.dialing import Timeouts
from sendplan.store.sqlite import files

TIMEOUTS = Timeouts(connect=1, command=0.5, data=0.5, body=1, result=0.5)
PAUSES = Pauses(after_failure=0.0, probes=(0.05, 0.05), rate=(0.05, 0.05), quota=1.0)
"""Patience and rests, shortened from minutes to fractions of a second."""
LEASE_SECONDS = 2.0
_HOUR = 3600.0


@dataclass(frozen=True)
class Conditions:
    """Under which a process runs."""

    hours_ahead: float = 0.0
    """How far its real clock, by which leases run, is ahead."""
    at_start: Callable[[], None] = lambda: None
    """Called in the process before it begins: patches that kill it at a point of the protocol."""
    file_limit: int | None = None
    """Bytes beyond which no file of it may grow: a disk that is full."""
    as_nobody: bool = False
    """Give up root, which no permission stops."""
    busy_seconds: float = 5.0


@dataclass
class Process:
    """A running process and what it printed."""

    pid: int
    out: Path
    code: int | None = None

    def send(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.code is None:
            os.kill(self.pid, number)

    def wait(self) -> int:
        """Its exit code; 128 and the signal's number when it was killed."""
        if self.code is None:
            _, status = os.waitpid(self.pid, 0)
            code = os.waitstatus_to_exitcode(status)
            self.code = 128 - code if code < 0 else code
        return self.code

    def ended(self) -> bool:
        """Whether it has ended."""
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                code = os.waitstatus_to_exitcode(status)
                self.code = 128 - code if code < 0 else code
        return self.code is not None

    def printed(self) -> str:
        """What it wrote to stdout and stderr."""
        # One that was killed at once has not come so far.
        return self.out.read_text(encoding="utf-8", errors="replace") if self.out.exists() else ""


def start(arguments: Sequence[str], out: Path, conditions: Conditions = Conditions()) -> Process:
    """Start `sendplan ARGUMENTS`."""
    pid = os.fork()
    if pid:
        return Process(pid, out)
    code = 99
    try:
        file = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        os.dup2(file, 1)
        os.dup2(file, 2)
        _prepare(conditions)
        code = cli.run(list(arguments))
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        import sys

        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _prepare(conditions: Conditions) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    defaults: dict[str, Any] | None = store.open_store.__kwdefaults__
    assert defaults is not None
    if conditions.hours_ahead:
        defaults["clock"] = lambda: time.time() + conditions.hours_ahead * _HOUR
    for name, value in (
        ("Timeouts", lambda: TIMEOUTS),
        ("Pauses", lambda: PAUSES),
        ("LEASE_SECONDS", LEASE_SECONDS),
        ("_RENEWAL_SECONDS", LEASE_SECONDS / 4),
    ):
        setattr(run, name, value)
    files.BUSY_SECONDS = conditions.busy_seconds  # type: ignore[assignment]
    conditions.at_start()
    if conditions.file_limit is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (conditions.file_limit, conditions.file_limit))
    if conditions.as_nobody and os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
