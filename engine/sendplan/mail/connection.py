"""A logged-in SMTP connection: smtplib's dialogue with replies bounded in time and size, and every failure typed."""

from __future__ import annotations

import base64
import ipaddress
import re
import smtplib
import socket
import ssl
import time
from typing import TYPE_CHECKING

from sendplan.mail import replies
from sendplan.mail.dialing import SmtpError, Timeouts, Trouble, dial, encrypted, reason_of
from sendplan.mail.replies import Phase, Reply
from sendplan.mail.secrets import Secrets
from sendplan.text import one_line

if TYPE_CHECKING:
    from sendplan.project.settings import Sender

_LINE_LIMIT = 4096
_LINES_LIMIT = 100
_REPLY_LINE = re.compile(rb"([2-5]\d\d)(?:([ -])(.*))?", re.DOTALL)


class Connection(smtplib.SMTP):
    """One connection to a sender's server; after `open` it is encrypted as asked and logged in."""

    sock: socket.socket | None

    def __init__(self, sender: Sender, timeouts: Timeouts) -> None:
        super().__init__(local_hostname="localhost")
        self._secrets = Secrets()
        self._sender = sender
        self._timeouts = timeouts
        self._buffer = bytearray()
        self._reply_timeout = timeouts.command
        self.phase = Phase.RESOLVE

    @classmethod
    def open(cls, sender: Sender, secret: str | None, timeouts: Timeouts) -> Connection:
        """Connect, greet, encrypt and log in with a password or token; raises `SmtpError` with its phase."""
        connection = cls(sender, timeouts)
        try:
            connection._establish()
            if sender.username is not None:
                connection._log_in(sender.username, secret or "")
        except BaseException:
            connection.close()
            raise
        return connection

    def reply(self, phase: Phase, timeout: float) -> Reply:
        """The next complete reply, within `timeout` seconds altogether."""
        self.phase, self._reply_timeout = phase, timeout
        return replies.parse(*self.getreply())

    def write(self, phase: Phase, data: bytes) -> None:
        """Hand `data` to the network."""
        self.phase = phase
        self.send(data)

    def has_input(self) -> bool:
        """Whether the server said something unasked or hung up; never waits."""
        assert self.sock is not None
        self.sock.settimeout(0)
        try:
            received = self.sock.recv(_LINE_LIMIT)
        except (BlockingIOError, ssl.SSLWantReadError):
            return bool(self._buffer)
        except OSError:
            return True
        self._buffer += received
        return True

    def close(self) -> None:
        """Hang up at once, without a word; safe to repeat."""
        sock, self.sock = self.sock, None
        if sock is not None:
            sock.close()

    # smtplib calls the following three for everything, so that EHLO, STARTTLS and AUTH keep our bounds too.

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        sock = dial(host, port, self._timeouts)
        if self._sender.security == "tls":
            sock = encrypted(sock, host, self._sender.ca_file, self._timeouts)
        self.phase = Phase.GREETING
        return sock

    def send(self, s: object) -> None:
        """Send text or bytes, all of it or raise `SmtpError`."""
        data = s.encode("utf-8") if isinstance(s, str) else s
        assert isinstance(data, bytes | bytearray)
        if self.sock is None:
            raise self._error(Trouble.CLOSED, "the connection is closed")
        left = memoryview(data)
        for seconds in self._timeouts.waits(self.phase, time.monotonic() + self._timeouts.body):
            self.sock.settimeout(seconds)
            try:
                left = left[self.sock.send(left) :]
            except TimeoutError:
                continue
            except OSError as error:
                raise self._error(Trouble.CLOSED, f"the connection broke: {reason_of(error)}") from None
            if not left:
                return
        raise self._error(Trouble.TIMED_OUT, "the server stopped reading")

    def getreply(self) -> tuple[int, bytes]:
        """The next reply's code and text; a reply that is no SMTP raises `SmtpError`."""
        deadline = time.monotonic() + self._reply_timeout
        code = 0
        lines: list[bytes] = []
        while len(lines) < _LINES_LIMIT:
            found = _REPLY_LINE.fullmatch(self._line(deadline))
            if found is None or (lines and int(found[1]) != code):
                raise self._error(Trouble.GARBAGE, "the server's reply is not SMTP")
            code = int(found[1])
            lines.append(found[3] or b"")
            if found[2] != b"-":
                return code, self._secrets.masked(b"\n".join(lines))
        raise self._error(Trouble.GARBAGE, "the server's reply does not end")

    def _line(self, deadline: float) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > _LINE_LIMIT:
                raise self._error(Trouble.GARBAGE, "the server's reply does not end")
            self._buffer += self._receive(deadline)
        line = bytes(self._buffer[:end]).rstrip(b"\r")
        del self._buffer[: end + 1]
        return line

    def _receive(self, deadline: float) -> bytes:
        if self.sock is None:
            raise self._error(Trouble.CLOSED, "the connection is closed")
        for seconds in self._timeouts.waits(self.phase, deadline):
            self.sock.settimeout(seconds)
            try:
                received = self.sock.recv(_LINE_LIMIT)
            except TimeoutError:
                continue
            except OSError as error:
                raise self._error(Trouble.CLOSED, f"the connection broke: {reason_of(error)}") from None
            if not received:
                raise self._error(Trouble.CLOSED, "the server closed the connection")
            return received
        raise self._error(Trouble.TIMED_OUT, f"no answer within {self._reply_timeout:g} seconds")

    def _establish(self) -> None:
        self._reply_timeout = self._timeouts.connect
        greeting = replies.parse(*self.connect(self._sender.host, self._sender.port))
        if greeting.code != 220:
            raise self._refused(greeting)
        self._reply_timeout = self._timeouts.command
        assert self.sock is not None
        self.local_hostname = self._sender.ehlo or _own_name(self.sock.getsockname()[0])
        self._greet()
        if self._sender.security == "starttls":
            self._start_tls()

    def _greet(self) -> None:
        self.phase = Phase.EHLO
        try:
            self.ehlo_or_helo_if_needed()
        except smtplib.SMTPHeloError as error:
            raise self._refused(_reply_of(error)) from None

    def _start_tls(self) -> None:
        self.phase = Phase.TLS
        if not self.has_extn("starttls"):
            raise self._error(Trouble.NO_STARTTLS, "the server does not offer STARTTLS")
        code, text = self.docmd("STARTTLS")
        if code != 220:
            raise self._refused(replies.parse(code, text))
        if self._buffer:
            raise self._error(Trouble.GARBAGE, "the server sent more before the encryption began")
        assert self.sock is not None
        self.sock = encrypted(self.sock, self._sender.host, self._sender.ca_file, self._timeouts)
        self.ehlo_resp = self.helo_resp = None  # What it said unencrypted does not count (RFC 3207 §4.2).
        self.esmtp_features = {}
        self._greet()

    def _log_in(self, username: str, password: str) -> None:
        """One attempt with one mechanism: a wrong password tried in three ways may lock the account."""
        self.phase = Phase.LOGIN
        assert self.sock is not None
        if not isinstance(self.sock, ssl.SSLSocket) and not _is_loopback(self.sock.getpeername()[0]):
            raise self._error(Trouble.PLAIN_LOGIN, "no password is sent over an unencrypted connection")
        mechanisms = str(self.esmtp_features.get("auth", "")).upper().split()
        if self._sender.oauth2 is not None and mechanisms:
            code, text = self._bearer(mechanisms, username, password)
        elif "PLAIN" in mechanisms:
            code, text = self._secret_argument("AUTH PLAIN", f"\0{username}\0{password}", password)
        elif "LOGIN" in mechanisms:
            code, text = self.docmd("AUTH", "LOGIN")
            for answer in (username, password):
                if code == 334:
                    code, text = self._secret_argument("", answer, password)
        elif not mechanisms and not isinstance(self.sock, ssl.SSLSocket) and self.has_extn("starttls"):
            raise self._error(Trouble.LOGIN_NEEDS_TLS, "the server takes no login before the connection is encrypted")
        else:
            offered = ", ".join(mechanisms) or "none"
            if "XOAUTH2" in mechanisms:
                raise self._error(Trouble.ONLY_OAUTH2, f"the server takes no passwords, only OAuth 2 ({offered})")
            raise self._error(Trouble.NO_LOGIN, f"the server takes no password login here (it offers: {offered})")
        if code != 235:
            raise self._refused(replies.parse(code, text))

    def _bearer(self, mechanisms: list[str], username: str, token: str) -> tuple[int, bytes]:
        """XOAUTH2: what is wrong with a token comes as a challenge, which an empty line answers to hear the refusal."""
        if "XOAUTH2" not in mechanisms:
            detail = f"the server takes no OAuth 2 login here (it offers: {', '.join(mechanisms)})"
            raise self._error(Trouble.NO_LOGIN, detail)
        argument = f"user={username}\x01auth=Bearer {token}\x01\x01"
        code, text = self._secret_argument("AUTH XOAUTH2", argument, token)
        if code == 334:
            code, text = self.docmd("")
        return code, text

    def _secret_argument(self, command: str, argument: str, password: str) -> tuple[int, bytes]:
        """Say something that no answer of the server may show from now on."""
        encoded = _base64(argument)
        self._secrets.keep(password, _base64(password), encoded)
        code, text = self.docmd(f"{command} {encoded}".strip())
        if code == 334 and command and not (text.strip() and self._sender.oauth2):
            # It wants what we said once more, on a line of its own (RFC 4954 §4).
            code, text = self.docmd(encoded)
        return code, text

    def _error(self, trouble: Trouble, detail: str) -> SmtpError:
        return SmtpError(self.phase, trouble, one_line(detail))

    def _refused(self, reply: Reply) -> SmtpError:
        return SmtpError(self.phase, Trouble.REFUSED, f"the server replied {reply}", reply)


def _reply_of(error: smtplib.SMTPResponseException) -> Reply:
    text = error.smtp_error
    return replies.parse(error.smtp_code, text.encode() if isinstance(text, str) else text)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def _own_name(address: str) -> str:
    """Our name in EHLO: the machine's where that is a full one, else its address, always valid (RFC 5321 §4.1.3)."""
    name = socket.gethostname()
    if re.fullmatch(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+", name):
        return name
    plain = address.partition("%")[0]
    return f"[IPv6:{plain}]" if ":" in plain else f"[{plain}]"
