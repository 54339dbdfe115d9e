"""Ctrl-C and a service's stop end a command wherever it waits: real processes, real sockets."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from projects import ROOT, Project, received

from sendplan.sink import Sink

NOW = ("--now", "2026-08-24 12:00")
NUMBERS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
STUCK = 120.0
"""Seconds after which a process that should have ended long ago fails its test."""

PATIENT = """
import sys
from sendplan import cli
from sendplan.mail.dialing import Timeouts
made = Timeouts.__init__
made.__defaults__ = (1e6,) * 5 + made.__defaults__[5:]
"""
"""Every phase may take as long as it wants, but for a signal."""

LOST_IN_NAMES = """
import socket, threading

def look_up(*arguments, **named):
    print("looking up", flush=True)
    threading.Event().wait()

socket.getaddrinfo = look_up
"""
"""A name server that says nothing."""

SAYS_WHEN_WAITING = """
from sendplan.dispatch.stopping import Stop
wait = Stop.wait

def waiting(stop, seconds):
    print("waiting", flush=True)
    return wait(stop, seconds)

Stop.wait = waiting
"""


@pytest.fixture
def filled(shop: Project) -> Project:
    """The example shop with its orders."""
    assert shop("import", str(ROOT / "fixtures" / "orders.csv")).code == 0
    return shop


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server to connect to that says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(STUCK)
        yield server


@contextmanager
def started(project: Project, *arguments: str, code: str = "") -> Iterator[subprocess.Popen[str]]:
    """`sendplan ARGUMENTS` in a process of its own."""
    pipe = subprocess.PIPE
    program = f"{PATIENT}{code}\ncli.main(sys.argv[1:])"
    line = [sys.executable, "-c", program, *arguments, "--project", str(project.folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "engine"), "TMPDIR": str(project.path("scratch"))}
    project.path("scratch").mkdir(exist_ok=True)
    with subprocess.Popen(line, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def ended(process: subprocess.Popen[str], number: signal.Signals) -> tuple[int, str, str]:
    """How the process ended after this signal, and what it printed."""
    process.send_signal(number)
    out, err = process.communicate(timeout=STUCK)
    return process.returncode, out, err


def led_to(project: Project, server: socket.socket, security: str) -> None:
    """Let every sender use this server."""
    text = project.path("sendplan.yaml").read_text(encoding="utf-8")
    text = re.sub(r"port: \d+\n    security: none", f"port: {server.getsockname()[1]}\n    security: {security}", text)
    project.path("sendplan.yaml").write_text(text, encoding="utf-8")


def nothing_left(project: Project, sink: Sink) -> bool:
    """Whether no mail left, none is in doubt, and no scratch file stayed."""
    status = project("status", *NOW, "--format", "json").json
    return not received(sink) and status["unsettled"] == [] and not list(project.path("scratch").iterdir())


@NUMBERS
@pytest.mark.parametrize("security", ["none", "tls"])
def test_a_run_does_not_wait_for_a_server_that_says_nothing(
    filled: Project, sink: Sink, silent: socket.socket, number: signal.Signals, security: str
) -> None:
    """In front of a greeting or in the middle of a TLS handshake it ends with its report; the next run sends all."""
    led_to(filled, silent, security)
    with started(filled, "run", *NOW) as process:
        connection, _ = silent.accept()
        with connection:
            if security == "tls":
                connection.recv(1)
            code, out, err = ended(process, number)
    assert (code, "Traceback" in err) == (4, False)
    assert "It was interrupted; the next run sends what is left." in out
    assert nothing_left(filled, sink)


@NUMBERS
def test_a_run_does_not_wait_for_a_name(filled: Project, sink: Sink, number: signal.Signals) -> None:
    """While a name server says nothing, a run ends with its report."""
    with started(filled, "run", *NOW, code=LOST_IN_NAMES) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("looking up")
        code, out, err = ended(process, number)
    assert (code, "Traceback" in err) == (4, False)
    assert "It was interrupted; the next run sends what is left." in out
    assert nothing_left(filled, sink)


@NUMBERS
def test_a_run_does_not_wait_for_a_mailbox(
    filled: Project, sink: Sink, silent: socket.socket, number: signal.Signals
) -> None:
    """While what came back is fetched, nothing is sent yet, and a signal ends the run at once."""
    mailbox = f"{{host: 127.0.0.1, port: {silent.getsockname()[1]}, security: none, username: shop}}"
    filled.edit("sendplan.yaml", "    security: none\n", f"    security: none\n    mailbox: {mailbox}\n")
    with started(filled, "run", *NOW) as process:
        connection, _ = silent.accept()
        with connection:
            code, _, err = ended(process, number)
    word = "terminated" if number is signal.SIGTERM else "interrupted"
    assert (code, err.splitlines()[-1], "Traceback" in err) == (128 + number, word, False)
    assert nothing_left(filled, sink)


@NUMBERS
def test_an_import_of_standard_input_leaves_nothing_behind(shop: Project, sink: Sink, number: signal.Signals) -> None:
    """What came in so far is neither in the store nor in a scratch file."""
    with started(shop, "import", "-") as process:
        assert process.stdin is not None
        for line in (ROOT / "fixtures" / "orders.csv").read_text(encoding="utf-8").splitlines(keepends=True) * 50:
            process.stdin.write(line)
        process.stdin.flush()
        while not any(each.stat().st_size for each in shop.path("scratch").iterdir()):
            assert process.poll() is None
        code, out, err = ended(process, number)
    word = "terminated" if number is signal.SIGTERM else "interrupted"
    assert (code, out, err) == (128 + number, "", f"{word}\n")
    assert "no order is found" in shop("find", "E-20").out
    assert nothing_left(shop, sink)


@NUMBERS
def test_a_run_that_stays_ends_well(filled: Project, sink: Sink, number: signal.Signals) -> None:
    """Between two runs a signal ends it with the code of a job that is done."""
    filled.edit("sendplan.yaml", "store:", 'schedule: "0 0 29 2 *"\nstore:')
    with started(filled, "run", "--stay", code=SAYS_WHEN_WAITING) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        code, _, err = ended(process, number)
    assert (code, "Traceback" in err) == (0, False)
    assert nothing_left(filled, sink)
