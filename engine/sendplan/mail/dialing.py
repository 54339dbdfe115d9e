"""Reaching a mail server: name, TCP and TLS, with every failure typed by phase."""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sendplan.mail import replies
from sendplan.mail.replies import Phase, Reply
from sendplan.scopes import Scope


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long each phase may take, in seconds (RFC 5321 §4.5.3.2, shorter where nothing is at stake yet)."""

    connect: float = 30
    command: float = 60
    data: float = 120
    body: float = 180
    result: float = 600
    """After the end of the message: giving up early would leave an outcome unknown."""


class Trouble(StrEnum):
    """How a session failed."""

    UNRESOLVED = "unresolved"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    CLOSED = "closed"
    GARBAGE = "garbage"
    CERTIFICATE = "certificate"
    TLS = "tls"
    NO_STARTTLS = "no_starttls"
    PLAIN_LOGIN = "plain_login"
    """A password would have crossed a network unencrypted."""
    NO_LOGIN = "no_login"
    """The server takes no password here, or only in ways that we do not speak."""
    REFUSED = "refused"
    """The server said no; `reply` tells."""


_LOGIN_TROUBLES = frozenset({Trouble.PLAIN_LOGIN, Trouble.NO_LOGIN})


class SmtpError(Exception):
    """The connection could not go on; nothing in it is secret."""

    def __init__(self, phase: Phase, trouble: Trouble, detail: str, reply: Reply | None = None) -> None:
        self.phase = phase
        self.trouble = trouble
        self.detail = detail
        self.reply = reply
        super().__init__(f"{phase}: {detail}")

    @property
    def scope(self) -> Scope:
        """What this failure concerns."""
        if self.reply is not None:
            return replies.scope(self.phase, self.reply)
        return Scope.LOGIN if self.trouble in _LOGIN_TROUBLES else Scope.HOST


def dial(host: str, port: int, timeout: float) -> socket.socket:
    """A connected socket to the first address of `host` that answers, within `timeout` seconds altogether.

    TCP_NODELAY is on: else the end of each mail would wait for a delayed acknowledgement.
    """
    deadline = time.monotonic() + timeout
    last: OSError = TimeoutError("nothing came back")
    for family, address in _resolve(host, port):
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.settimeout(max(deadline - time.monotonic(), 0.001))
            sock.connect(address)
            sock.settimeout(timeout)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            sock.close()
            last = error
        else:
            return sock
    trouble = Trouble.TIMED_OUT if isinstance(last, TimeoutError) else Trouble.UNREACHABLE
    raise SmtpError(Phase.CONNECT, trouble, f"nobody answers at {host} port {port}: {reason_of(last)}")


def _resolve(host: str, port: int) -> list[tuple[int, Any]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        detail = f"the name {replies.clean(host)} was not found: {reason_of(error)}"
        raise SmtpError(Phase.RESOLVE, Trouble.UNRESOLVED, detail) from None
    return [(family, address) for family, _, _, _, address in found]


def tls_context() -> ssl.SSLContext:
    """Host and chain verified, TLS 1.2 at least; OpenSSL itself reads SSL_CERT_FILE for further authorities."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def tls_error(error: OSError) -> SmtpError:
    """Why a TLS handshake failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return SmtpError(Phase.TLS, Trouble.CERTIFICATE, f"the server's certificate: {error.verify_message}")
    if isinstance(error, TimeoutError):
        return SmtpError(Phase.TLS, Trouble.TIMED_OUT, "the TLS handshake did not end")
    detail = error.reason if isinstance(error, ssl.SSLError) and error.reason else reason_of(error)
    return SmtpError(Phase.TLS, Trouble.TLS, f"the TLS handshake failed: {detail}")


def reason_of(error: Exception) -> str:
    """What the system says about a failure, in one phrase."""
    return str(getattr(error, "strerror", None) or error or type(error).__name__)
