"""A rendered mail and its envelope → the bytes that leave (docs/sending.md#the-mail-itself).

Headers are written line by line instead of through `email.message`: a header that is built once needs no policies, and
an address that is not ASCII must stay UTF-8 (RFC 6532), which the older classes of the standard library cannot do.
"""

from __future__ import annotations

import base64
import binascii
import builtins
import hashlib
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from email import base64mime, quoprimime
from email.utils import format_datetime, make_msgid, quote
from typing import TYPE_CHECKING

from sendplan.dataclass import dataclass
from sendplan.problems import Problem, UserError
from sendplan.project.settings import Account, Sender

if TYPE_CHECKING:
    from sendplan.mail.attachments import Attachment
    from sendplan.templates import Rendered

_LINE_LIMIT = 998
"""Characters in a line of a message, without its end (RFC 5322 §2.1.1)."""
_FOLDED = 76
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ENCODED_WORD = re.compile(r"=\?.*\?=|=\?[^?\s]*\?[bq]\?", re.IGNORECASE)
_MAILBOX = re.compile(r"(?P<name>.*)<(?P<address>[^<>]*)>")
_LOCAL_LIMIT = 64
"""Characters before the `@` (RFC 5321 §4.5.3.1.1)."""
_LOCAL_PART = re.compile(r"[^\s@<>()\[\]\\,;:\"]{1,64}")
_ATOMS = re.compile(r"[\w!#$%&'*+/=?^`{|}~ -]*", re.ASCII)
_DOMAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f.:]+\]")


class MessageError(UserError):
    """This mail cannot be built: something in its headers would not be safe or not be valid."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address with the name that people see."""

    name: str
    address: str
    """The domain in its ASCII form."""

    @property
    def domain(self) -> str:
        """What follows the `@`."""
        return self.address.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Message:
    """One mail, ready for SMTP."""

    head: builtins.bytes
    """Headers and texts. Lines end in CRLF; a line that is a single dot still needs SMTP's dot-stuffing."""
    envelope_from: str
    recipients: tuple[str, ...]
    """The buyer, or the address of a rehearsal."""
    copy: str | None
    """The copy-to-me address (manual M2)."""
    message_id: str
    """In angle brackets; the same for every attempt at the same message."""
    needs_smtputf8: bool
    """An address has a local part that is not ASCII (RFC 6531)."""
    attachments: tuple[Attachment, ...] = ()
    boundary: str = ""
    """Between the texts and the attachments; empty without any."""

    @property
    def size(self) -> int:
        """In bytes, as it leaves."""
        files = (len(self._above(each)) + each.encoded_size for each in self.attachments)
        return len(self.head) + sum(files) + len(self._end)

    @property
    def is_ascii(self) -> bool:
        """Whether 7 bits are enough; attachments always are ASCII."""
        return self.head.isascii()

    def chunks(self) -> Iterator[builtins.bytes]:
        """The mail in pieces that end with a line; raises AttachmentError when a file is not what it was."""
        yield self.head
        for each in self.attachments:
            yield self._above(each)
            yield from each.chunks()
        yield from filter(None, [self._end])

    @property
    def bytes(self) -> builtins.bytes:
        """The whole mail at once; raises like `chunks`."""
        return b"".join(self.chunks())

    def _above(self, attachment: Attachment) -> builtins.bytes:
        return f"--{self.boundary}\r\n{attachment.header()}\r\n".encode()

    @property
    def _end(self) -> builtins.bytes:
        return f"--{self.boundary}--\r\n".encode() if self.attachments else b""


def build(
    rendered: Rendered,
    *,
    digest: str,
    sender: Sender,
    account: Account,
    to: str,
    to_name: str | None,
    unsubscribe: Sequence[str],
    now: datetime,
    attachments: tuple[Attachment, ...] = (),
    redirect: str | None = None,
    rehearsal: bool = False,
) -> Message:
    """The mail for one buyer.

    `digest` is the message's, see `ledger.message_digest`. `unsubscribe` are the buyer's links for the marketing class,
    else none. `now` is aware and becomes `Date` with its offset. `redirect` replaces every recipient, and the copy. A
    `rehearsal` has a `Message-ID` of its own: nobody takes it for the mail itself. Raises MessageError for what no
    header may hold.
    """
    from_ = mailbox(account.from_ or sender.from_, "From")
    reply_to = account.reply_to or sender.reply_to
    buyer = Mailbox(clean_name(to_name or ""), _address(to, "To"))
    recipient = mailbox(redirect, "redirect") if redirect is not None else buyer
    message_id = f"<{secrets.token_hex(16) if rehearsal else digest}@{from_.domain}>"
    border = hashlib.sha256(message_id.encode()).hexdigest()
    boundary, outer = f"=_{border[:24]}", f"=_{border[24:48]}" if attachments else ""
    alternative = _header("Content-Type", f'multipart/alternative; boundary="{boundary}"')
    headers = [
        _mailbox_header("From", from_),
        _mailbox_header("To", recipient),
        *([_mailbox_header("Reply-To", mailbox(reply_to, "Reply-To"))] if reply_to else []),
        _text_header("Subject", rendered.subject),
        _header("Date", format_datetime(now)),
        _header("Message-ID", message_id),
        *([_header("X-Original-To", buyer.address)] if redirect is not None else []),
        *_unsubscribe_headers(unsubscribe),
        _header("Auto-Submitted", "auto-generated"),
        _header("Content-Language", rendered.language),
        _header("MIME-Version", "1.0"),
        *([_header("Content-Type", f'multipart/mixed; boundary="{outer}"'), "", f"--{outer}"] if outer else []),
        alternative,
    ]
    parts = [_part("plain", rendered.text), _part("html", rendered.html)]
    copy = None if redirect is not None else _copy(account, sender, from_)
    return Message(
        "\r\n".join((*headers, "", *_multipart(parts, boundary))).encode(),
        _envelope_sender(sender, from_, message_id),
        (recipient.address,),
        None if copy == recipient.address else copy,
        message_id,
        needs_smtputf8=not "".join((*headers, copy or "", sender.bounce_to or "")).isascii(),
        attachments=attachments,
        boundary=outer,
    )


def _envelope_sender(sender: Sender, from_: Mailbox, message_id: str) -> str:
    """Where a bounce goes; its address names the message where the mailbox takes `name+anything@` (VERP)."""
    if sender.bounce_to is None:
        return from_.address
    address = _address(sender.bounce_to, "bounce_to")
    local, _, domain = address.rpartition("@")
    digest = message_id[1:].partition("@")[0]
    named = sender.mailbox is not None and sender.mailbox.plus_addresses and len(local) + len(digest) < _LOCAL_LIMIT
    return f"{local}+{digest}@{domain}" if named else address


def clean_name(name: str) -> str:
    """A buyer's name as a header can hold it: what a mail program might take for something else is left out."""
    printable = " ".join(_CONTROL.sub(" ", name).split())
    while _ENCODED_WORD.search(printable):
        printable = " ".join(_ENCODED_WORD.sub(" ", printable).split())
    return printable


def notice(sender: Sender, to: str, subject: str, text: str, now: datetime) -> Message:
    """A plain mail to the merchant, which is nobody's order; `now` is aware. Raises MessageError like `build`."""
    from_, recipient = mailbox(sender.from_, "From"), mailbox(to, "To")
    message_id = make_msgid(domain=from_.domain)
    _, encoding, lines = _part("plain", text)
    headers = [
        _mailbox_header("From", from_),
        _mailbox_header("To", recipient),
        _text_header("Subject", subject),
        _header("Date", format_datetime(now)),
        _header("Message-ID", message_id),
        _header("Auto-Submitted", "auto-generated"),
        _header("MIME-Version", "1.0"),
        _header("Content-Type", 'text/plain; charset="utf-8"'),
        _header("Content-Transfer-Encoding", encoding),
    ]
    return Message(
        "\r\n".join((*headers, "", *lines, "")).encode(),
        from_.address,
        (recipient.address,),
        None,
        message_id,
        needs_smtputf8=not "".join(headers).isascii(),
    )


def mailbox(text: str, header: str = "address") -> Mailbox:
    """`Name <address>` or a bare address; an international domain becomes ASCII. Raises MessageError."""
    match = _MAILBOX.fullmatch(text.strip())
    if match is None:
        return Mailbox("", _address(text, header))
    name = match["name"].strip()
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return Mailbox(name, _address(match["address"], header))


def _address(text: str, header: str) -> str:
    _check(header, text)
    local, at, domain = text.strip().rpartition("@")
    if not domain.isascii():
        domain = _punycode(domain, header)
    if not at or not _LOCAL_PART.fullmatch(local) or not _DOMAIN.fullmatch(domain):
        raise _error(header, "this is not a valid e-mail address")
    return f"{local}@{domain}"


def _punycode(domain: str, header: str) -> str:
    import idna

    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise _error(header, f"the address has no valid domain: {error}") from error


def _copy(account: Account, sender: Sender, from_: Mailbox) -> str | None:
    wanted = account.copy_to or sender.copy_to
    if wanted is None:
        return None
    return from_.address if wanted == "self" else mailbox(wanted, "copy_to").address


def _unsubscribe_headers(links: Sequence[str]) -> list[str]:
    """List-Unsubscribe (RFC 2369), with an https address in one click (RFC 8058)."""
    if not links:
        return []
    if not all(re.fullmatch(r"(?:https?://|mailto:)[!-;=?-~]+", link) for link in links):
        raise _error("List-Unsubscribe", "`shop.unsubscribe` must be an https or mailto address")
    headers = [_header("List-Unsubscribe", ", ".join(f"<{link}>" for link in links))]
    if any(link.startswith("https:") for link in links):
        headers.append(_header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
    return headers


def _check(name: str, value: str) -> None:
    """A value that would end its header, or that a mail program would decode into another (CVE-2024-6923)."""
    control = _CONTROL.search(value)
    if control is not None:
        raise _error(name, f"it contains the control character U+{ord(control.group()):04X}")
    if _ENCODED_WORD.search(value):
        raise _error(name, "it contains an encoded word (`=?…?=`)")


def _error(header: str, why: str) -> MessageError:
    # The value itself stays out of the message: logs hold no addresses and nothing that a buyer typed.
    return MessageError(Problem("message-header", f"the header `{header}` cannot be written: {why}"))


def _header(name: str, value: str) -> str:
    """A header on one line."""
    _check(name, value)
    line = f"{name}: {value}"
    if len(line.encode()) > _LINE_LIMIT:
        raise _error(name, f"it is longer than {_LINE_LIMIT} characters")
    return line


def _text_header(name: str, value: str) -> str:
    _check(name, value)
    return f"{name}: {_folded(value, name)}"


def _mailbox_header(name: str, mailbox: Mailbox) -> str:
    _check(name, mailbox.name)
    if not mailbox.name:
        return _header(name, mailbox.address)
    display = mailbox.name
    if display.isascii() and not _ATOMS.fullmatch(display):
        display = f'"{quote(display)}"'
    separator = "\r\n " if len(name) + len(display) + len(mailbox.address) > _FOLDED - 6 else " "
    return f"{name}: {_folded(display, name)}{separator}<{mailbox.address}>"


def _folded(text: str, header: str) -> str:
    """ASCII folded at blanks; encoded words (RFC 2047) for all other text, and for words that no line could hold."""
    room = _FOLDED - len(header) - 2
    if not text.isascii() or "  " in text or max(map(len, text.split(" "))) > room:
        return "\r\n ".join(_encoded_words(text, room))
    first, *words = text.split(" ")
    lines = [first]
    for word in words:
        if len(lines[-1]) + 1 + len(word) <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return "\r\n ".join(lines)


def _encoded_words(text: str, room: int) -> Iterator[str]:
    """RFC 2047, in the shorter form; the first word has to fit behind the header's name. No character is divided."""
    characters = [character.encode("utf-8", "replace") for character in text]
    form = min((quoprimime, base64mime), key=lambda each: each.header_length(b"".join(characters)))
    word, left = b"", room - len("=?utf-8?q??=")
    for character in characters:
        left -= form.header_length(character)
        if left < 0:
            yield form.header_encode(word, "utf-8")
            word, left = b"", _FOLDED - 1 - len("=?utf-8?q??=") - form.header_length(character)
        word += character
    yield form.header_encode(word, "utf-8")


def _part(subtype: str, text: str) -> tuple[str, str, list[str]]:
    """(subtype, transfer encoding, lines) of a text part."""
    lines = re.split("\r\n|[\r\n]", text)
    raw = "\n".join(lines).encode("utf-8", "replace")
    # `=_` begins the boundary, which a buyer might guess: quoted-printable and base64 never hold it.
    if re.fullmatch(rb"[\t\n -~]*", raw) and b"=_" not in raw and max(map(len, lines)) <= _LINE_LIMIT:
        return subtype, "7bit", lines
    if len(raw) - len(raw.decode("ascii", "ignore")) > len(raw) // 3:
        return subtype, "base64", base64.encodebytes(b"\r\n".join(raw.split(b"\n"))).decode("ascii").splitlines()
    return subtype, "quoted-printable", binascii.b2a_qp(raw, istext=True).decode("ascii").split("\n")


def _multipart(parts: Iterable[tuple[str, str, list[str]]], boundary: str) -> Iterable[str]:
    for subtype, encoding, lines in parts:
        yield f"--{boundary}"
        yield f'Content-Type: text/{subtype}; charset="utf-8"'
        yield f"Content-Transfer-Encoding: {encoding}"
        yield ""
        yield from lines
    yield f"--{boundary}--"
    yield ""
