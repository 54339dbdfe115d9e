"""`sendplan board` as a process of its own, attacked over its socket."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip("uvicorn")

from sendplan.board.connections import MOST
from sendplan.commands.init_command import copy_example


@dataclass
class Served:
    """A board that runs."""

    process: subprocess.Popen[str]
    port: int
    token: str

    def connection(self) -> socket.socket:
        """A connection on which nothing is asked yet."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def answer(self, path: str, *headers: str) -> str:
        """The status line of an answer to somebody else; empty when the board hangs up."""
        lines = (f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", "Connection: close", *headers, "", "")
        with self.connection() as asking:
            asking.sendall("\r\n".join(lines).encode())
            try:
                return asking.makefile("rb").readline().decode().strip()
            except ConnectionResetError:
                return ""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """The board of the example shop."""
    copy_example(tmp_path)
    line = [sys.executable, "-m", "sendplan", "board", "--port", "0"]
    with subprocess.Popen(line, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        link = process.stdout.readline()
        found = re.search(r":(\d+)/sign-in\?token=(\S+)", link)
        assert found is not None, link
        yield Served(process, int(found[1]), found[2])
        process.kill()


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n", b"POST /approve HTTP/1.1\r\nContent-Le"])
def test_connections_that_ask_nothing_lock_nobody_out(served: Served, begun: bytes) -> None:
    """However many connections somebody opens and leaves silent, or half a request on each, others are answered."""
    held = []
    for _ in range(3 * MOST):
        each = served.connection()
        each.sendall(begun)
        held.append(each)
    assert served.answer("/sign-in") == "HTTP/1.1 200 OK"
    for each in held:
        each.close()


def test_forms_that_never_end_lock_nobody_out(served: Served) -> None:
    """A form of which only the beginning comes gives way to whoever asks for a page."""
    held = []
    head = f"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nOrigin: http://127.0.0.1:{served.port}\r\n"
    head += "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\nname=M"
    for _ in range(3 * MOST):
        each = served.connection()
        each.sendall(head.encode())
        held.append(each)
    assert served.answer("/sign-in") == "HTTP/1.1 200 OK"
    for each in held:
        each.close()


def test_endless_headers_and_addresses_are_refused(served: Served) -> None:
    """Nobody fills the memory by a request that does not end, and the board goes on."""
    for path, headers in (
        ("/" + "x" * 300_000, ()),
        ("/sign-in", [f"X-{number}: {'y' * 1000}" for number in range(300)]),
    ):
        assert served.answer(path, *headers) in ("HTTP/1.1 400 Bad Request", "")
    assert served.answer("/sign-in") == "HTTP/1.1 200 OK"


def test_the_token_is_in_no_log(served: Served) -> None:
    """The link is printed once; whoever opens it, or sends nonsense, writes the token into no log."""
    assert served.answer(f"/sign-in?token={served.token}") == "HTTP/1.1 200 OK"
    assert served.answer(f"/{served.token}?token={served.token}", f"Referer: {served.token}").endswith("303 See Other")
    assert "400" in served.answer(f"/{served.token} x", f"{served.token}\x00: x")
    served.process.terminate()
    out, err = served.process.communicate(timeout=60)
    assert served.token not in out + err
