"""`smtp-test`: each mistake in a sender is named with its step and what to change (manual M3)."""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from sendplan.mail import connection
from sendplan.mail.diagnosis import TestResult, smtp_test
from sendplan.mail.dialing import SmtpError, Timeouts, Trouble
from sendplan.mail.replies import Phase
from sendplan.mail.smtp import Session
from sendplan.problems import UserError
from sendplan.project.settings import Sender
from sendplan.secret import Secret
from sendplan.sink import Action, Cue, Drop, Say, Sink, Stall, at
from sendplan.sink import SmtpStep as Step


def sender(sink: Sink, **changed: object) -> Sender:
    plain = Sender("main", "Shop <shop@example.com>", "127.0.0.1", sink.port, "none", None, Secret("SHOP_PASSWORD"))
    return replace(plain, **changed)  # type: ignore[arg-type]


def check(script: Callable[[Cue], Action | None] | None = None, **changed: object) -> TestResult:
    with Sink(script, logins={"shop": "right"} if "username" in changed else None) as sink:
        return smtp_test(sender(sink, **changed), None)


def test_a_working_sender_gets_its_test_mail() -> None:
    """The test mail goes to the sender's own address by default, or to the one that is asked for."""
    with Sink() as sink:
        result = smtp_test(sender(sink), None)
        assert (result.ok, result.step) == (True, "")
        assert "250 2.0.0 Ok: queued as SINK1" in result.message
        assert smtp_test(sender(sink), "someone@example.org").ok
        assert [mail.recipients for mail in sink.mails] == [("shop@example.com",), ("someone@example.org",)]
        assert b"\r\nSubject: sendplan test mail\r\nDate: " in sink.mails[0].content


def test_a_server_that_says_nothing_is_given_up() -> None:
    """A server that accepts the connection and never greets is reported with the step `greeting`."""
    with Sink(at(Step.CONNECT, Stall())) as sink:
        result = smtp_test(sender(sink), None, Timeouts(connect=0.3))
    assert (result.step, "try again" in result.advice) == ("greeting", True)


@pytest.mark.parametrize(
    ("script", "step", "advice"),
    [
        (at(Step.CONNECT, Say("554 5.7.1 your address is listed")), "greeting", "blocks this network"),
        (at(Step.CONNECT, Drop()), "greeting", "try again"),
        (at(Step.MAIL, Say("553 5.7.1 not your address")), "sender", "From address"),
        (at(Step.MAIL, Say("530 5.7.0 authentication required")), "sender", "write `username`"),
        (at(Step.MAIL, Say("530 5.7.0 Must issue a STARTTLS command first")), "sender", "write `security: starttls`"),
        (at(Step.EHLO, Say("504 5.5.2 Helo command rejected: need fully-qualified hostname")), "greeting", "`ehlo:"),
        (
            at(Step.RCPT, Say("553 5.7.1 <s@example.com>: Sender address rejected: not owned")),
            "recipient",
            "From",
        ),
        (at(Step.RCPT, Say("550 5.1.0 <s@example.com>: Sender address rejected: User unknown")), "recipient", "From"),
        (
            at(Step.RCPT, Say("553 5.7.1 <s@example.com>: Sender address rejected: not logged in")),
            "recipient",
            "username",
        ),
        (at(Step.RCPT, Say("550 5.1.8 Sender address rejected: Domain not found")), "recipient", "correct `from`"),
        (at(Step.RCPT, Say("451 4.7.1 Greylisting in action")), "recipient", "ten minutes"),
        (at(Step.DOT, Say("554 5.2.252 SendAsDenied; s not allowed to send as t")), "data", "allow it to send"),
        (at(Step.DOT, Say("554 Email address is not verified")), "data", "verify"),
        (at(Step.DOT, Say("450 4.7.28 unusual rate of mail")), "data", "too fast"),
        (at(Step.RCPT, Say("554 5.7.1 relay access denied")), "recipient", "after a login"),
        (at(Step.RCPT, Say("550 5.1.1 no such user")), "recipient", "--to"),
        (at(Step.RCPT, Say("550 5.4.5 daily limit exceeded")), "recipient", "too much"),
        (at(Step.DATA, Say("554 5.5.1 no")), "data", "ask the provider"),
        (at(Step.DOT, Say("554 5.7.1 looks like spam")), "data", "the content"),
        (at(Step.DOT, Drop()), "data", "try again"),
    ],
)
def test_a_failed_step_is_named(script: Callable[[Cue], Action | None], step: str, advice: str) -> None:
    """A refusal or a lost connection is reported with its step and something to do."""
    result = check(script)
    assert (result.ok, result.step) == (False, step)
    assert advice in result.advice


@pytest.mark.parametrize(
    ("line", "provider", "advice"),
    [
        ("535 5.7.8 Username and Password not accepted", "gmail", "app password"),
        ("535 5.7.8 wrong", "generic", "check `username` and the value of SHOP_PASSWORD"),
        ("535 5.7.139 basic authentication is disabled", "office365", "Authenticated SMTP"),
        (
            "535 5.7.139 Authentication unsuccessful, the credentials were incorrect",
            "office365",
            "check `username`",
        ),
        ("535 5.7.3 Authentication unsuccessful", "office365", "security defaults"),
        ("550 5.7.30 Basic authentication is not supported for Client Submission.", "office365", "OAuth 2"),
        ("504 5.7.4 Unrecognized authentication type", "generic", "which one it wants"),
        ("538 5.7.11 Encryption required for requested authentication mechanism", "generic", "starttls"),
    ],
)
def test_a_failed_login_tells_what_the_provider_wants(
    line: str, provider: str, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refused password is explained in the provider's own terms, and never shown."""
    monkeypatch.setenv("SHOP_PASSWORD", "wrong-horse")
    result = check(at(Step.AUTH, Say(line)), username="shop", provider=provider)
    assert (result.step, advice in result.advice) == ("login", True)
    assert "wrong-horse" not in repr(result)


def test_a_missing_password_is_an_error_of_the_user() -> None:
    """A password that nobody set is told before anything is connected."""
    with pytest.raises(UserError, match="SHOP_PASSWORD is not set"):
        check(username="shop")


def test_a_self_signed_certificate_is_explained() -> None:
    """An unknown authority is named, with the way to trust it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with Sink(tls=context) as sink:
        result = smtp_test(sender(sink, security="starttls"), None)
    assert (result.step, "ca_file" in result.advice) == ("tls", True)


def test_a_trusted_authority_makes_it_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Following that advice works."""
    authority = trustme.CA()
    file = tmp_path / "authority.pem"
    file.write_bytes(authority.cert_pem.bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with Sink(tls=context) as sink:
        assert smtp_test(sender(sink, security="starttls"), None).ok


def test_starttls_that_is_not_offered_is_explained() -> None:
    """A server without STARTTLS is reported as such, with the two ways out."""
    result = check(security="starttls")
    assert (result.step, "security: tls" in result.advice) == ("tls", True)


def test_tls_towards_a_plain_server_is_explained() -> None:
    """`security: tls` at a server that begins unencrypted fails in the step `tls`."""
    result = check(security="tls")
    assert result.step == "tls"


def test_a_name_that_does_not_exist_is_explained() -> None:
    """A misspelled host is reported with the step `resolve`."""
    result = check(host="smtp.example.invalid")
    assert (result.step, "spelling" in result.advice) == ("resolve", True)


def test_a_closed_port_is_explained() -> None:
    """Nobody listening is reported with the step `connect`."""
    with Sink() as sink:
        gone = sender(sink)
    result = smtp_test(gone, None)
    assert (result.step, "587" in result.advice) == ("connect", True)


def test_a_password_over_a_plain_connection_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """A login without encryption is refused by us, with what to write instead."""
    monkeypatch.setenv("SHOP_PASSWORD", "right")
    monkeypatch.setattr(connection, "_is_loopback", lambda address: False)
    result = check(username="shop")
    assert (result.step, "security: starttls" in result.advice) == ("login", True)


def test_an_unencrypted_sender_is_warned() -> None:
    """A test that worked without encryption says so."""
    assert "not encrypted" in check().advice


@pytest.mark.parametrize(
    ("port", "security", "phase", "trouble", "advice"),
    [
        (465, "starttls", Phase.GREETING, Trouble.TIMED_OUT, "write `security: tls` instead of `starttls`"),
        (465, "none", Phase.GREETING, Trouble.CLOSED, "write `security: tls` instead of `none`"),
        (587, "tls", Phase.TLS, Trouble.TLS, "write `security: starttls` instead of `tls`"),
        (587, "none", Phase.LOGIN, Trouble.PLAIN_LOGIN, "write `security: starttls` instead of `none`"),
        (25, "starttls", Phase.CONNECT, Trouble.TIMED_OUT, "use 587"),
    ],
)
def test_port_and_security_that_do_not_match_are_explained(
    port: int,
    security: str,
    phase: Phase,
    trouble: Trouble,
    advice: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each wrong pair of port and security says which one to write."""

    def fail(*arguments: object) -> None:
        raise SmtpError(phase, trouble, "…")

    monkeypatch.setattr(Session, "open", fail)
    one = Sender("main", "shop@example.com", "smtp.example.com", port, security)
    assert advice in smtp_test(one).advice


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def encrypted(authority: trustme.CA, tmp_path: Path, **changed: object) -> tuple[ssl.SSLContext, dict[str, object]]:
    """A server's certificate for 127.0.0.1, and what a sender needs to trust its authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", **changed).configure_cert(context)  # type: ignore[arg-type]
    file = tmp_path / "authority.pem"
    file.write_bytes(authority.cert_pem.bytes())
    return context, {"security": "starttls", "ca_file": file}


def test_a_private_authority_is_trusted_by_its_file(authority: trustme.CA, tmp_path: Path) -> None:
    """`ca_file` makes a server's own certificate good, for this sender."""
    context, trusting = encrypted(authority, tmp_path)
    with Sink(tls=context) as sink:
        assert smtp_test(sender(sink, **trusting), None).ok
        assert not smtp_test(sender(sink, security="starttls"), None).ok


def test_a_file_without_certificates_is_named(tmp_path: Path) -> None:
    """A `ca_file` that holds something else is told as such."""
    file = tmp_path / "notes.txt"
    file.write_text("nothing")
    with Sink(tls=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)) as sink:
        result = smtp_test(sender(sink, security="starttls", ca_file=file), None)
    assert (result.step, "notes.txt" in result.message) == ("tls", True)


def test_an_expired_certificate_is_explained(authority: trustme.CA, tmp_path: Path) -> None:
    """A certificate that is out of date is not mistaken for one that nobody vouches for."""
    context, trusting = encrypted(authority, tmp_path, not_after=datetime(2020, 1, 1, tzinfo=UTC))
    with Sink(tls=context) as sink:
        result = smtp_test(sender(sink, **trusting), None)
    assert (result.step, result.advice) == ("tls", "whoever runs the server must renew its certificate")


def test_another_hosts_certificate_is_explained(authority: trustme.CA, tmp_path: Path) -> None:
    """The name to write as `host` is asked for."""
    context, trusting = encrypted(authority, tmp_path)
    with Sink(tls=context) as sink:
        result = smtp_test(sender(sink, host="localhost", **trusting), None)
    assert (result.step, "as `host`" in result.advice) == ("tls", True)


def test_a_server_of_old_encryption_is_explained(authority: trustme.CA, tmp_path: Path) -> None:
    """A server that speaks TLS 1.0 only is refused, and told to be too old."""
    context, trusting = encrypted(authority, tmp_path)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1
    with Sink(tls=context) as sink:
        result = smtp_test(sender(sink, **trusting), None)
    assert (result.step, "TLS 1.1 or older" in result.advice) == ("tls", True)


def test_encryption_that_is_out_of_order_is_explained(authority: trustme.CA, tmp_path: Path) -> None:
    """454 at STARTTLS is the server's own trouble."""
    context, trusting = encrypted(authority, tmp_path)
    with Sink(at(Step.STARTTLS, Say("454 4.7.0 TLS not available due to local problem")), tls=context) as sink:
        result = smtp_test(sender(sink, **trusting), None)
    assert (result.step, "out of order" in result.advice) == ("tls", True)


def test_a_login_only_after_encryption_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """On this computer too, a server that takes logins only over TLS says what to write."""
    monkeypatch.setenv("SHOP_PASSWORD", "right")
    with Sink(tls=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)) as sink:
        result = smtp_test(sender(sink, username="shop"), None)
    assert (result.step, result.advice) == ("login", "write `security: starttls`")
