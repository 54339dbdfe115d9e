"""One mail at a time over one SMTP connection, in phases, with the end of the message as a step of its own."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from sendplan.dataclass import dataclass
from sendplan.mail.attachments import AttachmentError
from sendplan.mail.connection import Connection
from sendplan.mail.dialing import SmtpError, Timeouts, Trouble
from sendplan.mail.replies import Phase, Reply
from sendplan.mail.scoping import scope
from sendplan.scopes import Scope

if TYPE_CHECKING:
    from sendplan.mail.message import Message
    from sendplan.project.settings import Sender

MAILS_PER_CONNECTION = 100
SECONDS_PER_CONNECTION = 300.0


@dataclass(frozen=True, slots=True)
class Accepted:
    """The server took the message over."""

    reply: Reply
    queue_id: str = ""
    """The server's name for it, empty when the reply holds none."""
    copy_refused: Reply | None = None
    """The buyer gets the mail, the copy-to-me address does not."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The server, or we in its place, said no: certainly not sent."""

    phase: Phase
    reply: Reply
    scope: Scope


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """`before_dot` said no: certainly not sent."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An attachment was not what it had been when the mail was composed: certainly not sent."""

    detail: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection died before the end of the message: certainly not sent."""

    phase: Phase
    trouble: Trouble
    detail: str
    intended: bool = False
    """`before_dot` had already said yes."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The connection died after the end of the message: nobody knows (RFC 1047)."""

    detail: str


Outcome: TypeAlias = Accepted | Refused | Withdrawn | Unreadable | Lost | Unknown


@dataclass(frozen=True, slots=True)
class _Command:
    phase: Phase
    line: str
    for_copy: bool = False

    def agreed(self, reply: Reply) -> bool:
        return reply.code == 354 if self.phase is Phase.DATA else reply.positive


_RESET = _Command(Phase.SENDER, "RSET")


class Session:
    """A connection that is ready for mails; not for use by several threads at once."""

    def __init__(self, connection: Connection, timeouts: Timeouts) -> None:
        self._connection = connection
        self._timeouts = timeouts
        self._opened = time.monotonic()
        self._mails = 0
        self._unfinished = False
        self._announced: tuple[Message, list[_Command]] | None = None
        """Its envelope left together with the end of the message before it."""

    @classmethod
    def open(cls, sender: Sender, secret: str | None, timeouts: Timeouts | None = None) -> Session:
        """Connect, encrypt and log in as the sender asks, with its password or token; raises `SmtpError`."""
        limits = timeouts or Timeouts()
        return cls(Connection.open(sender, secret, limits), limits)

    @property
    def reused(self) -> bool:
        """Whether its latest mail was not its first: the server may have closed it while it was idle."""
        return self._mails > 1

    @property
    def usable(self) -> bool:
        """Whether another mail may go over this connection."""
        young = time.monotonic() - self._opened < SECONDS_PER_CONNECTION
        return self._connection.sock is not None and young and self._mails < MAILS_PER_CONNECTION

    @property
    def pipelining(self) -> bool:
        """Whether an envelope may leave together with the end of the mail before it."""
        return self._offers("pipelining")

    def submit(self, message: Message, before_dot: Callable[[], bool], following: Message | None = None) -> Outcome:
        """Send one mail; `before_dot` is asked once everything but the final dot has left.

        Where the server offers PIPELINING, the envelope of the `following` mail leaves in one write with the dot
        (RFC 2920 §3.1); then that mail must be the next one, or the connection be closed. Whatever `before_dot` raises
        comes through, with the connection closed and the message not sent.
        """
        self._mails += 1
        impossible = self._impossible(message)
        if impossible:
            return Refused(impossible[0], impossible[1], scope(*impossible))
        try:
            refused, copy_refused = self._envelope(message)
            refused = refused or self._body(message)
            if refused:
                return refused
            if not before_dot():
                self.close()
                return Withdrawn()
            if self._connection.has_input():
                self.close()
                return Lost(Phase.BODY, Trouble.CLOSED, "the server closed the connection", intended=True)
        except SmtpError as error:
            self.close()
            return Lost(error.phase, error.trouble, error.detail)
        except AttachmentError as error:
            self.close()
            return Unreadable(str(error))
        except BaseException:
            self.close()
            raise
        return self._finish(copy_refused, following)

    def quit(self) -> None:
        """Say goodbye where the server still listens, and hang up."""
        try:
            if self._connection.sock is not None and self._announced is None:
                self._connection.write(Phase.RESULT, b"QUIT\r\n")
                self._connection.reply(Phase.RESULT, min(self._timeouts.command, 5))
        except SmtpError:
            pass  # Every mail has its outcome already.
        finally:
            self.close()

    def close(self) -> None:
        """Hang up at once: what lacks its final dot is thus never sent."""
        self._connection.close()

    def _impossible(self, message: Message) -> tuple[Phase, Reply] | None:
        """Why this server cannot take this message, found without asking it."""
        for address in (message.envelope_from, *message.recipients, *filter(None, [message.copy])):
            if not _MAILBOX.fullmatch(address):
                return Phase.RECIPIENT, Reply(553, "the address cannot be written in SMTP", (5, 1, 3))
        if message.needs_smtputf8 and not self._offers("smtputf8"):
            return Phase.RECIPIENT, Reply(553, "the server cannot deliver to non-ASCII addresses", (5, 6, 7))
        if not message.is_ascii and not self._offers("8bitmime"):
            return Phase.DATA, Reply(554, "the server cannot take 8-bit text", (5, 6, 3))
        limit = str(self._connection.esmtp_features.get("size", ""))
        if limit.isdigit() and 0 < int(limit) < message.size:
            return Phase.SENDER, Reply(552, f"the server takes at most {limit} bytes", (5, 3, 4))
        return None

    def _body(self, message: Message) -> Refused | None:
        """Everything but the final dot; a server that speaks now refuses the message half-way."""
        for chunk in message.chunks():
            self._connection.write(Phase.BODY, wire_form(chunk))
            if self._connection.has_input():
                break
        else:
            return None
        reply = self._connection.reply(Phase.BODY, self._timeouts.command)
        self.close()
        if reply.code < 400:
            raise SmtpError(Phase.BODY, Trouble.GARBAGE, f"the server replied {reply} in the middle of the message")
        return Refused(Phase.BODY, reply, scope(Phase.BODY, reply))

    def _envelope(self, message: Message) -> tuple[Refused | None, Reply | None]:
        """MAIL, RCPT and DATA, in one write where the server offers PIPELINING (RFC 2920)."""
        pipelining = self.pipelining
        announced, self._announced = self._announced, None
        assert announced is None or announced[0] is message
        commands = announced[1] if announced else self._commands(message)
        refused: Refused | None = None
        copy_refused: Reply | None = None
        self._unfinished = True
        if pipelining and not announced:
            self._write(commands)
        for command in commands:
            if not pipelining:
                self._write([command])
            timeout = self._timeouts.data if command.phase is Phase.DATA else self._timeouts.command
            reply = self._connection.reply(command.phase, timeout)
            if reply.code == 421:
                self.close()
                return Refused(command.phase, reply, scope(command.phase, reply)), None
            if command.agreed(reply):
                if command.phase is Phase.DATA and refused:
                    self.close()  # It waits for the body of a message without the buyer: a dot would send that.
            elif command.for_copy:
                copy_refused = reply
            elif command is not _RESET and refused is None:
                refused = Refused(command.phase, reply, scope(command.phase, reply))
                if not pipelining:
                    break
        return refused, copy_refused

    def _commands(self, message: Message) -> list[_Command]:
        parameters = ""
        if self._offers("size"):
            parameters += f" SIZE={message.size}"
        if not message.is_ascii:
            parameters += " BODY=8BITMIME"
        if message.needs_smtputf8:
            parameters += " SMTPUTF8"
        return [
            *([_RESET] if self._unfinished else []),
            _Command(Phase.SENDER, f"MAIL FROM:<{message.envelope_from}>{parameters}"),
            *(_Command(Phase.RECIPIENT, f"RCPT TO:<{address}>") for address in message.recipients),
            *([_Command(Phase.RECIPIENT, f"RCPT TO:<{message.copy}>", for_copy=True)] if message.copy else []),
            _Command(Phase.DATA, "DATA"),
        ]

    def _write(self, commands: list[_Command]) -> None:
        self._connection.write(commands[0].phase, _lines(commands))

    def _announce(self, following: Message | None) -> bytes:
        """The envelope that may leave with the dot; nothing when it had better wait."""
        self._unfinished = False
        if following is None or not self.usable or not self.pipelining or self._impossible(following):
            return b""
        commands = self._commands(following)
        self._announced = (following, commands)
        return _lines(commands)

    def _finish(self, copy_refused: Reply | None, following: Message | None) -> Outcome:
        try:
            self._connection.write(Phase.DOT, b".\r\n" + self._announce(following))
            reply = self._connection.reply(Phase.RESULT, self._timeouts.result)
        except SmtpError as error:
            self.close()
            return Unknown(error.detail)
        except BaseException:
            self.close()
            raise
        if reply.code == 421:
            self.close()
        if reply.positive:
            found = _QUEUE_ID.search(reply.text)
            return Accepted(reply, found[1] if found else "", copy_refused)
        if reply.code < 400:
            self.close()
            return Unknown(f"the server replied {reply}")
        return Refused(Phase.RESULT, reply, scope(Phase.RESULT, reply))

    def _offers(self, extension: str) -> bool:
        return bool(self._connection.has_extn(extension))


_MAILBOX = re.compile(r'(?:"(?:[^"\\\x00-\x1f\x7f]|\\[ -~])*"|[^\s"<>\x00-\x1f\x7f]+)@[^\s"<>@\x00-\x1f\x7f]+')
_QUEUE_ID = re.compile(r"(?:queued as|\bid[= ]|InternalId=)\s*<?([\w.-]+)", re.IGNORECASE)


def _lines(commands: list[_Command]) -> bytes:
    return "".join(f"{each.line}\r\n" for each in commands).encode()


def wire_form(content: bytes) -> bytes:
    """Whole lines of a message as DATA takes them: each ends in CR LF, leading dots are doubled.

    A lone CR or LF would be read as a line end by some servers and not by others (CVE-2023-51764), so none is left.
    """
    lines = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    if not lines.endswith(b"\r\n"):
        lines += b"\r\n"
    stuffed = lines.replace(b"\r\n.", b"\r\n..")
    return b"." + stuffed if stuffed.startswith(b".") else stuffed
