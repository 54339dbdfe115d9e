"""Replies of real servers and what they concern (docs/sending.md#replies-by-what-they-concern)."""

from __future__ import annotations

import pytest

from sendplan.mail.replies import Phase, Reply, parse
from sendplan.mail.scoping import scope
from sendplan.scopes import Scope

ROWS = [
    # connect or TLS error, 421, 5xx greeting → host
    (Phase.CONNECT, "554 no service here", Scope.HOST),
    (Phase.GREETING, "554 5.7.1 your address is listed", Scope.HOST),
    (Phase.GREETING, "450 4.3.2 not yet", Scope.HOST),
    (Phase.TLS, "454 4.7.0 TLS not available due to temporary reason", Scope.HOST),
    (Phase.SENDER, "421 too many connections", Scope.HOST),
    (Phase.RECIPIENT, "421 4.7.0 try again later, closing connection", Scope.HOST),
    (Phase.RESULT, "421 4.3.2 shutting down", Scope.HOST),
    # 535, 5.7.8, 5.7.30 → the account's login
    (Phase.LOGIN, "535 5.7.8 Username and Password not accepted", Scope.LOGIN),
    (Phase.LOGIN, "535 Authentication failed", Scope.LOGIN),
    (Phase.LOGIN, "550 5.7.30 Basic authentication is not supported", Scope.LOGIN),
    (Phase.LOGIN, "535 5.7.139 Authentication unsuccessful, basic authentication is disabled", Scope.LOGIN),
    (Phase.LOGIN, "534 5.7.9 Application-specific password required", Scope.LOGIN),
    (Phase.LOGIN, "504 5.5.4 Unrecognized authentication type", Scope.LOGIN),
    (Phase.SENDER, "530 5.7.0 Authentication Required", Scope.LOGIN),
    (Phase.SENDER, "530 5.7.57 Client not authenticated to send mail", Scope.LOGIN),
    (Phase.RESULT, "550 5.7.8 Authentication credentials invalid", Scope.LOGIN),
    (Phase.SENDER, "530 5.7.0 Must issue a STARTTLS command first", Scope.LOGIN),
    # the sender's settings, also at RCPT and after the dot
    (Phase.EHLO, "504 5.5.2 <pc>: Helo command rejected: need fully-qualified hostname", Scope.SENDER),
    (Phase.EHLO, "501 5.5.4 Invalid domain name", Scope.SENDER),
    (Phase.EHLO, "554 go away", Scope.HOST),
    (Phase.RECIPIENT, "504 5.5.2 <pc>: Helo command rejected: need fully-qualified hostname", Scope.SENDER),
    (Phase.RECIPIENT, "450 4.7.1 <pc>: Helo command rejected: Host not found", Scope.SENDER),
    (Phase.SENDER, "553 5.7.1 <s@example.com>: Sender address rejected: not owned by user shop", Scope.SENDER),
    (Phase.RECIPIENT, "553 5.7.1 <s@example.com>: Sender address rejected: not owned by user shop", Scope.SENDER),
    (
        Phase.RECIPIENT,
        "550 5.1.0 <s@example.com>: Sender address rejected: User unknown in local recipient table",
        Scope.SENDER,
    ),
    (Phase.RECIPIENT, "553 5.1.8 sender address rejected: domain not found", Scope.SENDER),
    (Phase.RECIPIENT, "450 4.1.8 <s@example.com>: Sender address rejected: Domain not found", Scope.SENDER),
    (Phase.RECIPIENT, "550 Sender verify failed", Scope.SENDER),
    (Phase.SENDER, "553 5.1.7 The sender's address was syntactically invalid", Scope.SENDER),
    (Phase.SENDER, "550 5.1.0 not known here", Scope.SENDER),
    (Phase.RESULT, "550 5.1.8 Access denied, bad outbound sender", Scope.SENDER),
    (Phase.RESULT, "550 5.7.60 SMTP; Client does not have permissions to send as this sender", Scope.SENDER),
    (Phase.RESULT, "554 5.2.252 SendAsDenied; not allowed to send as s@example.com", Scope.SENDER),
    (Phase.RESULT, "554 5.2.252 no", Scope.SENDER),
    (
        Phase.RESULT,
        "554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException",
        Scope.SENDER,
    ),
    (Phase.RESULT, "554 Message rejected: Email address is not verified.", Scope.SENDER),
    (Phase.SENDER, "550 5.7.1 Sender not allowed", Scope.SENDER),
    (Phase.SENDER, "554 5.7.1 access denied", Scope.SENDER),
    (Phase.SENDER, "553 that domain is not in my list", Scope.SENDER),
    (Phase.RECIPIENT, "550 5.7.1 this recipient takes no mail from this sender", Scope.MESSAGE_FAILED),
    # 454 4.7.0, 432 4.3.2, other 4.7.x → account rate
    (Phase.LOGIN, "454 4.7.0 Temporary authentication failure", Scope.ACCOUNT_RATE),
    (Phase.LOGIN, "451 please wait", Scope.ACCOUNT_RATE),
    (Phase.SENDER, "454 too many login attempts", Scope.ACCOUNT_RATE),
    (Phase.RESULT, "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded", Scope.ACCOUNT_RATE),
    (Phase.SENDER, "432 sender thread limit exceeded", Scope.ACCOUNT_RATE),
    (Phase.RECIPIENT, "450 4.7.28 unusual rate of mail", Scope.ACCOUNT_RATE),
    (Phase.RESULT, "451 4.7.500 server busy", Scope.ACCOUNT_RATE),
    (Phase.GREETING, "450 4.7.1 too many connections from your host", Scope.ACCOUNT_RATE),
    (Phase.SENDER, "451 4.7.1 please wait", Scope.ACCOUNT_RATE),
    (Phase.SENDER, "421 4.7.0 [TSS04] Messages temporarily deferred", Scope.ACCOUNT_RATE),
    (Phase.RECIPIENT, "451 4.7.0 [TSS04] Messages temporarily deferred", Scope.ACCOUNT_RATE),
    (Phase.RESULT, "451 too many messages, slow down", Scope.ACCOUNT_RATE),
    (Phase.RECIPIENT, "450 4.2.1 The user is receiving mail at a rate that prevents it", Scope.MESSAGE_LATER),
    (Phase.RESULT, "451 4.3.2 Your account was throttled", Scope.ACCOUNT_RATE),
    (Phase.RECIPIENT, "451 Try again later, we have enough connections from you", Scope.ACCOUNT_RATE),
    (Phase.RESULT, "550 too many messages, slow down", Scope.ACCOUNT_RATE),
    (Phase.RECIPIENT, "554 5.7.1 <pc[192.0.2.1]>: Client host rejected: Access denied", Scope.HOST),
    (Phase.RECIPIENT, "554 5.7.1 Client host [192.0.2.1] blocked using zen.example.org", Scope.HOST),
    # a host that is not well says so before it hears of any buyer
    (Phase.SENDER, "452 4.3.1 Insufficient system storage", Scope.HOST),
    (Phase.SENDER, "451 4.3.0 Temporary lookup failure", Scope.HOST),
    # 550 5.4.5, 550 5.7.1 "limit", 554 5.2.0, 5.2.25x → account quota
    (Phase.RESULT, "550 5.4.5 Daily user sending limit exceeded", Scope.ACCOUNT_QUOTA),
    (Phase.SENDER, "550 5.7.1 Daily SMTP relay limit exceeded for user", Scope.ACCOUNT_QUOTA),
    (Phase.RESULT, "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException", Scope.ACCOUNT_QUOTA),
    (Phase.RESULT, "554 5.2.252 not allowed now, sending limit reached", Scope.ACCOUNT_QUOTA),
    (Phase.RESULT, "550 5.7.1 quota exceeded", Scope.ACCOUNT_QUOTA),
    (Phase.SENDER, "550 quota exceeded for this account", Scope.ACCOUNT_QUOTA),
    (
        Phase.RESULT,
        "550 5.1.90 Your message can't be sent: daily limit reached",
        Scope.ACCOUNT_QUOTA,
    ),
    (Phase.SENDER, "550 5.7.705 Access denied, tenant has exceeded threshold", Scope.ACCOUNT_QUOTA),
    (Phase.RESULT, "452 4.3.1 hourly sending limit reached", Scope.ACCOUNT_QUOTA),
    # 4xx at RCPT or after the dot → message, later
    (Phase.RECIPIENT, "450 4.2.1 mailbox busy", Scope.MESSAGE_LATER),
    (Phase.RECIPIENT, "452 4.2.2 over quota", Scope.MESSAGE_LATER),
    (Phase.RECIPIENT, "450 try again", Scope.MESSAGE_LATER),
    (Phase.RESULT, "451 4.3.0 try again later", Scope.MESSAGE_LATER),
    (Phase.RESULT, "452 4.3.1 insufficient storage", Scope.MESSAGE_LATER),
    (Phase.RECIPIENT, "451 4.7.1 Greylisting in action, please come back later", Scope.MESSAGE_LATER),
    (Phase.RECIPIENT, "450 4.2.0 <b@example.org>: Recipient address rejected: Greylisted", Scope.MESSAGE_LATER),
    (Phase.RECIPIENT, "450 4.7.0 Graylisted, too many new senders", Scope.MESSAGE_LATER),
    (Phase.RESULT, "451 4.7.1 temporarily refused", Scope.MESSAGE_LATER),
    (Phase.RECIPIENT, "452 4.5.3 Too many recipients", Scope.MESSAGE_LATER),
    (Phase.RECIPIENT, "451 temporary failure, separate operator", Scope.MESSAGE_LATER),
    # 5.1.x at RCPT → address
    (Phase.RECIPIENT, "550 5.1.1 no such user", Scope.ADDRESS),
    (Phase.RECIPIENT, "553 5.1.3 bad address syntax", Scope.ADDRESS),
    (Phase.RECIPIENT, "550 5.1.10 recipient not found", Scope.ADDRESS),
    (Phase.RECIPIENT, "550 5.1.6 mailbox has moved", Scope.ADDRESS),
    (Phase.RECIPIENT, "550 User unknown", Scope.ADDRESS),
    (Phase.RECIPIENT, "550 unknown user <b@example.org>", Scope.ADDRESS),
    (Phase.RECIPIENT, "550 5.1.0 <b@example.org>: Recipient address rejected: User unknown", Scope.ADDRESS),
    (Phase.RECIPIENT, "550 5.1.4 ambiguous", Scope.MESSAGE_FAILED),
    (Phase.RECIPIENT, "552 5.2.2 Mailbox quota exceeded", Scope.MESSAGE_FAILED),
    (Phase.RECIPIENT, "552 Quota exceeded (mailbox for user is full)", Scope.MESSAGE_FAILED),
    (Phase.RESULT, "550 5.1.1 no such user", Scope.MESSAGE_FAILED),
    # other 5xx → message, never
    (Phase.RECIPIENT, "550 no", Scope.MESSAGE_FAILED),
    (Phase.RECIPIENT, "554 5.7.1 relay access denied", Scope.MESSAGE_FAILED),
    (Phase.RECIPIENT, "552 5.2.2 mailbox full", Scope.MESSAGE_FAILED),
    (Phase.SENDER, "552 5.3.4 too big", Scope.MESSAGE_FAILED),
    (Phase.DATA, "554 5.5.1 no valid recipients", Scope.MESSAGE_FAILED),
    (Phase.RESULT, "554 5.7.1 spam", Scope.MESSAGE_FAILED),
    (Phase.RESULT, "554 5.7.1 spam score exceeded", Scope.MESSAGE_FAILED),
    (Phase.RESULT, "554 5.4.6 too many hops", Scope.MESSAGE_FAILED),
    (Phase.SENDER, "550 5.6.7 non-ASCII addresses not permitted", Scope.MESSAGE_FAILED),
    # the basic and the enhanced code disagree: the enhanced one says more
    (Phase.RECIPIENT, "550 4.2.1 mailbox busy", Scope.MESSAGE_LATER),
    (Phase.RECIPIENT, "450 5.1.1 no such user", Scope.ADDRESS),
    (Phase.RESULT, "451 5.7.8 credentials invalid", Scope.LOGIN),
    (Phase.RESULT, "554 4.7.0 too fast", Scope.ACCOUNT_RATE),
    (Phase.RESULT, "450 5.4.5 daily limit", Scope.ACCOUNT_QUOTA),
    (Phase.RESULT, "451 5.6.0 bad content", Scope.MESSAGE_FAILED),
    (Phase.LOGIN, "535 4.7.8 try again", Scope.ACCOUNT_RATE),
    (Phase.RESULT, "550 2.0.0 no", Scope.MESSAGE_FAILED),
]


def _reply(line: str) -> Reply:
    return parse(int(line[:3]), line[4:].encode())


@pytest.mark.parametrize(("phase", "line", "expected"), ROWS)
def test_a_refusal_concerns_what_the_table_says(phase: Phase, line: str, expected: Scope) -> None:
    """A refusal stops the host, the account or one message, as the table of replies says."""
    assert scope(phase, _reply(line)) is expected


def test_an_enhanced_code_is_read_from_each_line() -> None:
    """The status code in front of every line of an answer is read once and left out of the text."""
    reply = parse(550, b"5.7.1 first line\n5.7.1 second line")
    assert reply == Reply(550, "first line second line", (5, 7, 1))
    assert str(reply) == "550 5.7.1 first line second line"


@pytest.mark.parametrize(
    "text", [b"5.1.1.2 mail", b"15.1.1 mail", b"see 5.1.1 for help", b"", b"5.1 mail", b"3.1.1 mail"]
)
def test_only_a_leading_enhanced_code_counts(text: bytes) -> None:
    """Something that only looks like a status code is part of the text."""
    assert parse(250, text).enhanced is None


def test_control_characters_never_leave_a_reply() -> None:
    """A server cannot write escape sequences, direction marks or endless text to our terminal or log."""
    text = parse(550, b"5.1.1 \x1b[31mred\x07\x00\xc2\x9b31m \xe2\x80\xaeevil\xff" + b"x" * 5000).text
    assert text.startswith("[31mred 31m  evil�x")
    assert len(text) <= 400
    assert text.isprintable()
