"""What a mail to the shop reports, in the words of many servers."""

from __future__ import annotations

import re
from email.message import Message
from pathlib import Path

import pytest
from flufl.bounce import all_failures
from hypothesis import given
from hypothesis import strategies as st

from sendplan.ledger import BounceKind
from sendplan.mail.bounces import Incoming, read_mail

FOLDER = Path(__file__).parents[3] / "fixtures" / "bounces"
ID, BUYER = "0123456789abcdef" * 2, "b.uyer@example.net"


def mail(name: str, buyer: str = BUYER) -> bytes:
    text = (FOLDER / f"{name}.eml").read_text(encoding="utf-8")
    return text.replace("@ID@", ID).replace("@TO@", buyer).replace("\n", "\r\n").encode()


def names(prefix: str, *, without: bool = False) -> list[str]:
    prefixes = ("soft-", "other-")
    found = sorted(path.stem for path in FOLDER.glob("*.eml"))
    return [each for each in found if (not each.startswith(prefixes) if without else each.startswith(prefix))]


@pytest.mark.parametrize("name", names("", without=True))
def test_an_address_that_does_not_exist(name: str) -> None:
    """Postfix, Exim, Exchange, Gmail, GMX and Yahoo say it in their own ways: address, message and reason are found."""
    incoming = read_mail(mail(name))
    (failure,) = incoming.failures
    assert failure.kind is BounceKind.HARD
    assert BUYER in failure.addresses
    assert incoming.digests[0] == ID
    assert failure.diagnosis
    assert BUYER not in failure.diagnosis


@pytest.mark.parametrize("name", names("soft-"))
def test_what_says_nothing_against_the_address(name: str) -> None:
    """A full mailbox, a delay and a filter are soft: another mail may get there."""
    incoming = read_mail(mail(name))
    assert [each.kind for each in incoming.failures] == [BounceKind.SOFT]
    assert incoming.digests[0] == ID


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        ("5.0.0", "connect to mx.example.net: Connection timed out", BounceKind.SOFT),
        ("5.0.0", "554 transaction failed", BounceKind.SOFT),
        ("5.0.0", "554 message content rejected", BounceKind.SOFT),
        ("5.0.0", "554 relay access denied", BounceKind.SOFT),
        ("5.1.0", "550 5.1.0 sender rejected: unknown", BounceKind.SOFT),
        ("5.5.0", "550 5.5.0 authentication required", BounceKind.SOFT),
        ("5.2.1", "450 4.2.1 receiving mail at a rate that is too high", BounceKind.SOFT),
        ("5.0.0", "550 user unknown", BounceKind.HARD),
        ("5.2.1", "550 5.2.1 account disabled", BounceKind.HARD),
        ("5.4.1", "550 5.4.1 Recipient address rejected: Access denied. AS(201806281)", BounceKind.HARD),
    ],
)
def test_a_status_that_means_much_is_read_by_its_words(status: str, said: str, kind: BounceKind) -> None:
    """Only words about the address suppress it where servers use one status for many things."""
    text = mail("postfix").decode()
    text = re.sub(r"Status: [^\r\n]*", f"Status: {status}", text)
    text = re.sub(r"Diagnostic-Code: [^\r\n]*(?:\r\n [^\r\n]*)*", f"Diagnostic-Code: smtp; {said}", text)
    assert [each.kind for each in read_mail(text.encode()).failures] == [kind]


@pytest.mark.parametrize("buyer", [BUYER, "postmaster@example.net"])
@pytest.mark.parametrize("name", names("other-"))
def test_what_is_no_bounce(name: str, buyer: str) -> None:
    """Vacation and out-of-office replies, receipts and people who quote a bounce never count, whoever writes them."""
    incoming = read_mail(mail(name, buyer))
    assert incoming == Incoming(tokens=incoming.tokens)


def test_a_bounce_to_an_address_that_names_the_message() -> None:
    """Where the report holds no part of the mail, the address that it came to says which one it was (VERP)."""
    text = mail("postfix").split(b"--4D0F01C0021.1787565605/mail.example.com\r\nContent-Description: Undelivered")[0]
    text = text.replace(b"To: bounces@example.com", f"To: bounces+{ID}@example.com".encode())
    assert read_mail(text).digests == (ID,)


def test_several_recipients_in_one_report() -> None:
    """Each recipient has its own outcome."""
    more = b"\r\nFinal-Recipient: rfc822; copy@example.org\r\nAction: failed\r\nStatus: 5.2.2\r\n\r\n--4D0F01C0021"
    text = mail("postfix")
    first, second = text.split(b"mailbox table\r\n\r\n--4D0F01C0021", 1)
    kinds = [each.kind for each in read_mail(first + b"mailbox table\r\n" + more + second).failures]
    assert kinds == [BounceKind.HARD, BounceKind.SOFT]


def test_a_wish_to_unsubscribe_is_the_subject_or_the_recipient() -> None:
    """A token counts where the link puts it, and not in a reply that quotes the mail."""
    token = "aB3_" * 12
    head = f"From: {BUYER}\r\nTo: shop@example.com\r\nSubject: {{}}\r\n\r\n"
    assert token in read_mail(head.format(f"unsubscribe {token}").encode()).tokens
    assert read_mail(f"{head.format('Re: Angebot')}> https://shop.example.com/u/{token}\r\n".encode()).tokens == ()


@given(st.binary(max_size=400), st.sampled_from([b"", b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n"]))
def test_nothing_is_raised_for_what_somebody_made_up(said: bytes, before: bytes) -> None:
    """Any bytes are read as a mail that says nothing, or something."""
    read_mail(before + said)


def test_a_header_that_is_no_ascii_is_read_like_another(capfd: pytest.CaptureFixture[str]) -> None:
    """A mail server that writes its name in Latin-1 bounces all the same, and nothing is printed about it."""
    head = b"From: MAILER-DAEMON \xfc <mailer-daemon@example.net>\nX-Failed-Recipients: b1@example.net"
    raw = head + b"\n\nb1@example.net gone\n"
    assert [each.addresses for each in read_mail(raw).failures] == [("b1@example.net",)]
    assert capfd.readouterr() == ("", "")


def test_no_line_is_longer_than_a_mails_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line of 200,000 characters costs no more than as many characters in lines, and what follows it is read."""
    looked_at: list[str] = []

    def look(mail: Message) -> tuple[set[bytes], set[bytes]]:
        looked_at.extend(str(mail.get_payload()).splitlines())
        return all_failures(mail)  # type: ignore[no-any-return]

    monkeypatch.setattr("flufl.bounce.all_failures", look)
    head = b"From: MAILER-DAEMON <mailer-daemon@example.net>\nX-Failed-Recipients: b1@example.net\n\n"
    (failure,) = read_mail(head + b"@" * 200_000 + b"\nb1@example.net gone\n").failures
    assert failure.addresses == ("b1@example.net",)
    assert max(map(len, looked_at)) <= 1_000
