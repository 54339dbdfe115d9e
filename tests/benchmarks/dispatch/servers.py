"""A mail server that costs next to nothing, and a relay that adds a round trip: both in processes of their own."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_REPLIES = {
    b"EHLO": b"250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
    b"HELO": b"250 sink.example\r\n",
    b"MAIL": b"250 2.1.0 ok\r\n",
    b"RCPT": b"250 2.1.5 ok\r\n",
    b"RSET": b"250 2.0.0 ok\r\n",
    b"QUIT": b"221 2.0.0 bye\r\n",
}


class _Dialogue(asyncio.Protocol):
    """Takes every mail, keeps none, and counts them; `COUNT` tells how many, and begins anew."""

    mails = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.received = b""
        self.in_message = False
        transport.write(b"220 sink.example ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self.received += data
        answers = []
        while True:
            separator = b"\r\n.\r\n" if self.in_message else b"\r\n"
            head, found, rest = self.received.partition(separator)
            if not found:
                break
            self.received = rest
            answers.append(self.end_of_message() if self.in_message else self.command(head))
        if answers:
            self.transport.write(b"".join(answers))

    def end_of_message(self) -> bytes:
        self.in_message = False
        _Dialogue.mails += 1
        return b"250 2.0.0 Ok: queued as SINK\r\n"

    def command(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"DATA":
            self.in_message = True
            return b"354 end with a dot\r\n"
        if verb == b"COUN":
            counted, _Dialogue.mails = _Dialogue.mails, 0
            return b"250 %d\r\n" % counted
        return _REPLIES.get(verb, b"502 5.5.1 not known here\r\n")


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Dialogue, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _relay(target: int, seconds: float) -> None:
    """Hand on everything `seconds` later, in both directions."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while data := await reader.read(65_536):
            loop.call_later(seconds, writer.write, data)
        loop.call_later(seconds, writer.close)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(pump(reader, onward_writer), pump(onward_reader, writer))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def running(*arguments: str) -> Iterator[int]:
    """The port of such a server (`sink`, or `relay PORT SECONDS`) while it runs in a process of its own."""
    process = subprocess.Popen((sys.executable, __file__, *arguments), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    if sys.argv[1] == "sink":
        asyncio.run(_serve())
    else:
        asyncio.run(_relay(int(sys.argv[2]), float(sys.argv[3])))
