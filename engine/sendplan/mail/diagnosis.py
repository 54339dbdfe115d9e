"""`smtp-test`: does a sender work, and if not, which step failed and what to change (manual M3)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import formatdate, make_msgid
from typing import assert_never

from sendplan.dataclass import dataclass
from sendplan.mail.advice import advice_on, use_oauth2
from sendplan.mail.dialing import SmtpError, Timeouts, Trouble
from sendplan.mail.message import Message, mailbox
from sendplan.mail.opening import open_session
from sendplan.mail.replies import Phase, Reply
from sendplan.mail.smtp import Accepted, Lost, Refused, Unknown, Unreadable, Withdrawn
from sendplan.project.settings import Sender
from sendplan.scopes import Scope

PATIENCE = Timeouts(connect=15, command=30, data=30, body=30, result=60)
"""Somebody sits and waits."""


@dataclass(frozen=True, slots=True)
class TestResult:
    """What a test mail showed."""

    __test__ = False  # pytest would take the name for a test.

    ok: bool
    step: str
    """The one that failed: `resolve`, `connect`, `greeting`, `tls`, `login`, `sender`, `recipient`, `data`."""
    message: str
    """What happened, in one sentence."""
    advice: str = ""
    """What to change."""


def smtp_test(sender: Sender, to: str | None = None, timeouts: Timeouts = PATIENCE) -> TestResult:
    """Send one test mail, to the sender's own address when `to` is None.

    Raises UserError when the password or token cannot be read here, or an address is not valid.
    """
    return deliver(sender, _message(sender, to), timeouts)


def deliver(sender: Sender, message: Message, timeouts: Timeouts = PATIENCE) -> TestResult:
    """Send one mail that is nobody's message, and say how that went; raises UserError like `smtp_test`."""
    try:
        session = open_session(sender, timeouts)
    except SmtpError as error:
        return _failed(sender, error)
    try:
        outcome = session.submit(message, lambda: True)
    finally:
        session.quit()
    match outcome:
        case Accepted(reply):
            return TestResult(
                True, "", f"the server accepted a mail for {message.recipients[0]}: {reply}", _hint(sender)
            )
        case Refused(phase, reply):
            return _failed(sender, SmtpError(phase, Trouble.REFUSED, f"the server replied {reply}", reply))
        case Lost(phase, trouble, detail):
            return _failed(sender, SmtpError(phase, trouble, detail))
        case Unknown(detail):
            return TestResult(False, "data", f"{detail}; the test mail may or may not arrive", "try again")
        case Unreadable(detail):
            return TestResult(False, "data", detail, "try again")
        case Withdrawn():
            raise AssertionError("nobody withdraws a test mail")
        case _:
            assert_never(outcome)


def _message(sender: Sender, to: str | None) -> Message:
    from_ = mailbox(sender.from_, "From")
    recipient = mailbox(to or from_.address, "To").address
    message_id = make_msgid(domain=from_.domain)
    lines = [
        f"From: {from_.address}",
        f"To: {recipient}",
        "Subject: sendplan test mail",
        f"Date: {formatdate(localtime=True)}",
        f"Message-ID: {message_id}",
        "Auto-Submitted: auto-generated",
        "",
        f"The sender `{sender.name}` works.",
        "",
    ]
    content = "\r\n".join(lines).encode()
    return Message(content, from_.address, (recipient,), None, message_id, needs_smtputf8=not content.isascii())


def _failed(sender: Sender, error: SmtpError) -> TestResult:
    return TestResult(False, _step(error.phase), error.detail, advice_for(sender, error))


def _step(phase: Phase) -> str:
    if phase in (Phase.BODY, Phase.DOT, Phase.RESULT):
        return "data"
    return "greeting" if phase is Phase.EHLO else phase


def _hint(sender: Sender) -> str:
    if sender.security == "none":
        return "the connection is not encrypted: write `security: starttls` unless the server is this computer"
    return ""


def advice_for(sender: Sender, error: SmtpError) -> str:
    """What to change after this failure."""
    if error.trouble is Trouble.TOKEN_REFUSED or (sender.oauth2 is not None and error.trouble is Trouble.NO_LOGIN):
        return advice_on(sender, Scope.LOGIN, error.detail)
    if error.trouble is Trouble.ONLY_OAUTH2:
        return use_oauth2(sender)
    if error.phase is Phase.LOGIN and error.trouble is Trouble.UNREACHABLE:
        return "try again later; if it stays so, look whether this computer reaches the login service"
    if error.trouble in _BY_TROUBLE:
        return _for_port(sender, error.trouble) or _BY_TROUBLE[error.trouble]
    if error.phase is Phase.TLS and error.reply is not None:
        return "the server's encryption is out of order: try later, or tell whoever runs it"
    if error.phase is Phase.TLS:
        return _for_port(sender, error.trouble) or _BY_TROUBLE[Trouble.NO_STARTTLS]
    if error.reply is None:
        return _for_port(sender, error.trouble) or "try again; if it stays so, ask the provider's support"
    return _for_reply(sender, error.phase, error.reply, error.scope)


_BY_TROUBLE: Mapping[Trouble, str] = {
    Trouble.UNRESOLVED: "check the spelling of `host`, and whether this computer is connected",
    Trouble.UNREACHABLE: "check `host` and `port`: 587 with `security: starttls`, or 465 with `security: tls`",
    Trouble.CERTIFICATE: (
        "check the spelling of `host`; for a server of your own put its authority's certificate into a file of the "
        "project and write `ca_file: FILE`"
    ),
    Trouble.CERTIFICATE_NAME: "write the host name that the certificate was made for as `host`",
    Trouble.CERTIFICATE_EXPIRED: "whoever runs the server must renew its certificate",
    Trouble.CERTIFICATE_EARLY: "look whether the clock of this computer is right",
    Trouble.TLS_TOO_OLD: "the server speaks only TLS 1.1 or older, which is not safe: it must be brought up to date",
    Trouble.NO_STARTTLS: "port 465 speaks `security: tls`; a server on this computer may need `security: none`",
    Trouble.PLAIN_LOGIN: "write `security: starttls` (port 587) or `security: tls` (port 465)",
    Trouble.LOGIN_NEEDS_TLS: "write `security: starttls`",
    Trouble.NO_LOGIN: (
        "remove `username` and `password` for a server that needs none, or ask the provider which login it wants"
    ),
}


_PORT_TROUBLES = frozenset(
    {
        Trouble.UNREACHABLE,
        Trouble.TIMED_OUT,
        Trouble.CLOSED,
        Trouble.GARBAGE,
        Trouble.TLS,
        Trouble.NO_STARTTLS,
        Trouble.PLAIN_LOGIN,
        Trouble.LOGIN_NEEDS_TLS,
        Trouble.REFUSED,
    }
)


def _for_port(sender: Sender, trouble: Trouble) -> str:
    """Port and security that do not belong together show in many ways, depending on who waits for whom."""
    if trouble not in _PORT_TROUBLES:
        return ""
    match sender.port, sender.security:
        case 465, ("starttls" | "none"):
            return f"port 465 is encrypted from the start: write `security: tls` instead of `{sender.security}`"
        case ((587 | 25), "tls"):
            return f"port {sender.port} begins unencrypted: write `security: starttls` instead of `tls`"
        case 587, "none":
            return "port 587 wants an encrypted connection: write `security: starttls` instead of `none`"
        case 25, _ if trouble in (Trouble.UNREACHABLE, Trouble.TIMED_OUT):
            return "many networks block port 25: use 587 with `security: starttls`"
    return ""


def _for_reply(sender: Sender, phase: Phase, reply: Reply, scope: Scope) -> str:
    if scope is not Scope.ADDRESS and (advice := advice_on(sender, scope, str(reply))):
        return advice
    if reply.code in (450, 451) and phase in (Phase.RECIPIENT, Phase.RESULT):
        return "the server puts new senders off for some minutes (greylisting): try the same once more in ten minutes"
    if re.search(r"relay", reply.text, re.IGNORECASE):
        return "the server only takes mail to others after a login: write `username` and `password`"
    return _BY_PHASE.get(phase, "ask the provider what this reply means")


_BY_PHASE: Mapping[Phase, str] = {
    Phase.SENDER: "the server does not accept this From address: it must belong to the account that logs in",
    Phase.RECIPIENT: "the server does not accept the recipient: try another address with --to",
    Phase.RESULT: "the server does not accept the content or the From address; its reply says which",
}
