"""The server's side of one SMTP connection (RFC 5321, 2920, 3207, 4954, 6152, 6531)."""

from __future__ import annotations

import base64
import contextlib
import re
import socket
import ssl
import threading
from collections.abc import Mapping
from typing import Protocol

from sendplan.dataclass import dataclass
from sendplan.sink.script import Action, Drop, Flood, Say, SmtpStep, Stall


@dataclass(frozen=True, slots=True)
class Mail:
    """One message that was accepted."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    """With CR LF line ends and without dot-stuffing."""
    connection: int


class MailKeeper(Protocol):
    """What a dialogue needs of its server."""

    tls: ssl.SSLContext | None
    implicit_tls: bool
    logins: Mapping[str, str] | None
    mechanisms: tuple[str, ...]
    deaf: bool
    extensions: tuple[str, ...]
    size_limit: int
    idle: float
    stopping: threading.Event

    def heard(self, line: str) -> None:
        """Write down a command."""

    def store(self, mail: Mail) -> int:
        """Write down an accepted mail; how many there are now."""

    def interfere(self, step: SmtpStep, argument: str, connection: int) -> Action | None:
        """What the script wants at this moment."""


class _HangUpError(Exception):
    """This connection is over."""


class Dialogue:
    """One connection."""

    def __init__(self, server: MailKeeper, sock: socket.socket, number: int) -> None:
        self.server = server
        self.sock = sock
        self.number = number
        self.received = bytearray()
        self.logged_in = server.logins is None
        self.reset()

    def reset(self) -> None:
        self.sender: str | None = None
        self.recipients: list[str] = []

    def run(self) -> None:
        """Talk until one side hangs up."""
        try:
            self.sock.settimeout(self.server.idle)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.server.tls is not None and self.server.implicit_tls:
                self.encrypt()
            self.answer(SmtpStep.CONNECT, "", "220 sink.example ESMTP")
            while True:
                self.command(self.line().decode("utf-8", "replace"))
        except (_HangUpError, OSError):
            return
        finally:
            self.sock.close()

    def command(self, line: str) -> None:
        verb, _, argument = line.partition(" ")
        verb = verb.upper()
        self.server.heard(f"{verb} {'***' if verb == 'AUTH' else argument}".rstrip())
        match verb:
            case "EHLO" | "HELO":
                self.answer(SmtpStep.EHLO, argument, self.greeting(verb))
            case "STARTTLS" if self.server.tls is not None and not self.encrypted:
                self.answer(SmtpStep.STARTTLS, argument, "220 go ahead")
                self.received.clear()
                self.encrypt()
            case "AUTH" if self.server.logins is not None:
                self.login(argument)
            case "MAIL":
                self.mail(argument)
            case "RCPT":
                self.recipient(argument)
            case "DATA":
                self.data()
            case "RSET":
                self.reset()
                self.answer(SmtpStep.RSET, "", "250 2.0.0 forgotten")
            case "NOOP":
                self.say("250 2.0.0 here")
            case "QUIT":
                self.answer(SmtpStep.QUIT, "", "221 2.0.0 bye")
                raise _HangUpError
            case _:
                self.say("502 5.5.1 not known here")

    @property
    def encrypted(self) -> bool:
        return isinstance(self.sock, ssl.SSLSocket)

    def encrypt(self) -> None:
        assert self.server.tls is not None
        self.sock = self.server.tls.wrap_socket(self.sock, server_side=True)

    def greeting(self, verb: str) -> str:
        if verb == "HELO":
            return "250 sink.example"
        offered = ["sink.example", *self.server.extensions, f"SIZE {self.server.size_limit}", "ENHANCEDSTATUSCODES"]
        if self.server.tls is not None and not self.encrypted:
            offered.append("STARTTLS")
        if self.server.logins is not None:
            offered.append(f"AUTH {' '.join(self.server.mechanisms)}")
        return "\r\n".join(f"250{' ' if each is offered[-1] else '-'}{each}" for each in offered)

    def login(self, argument: str) -> None:
        mechanism, _, initial = argument.partition(" ")
        if mechanism == "XOAUTH2":
            self.bearer(_decoded(initial) if initial and not self.server.deaf else self.asked("334 "))
            return
        if mechanism == "PLAIN":
            said = _decoded(initial) if initial and not self.server.deaf else self.asked("334 ")
            _, user, password = said.split("\0")
        else:
            user = _decoded(initial) if initial and not self.server.deaf else self.asked("334 VXNlcm5hbWU6")
            password = self.asked("334 UGFzc3dvcmQ6")
        assert self.server.logins is not None
        if self.server.logins.get(user) == password:
            self.logged_in = self.answer(SmtpStep.AUTH, user, "235 2.7.0 welcome")
        else:
            self.answer(SmtpStep.AUTH, user, "535 5.7.8 user name or password wrong")

    def bearer(self, said: str) -> None:
        """A token that is not known is told in a challenge first, and refused after the client's empty line."""
        found = re.fullmatch("user=([^\x01]*)\x01auth=Bearer ([^\x01]*)\x01\x01", said)
        user, token = (found[1], found[2]) if found else ("", "")
        assert self.server.logins is not None
        if found and self.server.logins.get(user) == token:
            self.logged_in = self.answer(SmtpStep.AUTH, user, "235 2.7.0 welcome")
        elif self.asked(f"334 {_encoded(_NOT_KNOWN)}"):
            self.say("501 5.5.2 an empty line was expected")
        else:
            self.answer(SmtpStep.AUTH, user, "535 5.7.3 Authentication unsuccessful")

    def asked(self, challenge: str) -> str:
        self.say(challenge)
        return _decoded(self.line().decode())

    def mail(self, argument: str) -> None:
        if not self.logged_in:
            self.say("530 5.7.0 log in first")
        elif self.answer(SmtpStep.MAIL, argument, "250 2.1.0 sender ok"):
            self.reset()
            self.sender = _address(argument)

    def recipient(self, argument: str) -> None:
        if self.sender is None:
            self.say("503 5.5.1 MAIL first")
        elif self.answer(SmtpStep.RCPT, argument, "250 2.1.5 recipient ok"):
            self.recipients.append(_address(argument))

    def data(self) -> None:
        if not self.recipients:
            self.say("554 5.5.1 no valid recipients")
        elif self.answer(SmtpStep.DATA, "", "354 end with a dot"):
            self.body()

    def body(self) -> None:
        while not self.received:
            self.receive()
        self.play(SmtpStep.BODY, bytes(self.received[:100]).decode("utf-8", "replace"))
        content = self.until_dot()
        assert self.sender is not None
        mail = Mail(self.sender, tuple(self.recipients), content, self.number)
        self.reset()
        if len(content) > self.server.size_limit:
            self.say("552 5.3.4 too large")
        elif self.play(SmtpStep.DOT, mail.recipients[0]):
            return
        else:
            count = self.server.store(mail)
            self.answer(SmtpStep.STORED, mail.recipients[0], f"250 2.0.0 Ok: queued as SINK{count}")

    def answer(self, step: SmtpStep, argument: str, normal: str) -> bool:
        """Say the normal thing unless the script interferes; whether it was the normal one."""
        if self.play(step, argument):
            return False
        self.say(normal)
        return True

    def play(self, step: SmtpStep, argument: str) -> bool:
        """Let the script act; whether it did."""
        match self.server.interfere(step, argument, self.number):
            case None:
                return False
            case Say(line):
                self.say(line)
                return True
            case Drop():
                raise _HangUpError
            case Stall():
                self.stall()
            case Flood():
                while not self.server.stopping.is_set():
                    self.sock.sendall(b"250-" + b"x" * 4096)
        raise _HangUpError

    def stall(self) -> None:
        while self.sock.recv(65_536):
            pass

    def say(self, line: str | bytes) -> None:
        data = line.encode() if isinstance(line, str) else line
        self.sock.sendall(data + b"\r\n")
        if data.startswith(b"421"):
            raise _HangUpError

    def line(self) -> bytes:
        while (end := self.received.find(b"\r\n")) < 0:
            if len(self.received) > _LINE_LIMIT:
                raise _HangUpError
            self.receive()
        line = bytes(self.received[:end])
        del self.received[: end + 2]
        return line

    def until_dot(self) -> bytes:
        """The message up to a dot between two CR LF, which alone ends it; anything else is content."""
        searched = 0
        while not self.received.startswith(b".\r\n"):
            end = self.received.find(b"\r\n.\r\n", searched)
            if end >= 0:
                content = bytes(self.received[: end + 2])
                del self.received[: end + 5]
                return _unstuffed(content)
            if len(self.received) > 2 * self.server.size_limit:
                raise _HangUpError
            searched = max(len(self.received) - 4, 0)
            self.receive()
        del self.received[:3]
        return b""

    def receive(self) -> None:
        data = self.sock.recv(65_536)
        if not data:
            raise _HangUpError
        self.received += data


def hang_up(sock: socket.socket) -> None:
    """End a connection at once, from whichever thread."""
    with contextlib.suppress(OSError):  # The other side may have been faster.
        sock.shutdown(socket.SHUT_RDWR)


def _unstuffed(content: bytes) -> bytes:
    return re.sub(rb"(\A|\r\n)\.", rb"\1", content)


def _address(argument: str) -> str:
    found = re.search(r"<(.*?)>(?:\s|$)", argument)
    return found[1] if found else argument


_LINE_LIMIT = 12_288
"""Bytes in a line of AUTH (RFC 4954 §4)."""
_NOT_KNOWN = '{"status":"400","schemes":"Bearer","scope":"https://mail.example.com/"}'


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _decoded(text: str) -> str:
    return base64.b64decode(text).decode()
