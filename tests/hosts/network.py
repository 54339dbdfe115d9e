"""A network of the suite's own: one host with a cable to the database and another one to the mail server."""

from __future__ import annotations

import ctypes
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

DATABASE = "10.203.1.1"
MAIL = "10.203.2.1"
"""Where the servers are, seen from the host; nobody else can reach them there."""

_NEW_NETWORK = 0x40000000
"""CLONE_NEWNET (unshare(2))."""
_CABLES = {"database": DATABASE, "mail": MAIL}


class Network:
    """This process with the servers on one side, a host of its own on the other."""

    def __init__(self, host: int) -> None:
        """`host` is a process in the host's network."""
        self._host = host
        _ip("link", "set", "lo", "up")
        for name, server in _CABLES.items():
            end = f"to-{name}"
            _ip("link", "add", name, "type", "veth", "peer", "name", end, "netns", str(host))
            _ip("address", "add", f"{server}/24", "dev", name)
            _ip("link", "set", name, "up")
            self._at_host("address", "add", f"{server[:-1]}2/24", "dev", end)
            self._at_host("link", "set", end, "up")

    def _at_host(self, *words: str) -> None:
        subprocess.run(("nsenter", "-t", str(self._host), "-n", "ip", *words), check=True)

    def move_in(self) -> None:
        """From now on this process is on the host."""
        file = os.open(f"/proc/{self._host}/ns/net", os.O_RDONLY)
        _call("setns", file, _NEW_NETWORK)
        os.close(file)

    def cut_from_database(self) -> None:
        """Pull the cable: what is sent is lost without a word."""
        _ip("link", "set", "database", "down")

    def mend(self) -> None:
        """Put it in again."""
        _ip("link", "set", "database", "up")


@contextmanager
def network() -> Iterator[Network]:
    """This process is in the network until the end of the `with` block; needs root."""
    before = os.open("/proc/self/ns/net", os.O_RDONLY)
    _call("unshare", _NEW_NETWORK)
    host = subprocess.Popen(("unshare", "--net", "sleep", "600"))
    try:
        while os.readlink(f"/proc/{host.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
            assert host.poll() is None
            time.sleep(0.01)
        yield Network(host.pid)
    finally:
        host.kill()
        host.wait()
        _call("setns", before, _NEW_NETWORK)
        os.close(before)


def _ip(*words: str) -> None:
    subprocess.run(("ip", *words), check=True)


def _call(name: str, *arguments: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
