"""The mail server of the fault suite, in a process of its own: `python server.py FAULT LOG HOST PORT`.

It appends each mail's recipient to its log before it answers, so that the log is the truth about what was accepted.
"""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from sendplan.sink import Action, Cue, Drop, Flood, Mail, Say, Script, Sink, Stall
from sendplan.sink import SmtpStep as Step

_PHASES = (Step.CONNECT, Step.EHLO, Step.MAIL, Step.RCPT, Step.DATA, Step.BODY, Step.DOT)


def _now_and_then(step: Step, action: Action, every: int = 5) -> Callable[[], Script]:
    """Play `action` at each `every`th moment of this kind."""

    def script() -> Script:
        seen, lock = [0], threading.Lock()

        def play(moment: Cue) -> Action | None:
            if moment.step is not step:
                return None
            with lock:
                seen[0] += 1
                return action if seen[0] % every == 0 else None

        return play

    return script


def _after_mails(mails: int) -> Callable[[], Script]:
    """Hang up each connection after so many mails."""

    def script() -> Script:
        taken: dict[int, int] = {}

        def play(moment: Cue) -> Action | None:
            if moment.step is Step.STORED:
                taken[moment.connection] = taken.get(moment.connection, 0) + 1
            hang_up = moment.step is Step.MAIL and taken.get(moment.connection, 0) >= mails
            return Drop() if hang_up else None

        return play

    return script


def _slow() -> Script:
    """A server that takes five milliseconds for each mail."""

    def play(moment: Cue) -> None:
        if moment.step is Step.DOT:
            time.sleep(0.005)

    return play


FAULTS: Mapping[str, Callable[[], Script | None]] = {
    "none": lambda: None,
    "slow": _slow,
    "no TLS": lambda: None,
    "foreign certificate": lambda: None,
    "takes the mail, then hangs up": _now_and_then(Step.STORED, Drop()),
    "takes the mail, then is silent": _now_and_then(Step.STORED, Stall()),
    "hangs up before taking the mail": _now_and_then(Step.DOT, Drop()),
    "hangs up after 3 mails": _after_mails(3),
    **{f"is silent at {step}": _now_and_then(step, Stall()) for step in _PHASES},
    **{f"hangs up at {step}": _now_and_then(step, Drop()) for step in _PHASES[:-1]},
    "421 at MAIL": _now_and_then(Step.MAIL, Say("421 4.3.2 closing")),
    "421 after the dot": _now_and_then(Step.DOT, Say("421 4.3.2 closing")),
    "451 at RCPT": _now_and_then(Step.RCPT, Say("451 4.3.0 later")),
    "452 after the dot": _now_and_then(Step.DOT, Say("452 4.3.1 full")),
    "550 at RCPT": _now_and_then(Step.RCPT, Say("550 5.2.1 disabled")),
    "550 after the dot": _now_and_then(Step.DOT, Say("550 5.6.0 refused")),
    "garbage at RCPT": _now_and_then(Step.RCPT, Say(b"\x00\xff what?")),
    "garbage after the dot": _now_and_then(Step.STORED, Say(b"\x00\xff what?")),
    "an endless line at MAIL": _now_and_then(Step.MAIL, Flood()),
    "an endless line after the dot": _now_and_then(Step.STORED, Flood()),
}


class _Logging(Sink):
    """A sink whose log outlives it."""

    def __init__(self, log: Path, script: Script | None, tls: ssl.SSLContext | None, host: str, port: int) -> None:
        self.host = host
        super().__init__(script, tls=tls, port=port)
        self._log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def store(self, mail: Mail) -> int:
        """Write it down; only then is it answered."""
        os.write(self._log, f"{mail.recipients[0]}\n".encode())
        return super().store(mail)


def _foreign_tls() -> ssl.SSLContext:
    import trustme

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("elsewhere.example").configure_cert(context)
    return context


class Server:
    """The server's process, to be started with one fault after the other on the same port, with the same log."""

    def __init__(self, log: Path, host: str = Sink.host) -> None:
        self.log = log
        self.host = host
        self._reserved = socket.socket()
        """Bound and never listening, so that nobody else gets the port while the server is down."""
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reserved.bind((host, 0))
        self.port = int(self._reserved.getsockname()[1])
        self._process: subprocess.Popen[str] | None = None

    def start(self, fault: str = "none") -> None:
        """Be broken in this way from now on."""
        self.stop()
        command = (sys.executable, __file__, fault, str(self.log), self.host, str(self.port))
        with tempfile.TemporaryFile() as errors:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
            assert self._process.stdout is not None
            if self._process.stdout.readline() != f"{self.port}\n":
                errors.seek(0)
                raise RuntimeError(errors.read().decode())

    def stop(self) -> None:
        """End the process, and wait for it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def accepted(self) -> list[str]:
        """The recipients of everything that was ever accepted."""
        return self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []

    def wait_for(self, mails: int, seconds: float = 30.0) -> bool:
        """Whether so many were accepted within the time."""
        end = time.monotonic() + seconds
        while len(self.accepted()) < mails:
            if time.monotonic() > end:
                return False
            time.sleep(0.002)
        return True


if __name__ == "__main__":
    name = sys.argv[1]
    context = _foreign_tls() if name == "foreign certificate" else None
    with _Logging(Path(sys.argv[2]), FAULTS[name](), context, sys.argv[3], int(sys.argv[4])) as sink:
        print(sink.port, flush=True)
        threading.Event().wait()
