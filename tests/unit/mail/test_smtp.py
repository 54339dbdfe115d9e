"""The SMTP session against a real server on loopback that plays every fault."""

from __future__ import annotations

import select
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from sendplan.mail import connection
from sendplan.mail.dialing import SmtpError, Timeouts, Trouble
from sendplan.mail.message import Message
from sendplan.mail.replies import Phase
from sendplan.mail.smtp import Accepted, Lost, Outcome, Refused, Session, Unknown, Withdrawn, wire_form
from sendplan.project.settings import Sender
from sendplan.scopes import Scope
from sendplan.secret import Secret
from sendplan.sink import Cue, Drop, Flood, Say, Sink, Stall, at
from sendplan.sink import SmtpStep as Step

STALLED = {
    Step.MAIL: Timeouts(command=1.0),
    Step.RCPT: Timeouts(command=1.0),
    Step.DATA: Timeouts(data=0.2),
    Step.DOT: Timeouts(result=0.2),
    Step.STORED: Timeouts(result=0.2),
}
"""Little patience with the step at which a server stalls, and all of it with the others, however busy the machine."""
SECRET = "pässword with blanks"

MAIL = Message(
    head=b"Subject: hello\r\n\r\nDear buyer\r\n",
    envelope_from="shop@example.com",
    recipients=("buyer@example.org",),
    copy=None,
    message_id="<1@example.com>",
    needs_smtputf8=False,
)
WITH_COPY = replace(MAIL, copy="copies@example.com")


def sender(sink: Sink, *, security: str = "none", host: str = "127.0.0.1", username: str | None = None) -> Sender:
    return Sender("main", "Shop <shop@example.com>", host, sink.port, security, username, Secret("SMTP_PASSWORD"))


@contextmanager
def session(sink: Sink, timeouts: Timeouts | None = None) -> Iterator[Session]:
    one = Session.open(sender(sink), None, timeouts)
    try:
        yield one
    finally:
        one.close()


def submit(sink: Sink, message: Message = MAIL, timeouts: Timeouts | None = None) -> Outcome:
    """One mail over a connection of its own, always wanted."""
    with session(sink, timeouts) as one:
        return one.submit(message, lambda: True)


def wait_for_hang_up(one: Session) -> None:
    """Return once the server has closed the connection, without touching what the session reads."""
    sock = one._connection.sock
    assert sock is not None
    select.select([sock], [], [], 5)


def without(*extensions: str) -> tuple[str, ...]:
    return tuple(each for each in ("PIPELINING", "8BITMIME", "SMTPUTF8") if each not in extensions)


@pytest.fixture(params=[True, False], ids=["pipelining", "step by step"])
def extensions(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return without() if request.param else without("PIPELINING")


def test_a_mail_arrives_as_it_was_written(extensions: tuple[str, ...]) -> None:
    """The buyer and the copy get the same bytes, in one transaction, and the server's name for it is kept."""
    with Sink(extensions=extensions) as sink:
        outcome = submit(sink, WITH_COPY)
        assert isinstance(outcome, Accepted)
        assert (outcome.queue_id, outcome.copy_refused) == ("SINK1", None)
        (mail,) = sink.mails
        assert mail.content == MAIL.bytes
        assert (mail.sender, mail.recipients) == ("shop@example.com", ("buyer@example.org", "copies@example.com"))


@pytest.mark.parametrize("address", ['"john smith"@example.org', '"a\\"b>c"@example.org', '"x@y"@example.org'])
def test_a_quoted_local_part_stays_one_recipient(address: str) -> None:
    """Quotes, blanks and signs within quotes are handed over as they are."""
    with Sink() as sink:
        assert isinstance(submit(sink, replace(MAIL, recipients=(address,))), Accepted)
        assert f"RCPT TO:<{address}>" in sink.commands
        assert len(sink.mails) == 1


def test_the_dot_waits_for_the_intent(extensions: tuple[str, ...]) -> None:
    """When the intent is asked for, nothing has been accepted yet."""
    seen: list[int] = []
    with Sink(extensions=extensions) as sink, session(sink) as one:

        def before_dot() -> bool:
            seen.append(len(sink.mails))
            return True

        one.submit(MAIL, before_dot)
        assert (seen, len(sink.mails)) == ([0], 1)


def test_the_next_envelope_leaves_with_the_dot() -> None:
    """Where the server offers PIPELINING, MAIL, RCPT and DATA of the next mail are in the same write as the dot."""
    following = replace(MAIL, recipients=("second@example.org",))
    with Sink() as sink, session(sink) as one:
        writes: list[bytes] = []
        sent = one._connection.send
        one._connection.send = lambda data: (writes.append(data), sent(data))[1]  # type: ignore[method-assign,func-returns-value,assignment,arg-type]
        assert isinstance(one.submit(MAIL, lambda: True, following), Accepted)
        assert writes[-1].startswith(b".\r\nMAIL FROM:")
        assert writes[-1].endswith(b"RCPT TO:<second@example.org>\r\nDATA\r\n")
        assert isinstance(one.submit(following, lambda: True), Accepted)
        assert [mail.recipients for mail in sink.mails] == [("buyer@example.org",), ("second@example.org",)]
        assert writes[-1] == b".\r\n"


def test_an_announced_mail_is_not_sent_by_saying_goodbye() -> None:
    """Hanging up after the next mail was announced sends nothing of it, QUIT least of all."""
    with Sink() as sink:
        one = Session.open(sender(sink), None)
        one.submit(MAIL, lambda: True, WITH_COPY)
        one.quit()
    assert len(sink.mails) == 1
    assert "QUIT" not in sink.commands


def test_without_pipelining_nothing_is_announced() -> None:
    """A server that does not offer PIPELINING gets one command at a time."""
    with Sink(extensions=without("PIPELINING")) as sink, session(sink) as one:
        one.submit(MAIL, lambda: True, WITH_COPY)
        assert sink.commands[-1] == "DATA"
        assert isinstance(one.submit(WITH_COPY, lambda: True), Accepted)
        assert len(sink.mails) == 2


@pytest.mark.parametrize("step", [Step.MAIL, Step.RCPT, Step.DATA])
@pytest.mark.parametrize("line", ["450 4.2.0 later", "550 5.2.1 no"])
def test_a_refused_announcement_leaves_the_mail_before_it_sent(step: Step, line: str) -> None:
    """What the server says to the next envelope concerns that mail alone, and the connection goes on."""
    following = replace(MAIL, recipients=("second@example.org",))
    with Sink(at(step, None, Say(line), None)) as sink, session(sink) as one:
        assert isinstance(one.submit(MAIL, lambda: True, following), Accepted)
        refused = one.submit(following, lambda: True)
        assert isinstance(refused, Refused)
        assert refused.reply.code == int(line[:3])
        assert isinstance(one.submit(MAIL, lambda: True), Accepted)
        assert [mail.recipients for mail in sink.mails] == [MAIL.recipients] * 2


def test_a_server_that_hangs_up_after_its_answer_took_the_mail() -> None:
    """The answer counts although the next envelope was already on its way to a server that had left."""
    following = replace(MAIL, recipients=("second@example.org",))
    with Sink(at(Step.MAIL, None, Drop())) as sink, session(sink) as one:
        assert isinstance(one.submit(MAIL, lambda: True, following), Accepted)
        assert isinstance(one.submit(following, lambda: True), Lost)
        assert len(sink.mails) == 1


def test_a_withdrawn_mail_is_never_accepted(extensions: tuple[str, ...]) -> None:
    """When the intent is refused, the connection closes without the dot and nothing arrives."""
    with Sink(extensions=extensions) as sink, session(sink) as one:
        assert one.submit(MAIL, lambda: False) == Withdrawn()
        assert not one.usable
    assert sink.mails == []


def test_an_error_in_the_intent_sends_nothing() -> None:
    """When the store breaks at the intent, the mail is not sent and the error is not swallowed."""
    with Sink() as sink, session(sink) as one:
        with pytest.raises(ZeroDivisionError):
            one.submit(MAIL, lambda: bool(1 // 0))
        assert not one.usable
    assert sink.mails == []


@pytest.mark.parametrize(
    ("step", "phase", "scope"),
    [
        (Step.MAIL, Phase.SENDER, Scope.SENDER),
        (Step.RCPT, Phase.RECIPIENT, Scope.MESSAGE_FAILED),
        (Step.DATA, Phase.DATA, Scope.MESSAGE_FAILED),
    ],
)
def test_a_refusal_names_its_phase_and_the_connection_goes_on(
    step: Step, phase: Phase, scope: Scope, extensions: tuple[str, ...]
) -> None:
    """A refused mail is reported with its phase and reply, and the next one goes over the same connection."""
    with Sink(at(step, Say("550 5.7.1 not you"), None), extensions=extensions) as sink, session(sink) as one:
        outcome = one.submit(MAIL, lambda: True)
        assert isinstance(outcome, Refused)
        assert (outcome.phase, outcome.scope, str(outcome.reply)) == (
            phase,
            scope,
            "550 5.7.1 not you",
        )
        assert isinstance(one.submit(MAIL, lambda: True), Accepted)
        assert (len(sink.mails), sink.connections) == (1, 1)


def test_a_refused_buyer_gets_no_mail_for_the_copy(extensions: tuple[str, ...]) -> None:
    """When only the copy would be delivered, the mail is not sent at all."""
    refusing = at(Step.RCPT, Say("550 5.1.1 unknown"), containing="buyer")
    with Sink(refusing, extensions=extensions) as sink, session(sink) as one:
        outcome = one.submit(WITH_COPY, lambda: True)
        assert isinstance(outcome, Refused)
        assert outcome.scope is Scope.ADDRESS
        # A server that was promised a body would take whatever is said next for it.
        assert one.usable == ("PIPELINING" not in extensions)
    assert sink.mails == []


def test_a_refused_copy_changes_nothing_for_the_buyer(extensions: tuple[str, ...]) -> None:
    """The buyer's mail is sent when the copy's address is refused, and the refusal is kept."""
    with Sink(at(Step.RCPT, Say("550 5.1.1 unknown"), containing="copies"), extensions=extensions) as sink:
        outcome = submit(sink, WITH_COPY)
        assert isinstance(outcome, Accepted)
        assert outcome.copy_refused is not None
        assert sink.mails[0].recipients == ("buyer@example.org",)


@pytest.mark.parametrize("step", [Step.MAIL, Step.RCPT, Step.DATA])
def test_a_closing_server_concerns_the_host(step: Step, extensions: tuple[str, ...]) -> None:
    """421 at any point is about the server, not about the mail, and ends the connection."""
    with Sink(at(step, Say("421 4.3.2 closing")), extensions=extensions) as sink, session(sink) as one:
        outcome = one.submit(MAIL, lambda: True)
        assert isinstance(outcome, Refused)
        assert outcome.scope is Scope.HOST
        assert not one.usable


def patience(step: Step, action: object) -> Timeouts:
    """How long a session waits for a server that does this at that step."""
    return STALLED[step] if isinstance(action, Stall) else Timeouts()


@pytest.mark.parametrize(
    ("step", "phase"), [(Step.MAIL, Phase.SENDER), (Step.RCPT, Phase.RECIPIENT), (Step.DATA, Phase.DATA)]
)
@pytest.mark.parametrize(
    ("action", "trouble"),
    [
        (Drop(), Trouble.CLOSED),
        (Stall(), Trouble.TIMED_OUT),
        (Flood(), Trouble.GARBAGE),
        (Say("hello there"), Trouble.GARBAGE),
        (Say(b"250-\xff\x00\r\n550 no"), Trouble.GARBAGE),
    ],
    ids=["drop", "stall", "flood", "garbage", "two codes"],
)
def test_a_connection_lost_before_the_dot_has_sent_nothing(
    step: Step, phase: Phase, action: Drop | Stall | Flood | Say, trouble: Trouble, extensions: tuple[str, ...]
) -> None:
    """Whatever breaks before the dot is certainly not sent."""
    with Sink(at(step, action), extensions=extensions) as sink, session(sink, patience(step, action)) as one:
        outcome = one.submit(MAIL, lambda: True)
        assert isinstance(outcome, Lost)
        assert (outcome.phase, outcome.trouble) == (phase, trouble)
        assert not one.usable
    assert sink.mails == []


def test_a_server_that_leaves_during_the_body_has_not_got_the_mail() -> None:
    """A server that hangs up between body and dot never makes an outcome unknown, not even after the intent."""
    intended = threading.Event()

    def hang_up_after_the_intent(moment: Cue) -> Drop | None:
        return Drop() if moment.step is Step.BODY and intended.wait() else None

    def before_dot() -> bool:
        intended.set()
        wait_for_hang_up(one)
        return True

    with Sink(hang_up_after_the_intent) as sink, session(sink) as one:
        outcome = one.submit(MAIL, before_dot)
        assert isinstance(outcome, Lost)
        assert outcome.intended
    assert sink.mails == []


def test_a_refusal_in_the_middle_of_the_body_is_heard() -> None:
    """A server that refuses while the body is on its way is understood, and no intent is asked for."""
    big = replace(MAIL, head=b"x" * 60 + b"\r\n" + b"y" * 30_000_000)
    with Sink(at(Step.BODY, Say("421 4.3.1 disk full")), size_limit=50_000_000) as sink, session(sink) as one:
        outcome = one.submit(big, pytest.fail)
        assert isinstance(outcome, Refused | Lost)
    assert sink.mails == []


@pytest.mark.parametrize("step", [Step.DOT, Step.STORED])
@pytest.mark.parametrize(
    "action",
    [Drop(), Stall(), Flood(), Say("good bye"), Say("354 more?")],
    ids=["drop", "stall", "flood", "garbage", "354"],
)
def test_a_connection_lost_after_the_dot_leaves_the_outcome_unknown(
    step: Step, action: Drop | Stall | Flood | Say
) -> None:
    """After the dot only a clear answer counts; without one nobody knows, whether it was taken or not."""
    with Sink(at(step, action)) as sink, session(sink, patience(step, action)) as one:
        assert isinstance(one.submit(MAIL, lambda: True), Unknown)
        assert not one.usable
        assert len(sink.mails) == (step is Step.STORED)


@pytest.mark.parametrize(
    ("line", "scope"),
    [
        ("451 4.3.0 later", Scope.MESSAGE_LATER),
        ("554 5.6.0 never", Scope.MESSAGE_FAILED),
        ("421 4.3.2 closing", Scope.HOST),
    ],
)
def test_an_answer_to_the_dot_is_final(line: str, scope: Scope) -> None:
    """A refusal of the whole message is certain, even by a server that then hangs up."""
    with Sink(at(Step.DOT, Say(line))) as sink:
        outcome = submit(sink)
        assert isinstance(outcome, Refused)
        assert (outcome.phase, outcome.scope) == (Phase.RESULT, scope)


def test_a_connection_retires_after_a_hundred_mails() -> None:
    """No connection carries more than 100 mails."""
    with Sink() as sink, session(sink) as one:
        count = 0
        while one.usable:
            assert isinstance(one.submit(MAIL, lambda: True), Accepted)
            count += 1
        one.quit()
        assert (count, len(sink.mails), sink.commands[-1]) == (100, 100, "QUIT")


def test_a_multi_line_answer_is_one_reply() -> None:
    """A reply over several lines is read as one."""
    with Sink(at(Step.DOT, Say("550-5.7.1 first\r\n550 5.7.1 second"))) as sink:
        outcome = submit(sink)
        assert isinstance(outcome, Refused)
        assert str(outcome.reply) == "550 5.7.1 first second"


@pytest.mark.parametrize(
    ("message", "offered", "limit", "expected"),
    [
        (replace(MAIL, head=b"x" * 2000), without(), 1000, "552 5.3.4"),
        (replace(MAIL, head="Grüße\r\n".encode()), without("8BITMIME"), 1000, "554 5.6.3"),
        (
            replace(MAIL, recipients=("käufer@example.org",), needs_smtputf8=True),
            without("SMTPUTF8"),
            1000,
            "553 5.6.7",
        ),
        (replace(MAIL, recipients=("a@example.org>\r\nRCPT TO:<b@example.org",)), without(), 1000, "553 5.1.3"),
        (replace(MAIL, copy="a b@example.com"), without(), 1000, "553 5.1.3"),
    ],
    ids=["too large", "8 bit", "SMTPUTF8", "injection", "blank"],
)
def test_what_a_server_cannot_take_is_not_tried(
    message: Message, offered: tuple[str, ...], limit: int, expected: str
) -> None:
    """A mail that cannot be written in this server's SMTP fails without a word on the wire."""
    with Sink(extensions=offered, size_limit=limit) as sink:
        outcome = submit(sink, message)
        assert isinstance(outcome, Refused)
        assert str(outcome.reply).startswith(expected)
        assert [line for line in sink.commands if not line.startswith("EHLO")] == []


def test_what_the_server_offers_is_used() -> None:
    """Size, 8-bit text and non-ASCII addresses are announced to a server that offers them."""
    message = replace(MAIL, head="Grüße\r\n".encode(), recipients=("käufer@example.org",), needs_smtputf8=True)
    with Sink() as sink:
        assert isinstance(submit(sink, message), Accepted)
        assert "MAIL FROM:<shop@example.com> SIZE=9 BODY=8BITMIME SMTPUTF8" in sink.commands
        assert sink.mails[0].recipients == ("käufer@example.org",)


@given(st.lists(st.sampled_from([b".", b"..", b"\r", b"\n", b"\r\n", b"a", b"MAIL FROM:<a@example.org>"])))
def test_no_content_ends_the_message_early(parts: list[bytes]) -> None:
    """Whatever dots and line ends a body holds, it cannot end the message or begin another (CVE-2023-51764)."""
    content = b"".join(parts)
    wire = wire_form(content)
    lines = wire.split(b"\r\n")
    assert lines.pop() == b""
    assert all(b"\r" not in line and b"\n" not in line and line != b"." for line in lines)
    unstuffed = [line.removeprefix(b".") for line in lines]
    plain = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    assert unstuffed == plain.removesuffix(b"\n").split(b"\n")


def test_a_smuggled_dot_is_content() -> None:
    """`\\r.\\r\\n` in a body arrives as text, in one mail."""
    body = b"Subject: x\r\n\r\nfirst\r.\r\nMAIL FROM:<evil@example.org>\n.\n.end\r\n"
    with Sink() as sink:
        assert isinstance(submit(sink, replace(MAIL, head=body)), Accepted)
        (mail,) = sink.mails
        assert mail.content == b"Subject: x\r\n\r\nfirst\r\n.\r\nMAIL FROM:<evil@example.org>\r\n.\r\n.end\r\n"


# --- TLS and login


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an administrator would: the company's authority in SSL_CERT_FILE."""
    file = tmp_path / "authority.pem"
    file.write_bytes(authority.cert_pem.bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(file))


def open_error(sink: Sink, secret: str = SECRET, **settings: str) -> SmtpError:
    with pytest.raises(SmtpError) as caught:
        Session.open(sender(sink, **settings), secret)
    return caught.value


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_an_encrypted_login_works(security: str, tls: ssl.SSLContext) -> None:
    """A mail goes out over STARTTLS and over TLS from the start, after a login with any password."""
    with Sink(tls=tls, implicit_tls=security == "tls", logins={"shop": SECRET}) as sink:
        one = Session.open(sender(sink, security=security, username="shop"), SECRET)
        assert isinstance(one.submit(WITH_COPY, lambda: True), Accepted)
        one.quit()
        assert len(sink.mails) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_an_unknown_certificate_is_refused(security: str, tls: ssl.SSLContext) -> None:
    """A certificate that nobody vouches for ends the connection before the password."""
    with Sink(tls=tls, implicit_tls=security == "tls", logins={"shop": SECRET}) as sink:
        error = open_error(sink, security=security, username="shop")
        assert (error.phase, error.trouble, error.scope) == (Phase.TLS, Trouble.CERTIFICATE, Scope.HOST)
        assert "AUTH ***" not in sink.commands


@pytest.mark.usefixtures("trusted")
def test_a_certificate_for_another_host_is_refused(authority: trustme.CA) -> None:
    """A certificate must be for the host that the sender names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("other.example").configure_cert(context)
    with Sink(tls=context) as sink:
        assert open_error(sink, security="starttls").trouble is Trouble.CERTIFICATE_NAME


def test_starttls_never_falls_back() -> None:
    """Where STARTTLS is asked for and not offered, nothing is sent in the clear."""
    with Sink(logins={"shop": SECRET}) as sink:
        error = open_error(sink, security="starttls", username="shop")
        assert (error.phase, error.trouble) == (Phase.TLS, Trouble.NO_STARTTLS)
        assert [line.split()[0] for line in sink.commands] == ["EHLO"]


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    ("action", "trouble"),
    [
        (Say("454 4.7.0 TLS not available"), Trouble.REFUSED),
        (Say("220 ready\r\n250 injected before the encryption"), Trouble.TLS),
        (Drop(), Trouble.CLOSED),
    ],
    ids=["refused", "injected", "drop"],
)
def test_a_broken_starttls_ends_the_connection(action: Say | Drop, trouble: Trouble, tls: ssl.SSLContext) -> None:
    """A STARTTLS that is refused, tampered with or cut off ends the connection."""
    with Sink(at(Step.STARTTLS, action), tls=tls) as sink:
        error = open_error(sink, security="starttls")
        assert (error.phase, error.scope) == (Phase.TLS, Scope.HOST)
        if trouble is not Trouble.TLS:
            assert error.trouble is trouble


def test_no_password_crosses_a_network_unencrypted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without encryption a password goes to this computer only."""
    with Sink(logins={"shop": SECRET}) as sink:
        Session.open(sender(sink, username="shop"), SECRET).quit()
        sink.commands.clear()
        monkeypatch.setattr(connection, "_is_loopback", lambda address: False)
        error = open_error(sink, username="shop")
        assert (error.trouble, error.scope) == (Trouble.PLAIN_LOGIN, Scope.LOGIN)
        assert "AUTH ***" not in sink.commands


def test_a_wrong_password_is_tried_once_and_never_shown() -> None:
    """A wrong password is one attempt, and neither the error nor its text holds it, even if the server repeats it."""
    with Sink(at(Step.AUTH, Say(f"535 5.7.8 wrong password: {SECRET}")), logins={"shop": "other"}) as sink:
        error = open_error(sink, username="shop")
        assert (error.phase, error.scope) == (Phase.LOGIN, Scope.LOGIN)
        assert sink.commands.count("AUTH ***") == 1
        assert SECRET not in repr(error) + str(error.reply) + error.detail


@pytest.mark.parametrize("deaf", [False, True], ids=["initial response", "challenges only"])
@pytest.mark.parametrize("mechanisms", [("PLAIN",), ("LOGIN",), ("XOAUTH2", "LOGIN", "PLAIN")])
def test_a_login_works_in_every_way_that_we_speak(mechanisms: tuple[str, ...], deaf: bool) -> None:
    """Each answer waits for its question, so that the password never goes out as the user name."""
    with Sink(logins={"shop": SECRET}, mechanisms=mechanisms, deaf=deaf) as sink:
        one = Session.open(sender(sink, username="shop"), SECRET)
        assert isinstance(one.submit(MAIL, lambda: True), Accepted)
        one.quit()


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("step", [Step.AUTH, Step.MAIL, Step.RCPT, Step.DOT])
def test_nothing_that_was_said_to_log_in_is_shown(mechanism: str, step: Step) -> None:
    """Whatever answer repeats the login, whole or in pieces, in clear or encoded, shows `***` instead."""
    texts = [f"\0shop-name\0{SECRET}"] if mechanism == "PLAIN" else ["shop-name", SECRET]
    said = [b64encode(text.encode()).decode() for text in texts]
    echo = f"550-5.7.1 AUTH {mechanism} {' '.join(said)}\r\n550 5.7.1 {said[-1][:12]} {said[-1][8:]} {SECRET} no"
    with Sink(at(step, Say(echo)), logins={"shop-name": SECRET}, mechanisms=(mechanism,)) as sink:
        if step is Step.AUTH:
            shown = repr(open_error(sink, username="shop-name").__dict__)
        else:
            one = Session.open(sender(sink, username="shop-name"), SECRET)
            shown = repr(one.submit(MAIL, lambda: True))
            one.close()
    pieces = {text[:8] for text in (*said, SECRET)} | {text[-8:] for text in (*said, SECRET)}
    assert "***" in shown
    assert [piece for piece in pieces if piece in shown] == []


def test_a_server_without_logins_is_named() -> None:
    """A sender with a user name at a server that takes none is told so."""
    with Sink() as sink:
        assert open_error(sink, username="shop").trouble is Trouble.NO_LOGIN


@pytest.mark.parametrize(
    ("action", "trouble"),
    [
        (Drop(), Trouble.CLOSED),
        (Flood(), Trouble.GARBAGE),
        (Say("SSH-2.0-OpenSSH_9.6"), Trouble.GARBAGE),
        (Say("554 5.7.1 go away"), Trouble.REFUSED),
        (Say("421 too busy"), Trouble.REFUSED),
    ],
    ids=["drop", "flood", "not SMTP", "554", "421"],
)
def test_a_bad_greeting_concerns_the_host(action: Drop | Flood | Say, trouble: Trouble) -> None:
    """A server that greets wrongly is the host's problem, not a mail's."""
    with Sink(at(Step.CONNECT, action)) as sink:
        error = open_error(sink)
        assert (error.phase, error.trouble, error.scope) == (Phase.GREETING, trouble, Scope.HOST)


def test_nobody_listening_is_unreachable() -> None:
    """A closed port is reported as such."""
    sink = Sink()
    with sink:
        pass
    error = open_error(sink)
    assert (error.phase, error.trouble) == (Phase.CONNECT, Trouble.UNREACHABLE)


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b", "x" * 70 + ".example"])
def test_an_unknown_name_is_unresolved(host: str) -> None:
    """A host name that does not exist, or cannot, is reported as such."""
    with Sink() as sink:
        error = open_error(sink, host=host)
        assert (error.phase, error.trouble) == (Phase.RESOLVE, Trouble.UNRESOLVED)


def test_the_script_sees_how_many_mails_were_taken() -> None:
    """A server may close after some mails; the next one is certainly not sent."""

    def after_two(moment: Cue) -> Drop | None:
        return Drop() if moment.step is Step.MAIL and moment.mails == 2 else None

    with Sink(after_two) as sink, session(sink) as one:
        outcomes = [type(one.submit(MAIL, lambda: True)) for _ in range(3)]
        assert outcomes == [Accepted, Accepted, Lost]


def test_mails_are_kept_in_an_mbox(tmp_path: Path) -> None:
    """The mbox holds each mail before the server answers, with `From ` lines quoted."""
    file = tmp_path / "mails.mbox"
    with Sink(at(Step.STORED, Drop()), mbox=file) as sink:
        assert isinstance(submit(sink, replace(MAIL, head=b"Subject: x\r\n\r\nFrom here\r\n")), Unknown)
        assert file.read_bytes().endswith(b"\nSubject: x\n\n>From here\n\n")


def resolving_to(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[int, tuple[object, ...]]) -> None:
    """Let every name have these addresses."""
    answers = [(family, socket.SOCK_STREAM, 6, "", address) for family, address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **named: answers)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port whose connections are never answered, as behind a router that drops them."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = listening.getsockname()[1]
        fillers = []
        for _ in range(4):  # More than its queue holds: whoever comes now waits.
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            fillers.append(filler)
        yield port
        for filler in fillers:
            filler.close()


def test_an_address_that_says_nothing_does_not_hold_up_the_others(
    monkeypatch: pytest.MonkeyPatch, silent_port: int
) -> None:
    """A name with a dead address is reached over its other one, long before the dead one is given up."""
    with Sink() as sink:
        resolving_to(
            monkeypatch,
            (socket.AF_INET6, ("2001:db8::1", 25, 0, 0)),  # No route leads there.
            (socket.AF_INET, ("127.0.0.1", silent_port)),
            (socket.AF_INET, ("127.0.0.1", silent_port)),
            (socket.AF_INET, ("127.0.0.1", sink.port)),
        )
        one = Session.open(sender(sink, host="mail.example.com"), None, Timeouts(connect=3))
        assert isinstance(one.submit(MAIL, lambda: True), Accepted)
        one.quit()


def test_addresses_that_all_fail_tell_the_last_reason(monkeypatch: pytest.MonkeyPatch, silent_port: int) -> None:
    """Refused everywhere is said as such; one that never answered is given up in time."""
    with Sink() as sink:
        closed = sink.port
    gone = (socket.AF_INET, ("127.0.0.1", closed))
    resolving_to(monkeypatch, gone, gone)
    with pytest.raises(SmtpError, match="Connection refused") as caught:
        Session.open(sender(sink), None)
    assert caught.value.trouble is Trouble.UNREACHABLE
    resolving_to(monkeypatch, (socket.AF_INET, ("127.0.0.1", silent_port)), gone)
    with pytest.raises(SmtpError, match="no reply came back") as caught:
        Session.open(sender(sink), None, Timeouts(connect=0.4))
    assert caught.value.trouble is Trouble.TIMED_OUT


def test_a_name_server_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking a name up ends in time, whatever the system's resolver does."""
    answered = threading.Event()

    def late(*arguments: object, **named: object) -> list[object]:
        answered.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", late)
    with Sink() as sink, pytest.raises(SmtpError, match="the name server did not answer") as caught:
        Session.open(sender(sink, host="mail.example.com"), None, Timeouts(connect=0.2))
    answered.set()
    assert (caught.value.phase, caught.value.trouble) == (Phase.RESOLVE, Trouble.UNRESOLVED)


@contextmanager
def saying(*answers: bytes) -> Iterator[Sender]:
    """The sender of a server that says these one by one, a greeting first, and then nothing, nor reads on."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk() -> None:
            client, _ = server.accept()
            with client, client.makefile("rb") as heard:
                for answer in answers:
                    client.sendall(answer)
                    heard.readline()
                over.wait()

        over = threading.Event()
        thread = threading.Thread(target=talk)
        thread.start()
        try:
            yield Sender("main", "Shop <shop@example.com>", "127.0.0.1", server.getsockname()[1], "none")
        finally:
            over.set()
            thread.join()


def stopped_in(phase: Phase) -> Timeouts:
    """All the time in the world, but for a person who ends it in this phase."""
    return Timeouts(*(1e6,) * 5, over=lambda reached: reached is phase)


GREETING, HELLO, YES, GO = b"220 hello\r\n", b"250-hello\r\n250 STARTTLS\r\n", b"250 yes\r\n", b"220 go\r\n"


@pytest.mark.parametrize(
    ("phase", "security", "answers"),
    [
        (Phase.TLS, "tls", []),
        (Phase.GREETING, "none", []),
        (Phase.EHLO, "none", [GREETING]),
        (Phase.TLS, "starttls", [GREETING, HELLO, GO]),
    ],
)
def test_whoever_stops_waits_for_no_connection(phase: Phase, security: str, answers: list[bytes]) -> None:
    """A handshake, a greeting and an answer that do not come are given up at once, however long they may take."""
    with saying(*answers) as to, pytest.raises(SmtpError) as caught:
        Session.open(replace(to, security=security), None, stopped_in(phase))
    assert (caught.value.phase, caught.value.trouble) == (phase, Trouble.GIVEN_UP)


def test_whoever_stops_waits_for_no_name_and_no_address(monkeypatch: pytest.MonkeyPatch, silent_port: int) -> None:
    """A name that is not found and an address that does not answer are given up at once."""

    def opening(phase: Phase) -> SmtpError:
        with pytest.raises(SmtpError) as caught:
            Session.open(Sender("main", "a@example.com", "127.0.0.1", silent_port, "none"), None, stopped_in(phase))
        return caught.value

    assert (opening(Phase.CONNECT).phase, opening(Phase.CONNECT).trouble) == (Phase.CONNECT, Trouble.GIVEN_UP)
    answered = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **named: answered.wait() and [])
    error = opening(Phase.RESOLVE)
    answered.set()
    assert (error.phase, error.trouble) == (Phase.RESOLVE, Trouble.GIVEN_UP)


def test_whoever_stops_waits_for_no_reader() -> None:
    """A large mail that the server stops reading is given up; it lacks its end, so that it is not sent."""
    large = replace(MAIL, head=b"Subject: hello\r\n\r\n" + b"much\r\n" * 4_000_000)
    with saying(GREETING, HELLO, YES, YES, b"354 go on\r\n") as to:
        one = Session.open(to, None, stopped_in(Phase.BODY))
        outcome = one.submit(large, lambda: True)
    assert isinstance(outcome, Lost)
    assert (outcome.phase, outcome.trouble, outcome.intended) == (Phase.BODY, Trouble.GIVEN_UP, False)
