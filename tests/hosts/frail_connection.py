"""Between a host and the database server: passes everything on, until it ends the connection at a chosen moment."""

from __future__ import annotations

import select
import selectors
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_NAME = ".s.PGSQL.5432"


class FrailConnection:
    """A socket in front of the server's; the `number`th thing that is asked through it ends all connections.

    Either it never arrives, or (`heard`) it arrives and its answer is lost.
    """

    def __init__(self, folder: Path, server: Path, number: int, *, heard: bool) -> None:
        """Listen in `folder` for the server whose socket is in the other one; 0: end nothing."""
        self.folder = folder
        self._server, self._number, self._heard = server / _NAME, number, heard
        self.asked = 0
        """How many things were asked so far."""
        self.cut = False
        """Whether it came to that."""
        self._ends: list[socket.socket] = []
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(folder / _NAME))
        self._listening.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                host, _ = self._listening.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self._server))
                self._ends += host, server
                threading.Thread(target=self._carry, args=(host, server), daemon=True).start()

    def _carry(self, host: socket.socket, server: socket.socket) -> None:
        # Both ends may be closed by the time that this thread begins.
        with suppress(OSError, ValueError), selectors.DefaultSelector() as ready:
            ready.register(host, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, host)
            while True:
                for key, _ in ready.select():
                    source = key.fileobj
                    assert isinstance(source, socket.socket)
                    content = source.recv(1 << 16)
                    self.asked += source is host
                    if source is host and self.asked == self._number:
                        self.cut = True
                        if self._heard:
                            server.sendall(content)
                            # It has answered by now, unless this was only a part of what is asked together.
                            select.select((server,), (), (), 0.2)
                        self._end_all()
                        return
                    if not content:
                        self._end(host, server)
                        return
                    key.data.sendall(content)

    def _end_all(self) -> None:
        self._end(*self._ends)

    def _end(self, *ends: socket.socket) -> None:
        for each in ends:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def close(self) -> None:
        """Let nobody connect any more, and end what is left."""
        self._end(self._listening)
        self._end_all()


@contextmanager
def frail_connection(server: Path, number: int, *, heard: bool) -> Iterator[FrailConnection]:
    """One in a folder of its own, until the end of the `with` block."""
    with tempfile.TemporaryDirectory(prefix="sendplan-frail-") as name:
        frail = FrailConnection(Path(name), server, number, heard=heard)
        try:
            yield frail
        finally:
            frail.close()
