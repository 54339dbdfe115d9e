"""A mail server that writes down whom it took a mail for, before it says so, and that may be made to misbehave."""

from __future__ import annotations

import os
import random
import socketserver
import threading
import time
from pathlib import Path


class Server:
    """On a port of its own while its `with` block lasts."""

    def __init__(self, log: Path, chance: random.Random) -> None:
        self.faults = 0.0
        """How often a mail meets trouble, from 0 to 1."""
        self._log = log
        self._file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._chance = chance
        self._tcp = _Tcp(("127.0.0.1", 0), _Client)
        self._tcp.owner = self
        self.port: int = self._tcp.server_address[1]

    def __enter__(self) -> Server:
        threading.Thread(target=self._tcp.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._tcp.shutdown()
        self._tcp.server_close()
        os.close(self._file)

    def accepted(self) -> list[str]:
        """The recipient of every mail that was taken."""
        return self._log.read_text().split()

    def count(self) -> int:
        """How many mails were taken."""
        return len(self.accepted())

    def wait_for(self, mails: int, seconds: float) -> None:
        """Return when so many were taken, or the time is up."""
        end = time.monotonic() + seconds
        while self.count() < mails and time.monotonic() < end:
            time.sleep(0.003)

    def take(self, recipient: str) -> None:
        """Write down that a mail was taken."""
        os.write(self._file, f"{recipient}\n".encode())

    def trouble(self) -> str:
        """What this mail meets."""
        if self._chance.random() >= self.faults:
            return ""
        return self._chance.choice(("lost", "taken and lost", "slow", "later", "later at the end", "closing"))


class _Tcp(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    owner: Server


class _Client(socketserver.StreamRequestHandler):
    """One connection, spoken to line by line."""

    disable_nagle_algorithm = True
    server: _Tcp

    def handle(self) -> None:
        try:
            self._talk()
        except OSError:
            return  # The other side went away.

    def _talk(self) -> None:
        self._say("220 torture.example ESMTP")
        recipient = trouble = ""
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"EHLO":
                self._say("250-torture.example", "250 PIPELINING")
            elif verb == b"MAIL":
                recipient, trouble = "", self.server.owner.trouble()
                if trouble == "closing":
                    return self._say("421 4.3.2 closing")
                self._say("250 ok")
            elif verb == b"RCPT":
                if trouble == "later":
                    self._say("451 4.3.0 later")
                else:
                    recipient = line.split(b"<")[1].split(b">")[0].decode()
                    self._say("250 ok")
            elif verb == b"DATA":
                if not recipient:
                    self._say("503 5.5.1 nobody to send to")
                elif not self._take(recipient, trouble):
                    return None
            elif verb == b"QUIT":
                return self._say("221 bye")
            else:
                self._say("250 ok")
        return None

    def _take(self, recipient: str, trouble: str) -> bool:
        """Read a mail to its end and answer; False when the connection ends here."""
        self._say("354 go on")
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                return False
        if trouble == "slow":
            time.sleep(0.1)
        if trouble == "lost":
            return False
        if trouble == "later at the end":
            self._say("452 4.3.1 later")
            return True
        self.server.owner.take(recipient)
        if trouble == "taken and lost":
            return False
        self._say("250 2.0.0 taken")
        return True

    def _say(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())
