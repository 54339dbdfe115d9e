"""The sink itself: listens, keeps the mails and the log of what clients said."""

from __future__ import annotations

import re
import socket
import socketserver
import ssl
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from sendplan.sink.dialogue import Dialogue, Mail, hang_up
from sendplan.sink.script import Action, Cue, Script, SmtpStep


class Sink:
    """The server; a context manager that listens on a free port of 127.0.0.1 while it is open."""

    def __init__(
        self,
        script: Script | None = None,
        *,
        mbox: Path | None = None,
        tls: ssl.SSLContext | None = None,
        implicit_tls: bool = False,
        logins: Mapping[str, str] | None = None,
        mechanisms: tuple[str, ...] = ("PLAIN", "LOGIN"),
        deaf: bool = False,
        extensions: tuple[str, ...] = ("PIPELINING", "8BITMIME", "SMTPUTF8"),
        size_limit: int = 10_000_000,
        idle: float = 60.0,
        port: int = 0,
    ) -> None:
        """`tls` offers STARTTLS, or encrypts from the start with `implicit_tls`; `logins` are user names and secrets.

        `mechanisms` are the ways to log in that it offers; a `deaf` server passes over what a client says in the same
        line as AUTH. `mbox` also keeps the mails in that file. A connection silent for `idle` seconds is closed.
        """
        self.script = script
        self.tls = tls
        self.implicit_tls = implicit_tls
        self.logins = logins
        self.mechanisms = mechanisms
        self.deaf = deaf
        self.extensions = extensions
        self.size_limit = size_limit
        self.idle = idle
        self.mails: list[Mail] = []
        self.commands: list[str] = []
        """Everything the clients said, in order of arrival, without passwords."""
        self.connections = 0
        self.stopping = threading.Event()
        self._mbox = mbox
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._server = _Server(self, port)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    host = "127.0.0.1"

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Sink:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        with self._lock:
            for sock in self._open:
                hang_up(sock)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def connected(self, sock: socket.socket) -> int:
        """Count a new connection; its number."""
        with self._lock:
            self._open.add(sock)
            self.connections += 1
            return self.connections

    def disconnected(self, sock: socket.socket) -> None:
        """Forget a connection."""
        with self._lock:
            self._open.discard(sock)

    def heard(self, line: str) -> None:
        """Write down a command."""
        with self._lock:
            self.commands.append(line)

    def store(self, mail: Mail) -> int:
        """Write down an accepted mail; how many there are now."""
        with self._lock:
            if self._mbox is not None:
                _append(self._mbox, mail)
            self.mails.append(mail)
            return len(self.mails)

    def interfere(self, step: SmtpStep, argument: str, connection: int) -> Action | None:
        """What the script wants at this moment."""
        if self.script is None:
            return None
        return self.script(Cue(step, argument, connection, len(self.mails)))


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, sink: Sink, port: int) -> None:
        self.sink = sink
        super().__init__((sink.host, port), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is nothing to report."""


class _Handler(socketserver.BaseRequestHandler):
    """One connection, in a thread of its own."""

    server: _Server

    def handle(self) -> None:
        """Talk until one side hangs up."""
        sink = self.server.sink
        number = sink.connected(self.request)
        try:
            Dialogue(sink, self.request, number).run()
        finally:
            sink.disconnected(self.request)
            hang_up(self.request)


def _append(mbox: Path, mail: Mail) -> None:
    """One more mail in an mbox file (the "mboxrd" kind), handed to the system before this returns."""
    text = re.sub(rb"^(>*From )", rb">\1", mail.content.replace(b"\r\n", b"\n"), flags=re.MULTILINE)
    with mbox.open("ab", buffering=0) as file:
        file.write(b"From sink@localhost Thu Jan  1 00:00:00 1970\n" + text + b"\n")
