"""Reaching a mail server: name, TCP and TLS, with every failure typed by phase."""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from enum import StrEnum
from itertools import zip_longest
from pathlib import Path
from typing import Any, TypeAlias, cast

from sendplan.dataclass import dataclass
from sendplan.mail.replies import Phase, Reply
from sendplan.mail.scoping import scope
from sendplan.scopes import Scope
from sendplan.text import one_line

_Address: TypeAlias = tuple[int, Any]
"""Family and what `connect` takes."""
_HEAD_START = 0.25
"""Seconds that an address has before the next one is tried beside it (RFC 8305 §8)."""
_LOOKS_UP = 0.5
"""Seconds after which somebody who waits for an answer asks whether to wait on."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long each phase may take, in seconds (RFC 5321 §4.5.3.2, shorter where nothing is at stake yet)."""

    connect: float = 30
    command: float = 60
    data: float = 120
    body: float = 180
    result: float = 600
    """After the end of the message: giving up early would leave an outcome unknown."""
    over: Callable[[Phase], bool] = lambda phase: False
    """Whether an answer is waited for no longer, asked every half second."""

    def waits(self, phase: Phase, deadline: float) -> Iterator[float]:
        """The seconds to wait each time until `deadline`, by the monotonic clock; raises SmtpError once it is over."""
        while (left := deadline - time.monotonic()) > 0:
            yield min(left, _LOOKS_UP)
            if self.over(phase):
                raise SmtpError(phase, Trouble.GIVEN_UP, "it was stopped before the server answered")


class Trouble(StrEnum):
    """How a session failed."""

    UNRESOLVED = "unresolved"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    CLOSED = "closed"
    GARBAGE = "garbage"
    CERTIFICATE = "certificate"
    """Nobody whom we trust vouches for it."""
    CERTIFICATE_NAME = "certificate_name"
    """It was made for another host."""
    CERTIFICATE_EXPIRED = "certificate_expired"
    CERTIFICATE_EARLY = "certificate_early"
    """It is not valid yet."""
    TLS = "tls"
    TLS_TOO_OLD = "tls_too_old"
    NO_STARTTLS = "no_starttls"
    PLAIN_LOGIN = "plain_login"
    """A password would have crossed a network unencrypted."""
    LOGIN_NEEDS_TLS = "login_needs_tls"
    """The server takes no password before the connection is encrypted."""
    NO_LOGIN = "no_login"
    """The server takes no login of this kind here, or only in ways that we do not speak."""
    ONLY_OAUTH2 = "only_oauth2"
    """The server takes tokens and no passwords."""
    TOKEN_REFUSED = "token_refused"
    """The login service gives no token any more."""
    GIVEN_UP = "given_up"
    """We waited no longer, since somebody asked us to end."""
    REFUSED = "refused"
    """The server said no; `reply` tells."""


_LOGIN_TROUBLES = frozenset(
    {Trouble.PLAIN_LOGIN, Trouble.LOGIN_NEEDS_TLS, Trouble.NO_LOGIN, Trouble.ONLY_OAUTH2, Trouble.TOKEN_REFUSED}
)
_CERTIFICATE_TROUBLES = {
    9: Trouble.CERTIFICATE_EARLY,
    10: Trouble.CERTIFICATE_EXPIRED,
    62: Trouble.CERTIFICATE_NAME,
    64: Trouble.CERTIFICATE_NAME,
}
"""By OpenSSL's X509_V_ERR_*; 64 is an address instead of a name."""
_OLD_TLS = frozenset({"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "WRONG_SSL_VERSION", "VERSION_TOO_LOW"})


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
            return scope(self.phase, self.reply)
        return Scope.LOGIN if self.trouble in _LOGIN_TROUBLES else Scope.HOST


def dial(host: str, port: int, timeouts: Timeouts) -> socket.socket:
    """A connected socket to the first address of `host` that answers, within `timeouts.connect` seconds altogether.

    An address that says nothing does not hold up the others: the next one is tried beside it after a moment, IPv6 and
    IPv4 in turn (RFC 8305). TCP_NODELAY is on: else the end of each mail would wait for a delayed acknowledgement.
    """
    deadline = time.monotonic() + timeouts.connect
    addresses = _in_turn(_resolve(host, port, timeouts, deadline))
    try:
        sock = _first_connected(addresses, timeouts, deadline)
    except OSError as error:
        trouble = Trouble.TIMED_OUT if isinstance(error, TimeoutError) else Trouble.UNREACHABLE
        detail = f"no answer from {one_line(host)} port {port}: {reason_of(error)}"
        raise SmtpError(Phase.CONNECT, trouble, detail) from None
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _first_connected(addresses: list[_Address], timeouts: Timeouts, deadline: float) -> socket.socket:
    """Race the addresses; raises OSError, that of the last one that failed, and SmtpError when it is over."""
    waiting, last = deque(addresses), OSError("it has no address")
    next_start = 0.0
    with selectors.DefaultSelector() as selector:
        try:
            for seconds in timeouts.waits(Phase.CONNECT, deadline):
                now = time.monotonic()
                if waiting and (now >= next_start or not selector.get_map()):
                    next_start = now + _HEAD_START
                    try:
                        selector.register(_begin(waiting.popleft()), selectors.EVENT_WRITE)
                    except OSError as error:
                        last = error
                    continue
                if not selector.get_map():
                    raise last
                for key, _ in selector.select(min(next_start - now, seconds) if waiting else seconds):
                    sock = key.fileobj
                    assert isinstance(sock, socket.socket)
                    selector.unregister(sock)
                    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    if code == 0:
                        return sock
                    sock.close()
                    last = OSError(code, os.strerror(code))
        finally:
            for key in list(selector.get_map().values()):
                cast("socket.socket", key.fileobj).close()
    raise TimeoutError("no reply came back")


def _begin(address: _Address) -> socket.socket:
    family, where = address
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setblocking(False)
    code = sock.connect_ex(where)
    if code not in (0, errno.EINPROGRESS):
        sock.close()
        raise OSError(code, os.strerror(code))
    return sock


def _in_turn(addresses: list[_Address]) -> list[_Address]:
    """The families in turn, beginning with that of the first address (RFC 8305 §4)."""
    first = [each for each in addresses if each[0] == addresses[0][0]]
    others = [each for each in addresses if each[0] != addresses[0][0]]
    return [each for pair in zip_longest(first, others) for each in pair if each is not None]


def _resolve(host: str, port: int, timeouts: Timeouts, deadline: float) -> list[_Address]:
    """The addresses of a name, until `deadline`: the system's resolver itself knows no bound."""
    found: list[list[_Address] | Exception] = []

    def look_up() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.append([(family, address) for family, _, _, _, address in answers])
        except (OSError, UnicodeError) as error:
            found.append(error)

    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    for seconds in timeouts.waits(Phase.RESOLVE, deadline):
        thread.join(seconds)
        if found:
            break
    answer = found[0] if found else TimeoutError("the name server did not answer")
    if isinstance(answer, Exception):
        detail = f"the name {one_line(host)} was not found: {reason_of(answer)}"
        raise SmtpError(Phase.RESOLVE, Trouble.UNRESOLVED, detail)
    return answer


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Host and chain verified, TLS 1.2 at least; trusts the system's authorities and those in `ca_file`."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:
            detail = f"`ca_file` {ca_file.name} holds no certificates that can be read: {reason_of(error)}"
            raise SmtpError(Phase.TLS, Trouble.CERTIFICATE, detail) from None
    return context


def encrypted(sock: socket.socket, host: str, ca_file: Path | None, timeouts: Timeouts) -> ssl.SSLSocket:
    """The connection after a TLS handshake with `host`; after an SmtpError it is closed."""
    try:
        sock = wrapped = tls_context(ca_file).wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
        for seconds in timeouts.waits(Phase.TLS, time.monotonic() + timeouts.connect):
            wrapped.settimeout(seconds)
            with contextlib.suppress(TimeoutError):  # It goes on from where it waited.
                wrapped.do_handshake()
                return wrapped
        raise TimeoutError
    except OSError as error:
        sock.close()
        raise tls_error(error) from None
    except BaseException:
        sock.close()
        raise


def tls_error(error: OSError) -> SmtpError:
    """Why a TLS handshake failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        trouble = _CERTIFICATE_TROUBLES.get(error.verify_code, Trouble.CERTIFICATE)
        return SmtpError(Phase.TLS, trouble, f"the server's certificate: {error.verify_message}")
    if isinstance(error, TimeoutError):
        return SmtpError(Phase.TLS, Trouble.TIMED_OUT, "the TLS handshake did not end")
    detail = error.reason if isinstance(error, ssl.SSLError) and error.reason else reason_of(error)
    trouble = Trouble.TLS_TOO_OLD if detail in _OLD_TLS else Trouble.TLS
    return SmtpError(Phase.TLS, trouble, f"the TLS handshake failed: {detail}")


def reason_of(error: Exception) -> str:
    """What the system says about a failure, in one phrase."""
    return str(getattr(error, "strerror", None) or error or type(error).__name__)
