"""The bytes of a mail: headers, envelope, encodings (docs/sending.md#the-mail-itself; manual M1, M2, M4)."""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import settings as budget
from hypothesis import strategies as st
from mail_samples import ACCOUNT, SENDER
from syrupy.assertion import SnapshotAssertion

from sendplan.ledger import message_digest
from sendplan.mail.message import Message, MessageError, build, mailbox
from sendplan.project.settings import BounceMailbox
from sendplan.templates import Rendered

NOW = datetime(2026, 8, 24, 9, 30, tzinfo=timezone(timedelta(hours=2)))
RENDERED = Rendered("Ihre Bestellung A-1001", "Hallo\n", "<p>Hallo</p>\n", "de")


def built(rendered: Rendered = RENDERED, **changes: Any) -> Message:
    arguments: dict[str, Any] = {
        "digest": message_digest("secret", "2024/17", ("first-contact", "")),
        "sender": SENDER,
        "account": ACCOUNT,
        "to": "buyer@example.net",
        "to_name": None,
        "unsubscribe": (),
        "now": NOW,
    }
    return build(rendered, **{**arguments, **changes})


def parsed(message: Message) -> EmailMessage:
    result = email.message_from_bytes(message.bytes, policy=email.policy.default)
    assert isinstance(result, EmailMessage)
    return result


def part(message: Message, subtype: str) -> str:
    body = parsed(message).get_body((subtype,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def test_a_mail_as_it_leaves(snapshot: SnapshotAssertion) -> None:
    """A whole mail of the marketing class, byte for byte."""
    rendered = Rendered(
        "Grüße aus dem Laden: passend zu Ihrer Bestellung A-1001 haben wir noch etwas gefunden",
        "Guten Tag Jörg,\n\nalles bereit. 1 + 1 = 2\n",
        "<html><body><p>Guten Tag Jörg,</p></body></html>\n",
        "de",
    )
    message = built(
        rendered,
        account=replace(ACCOUNT, reply_to="Service, MeinShop <service@example.org>"),
        to_name="Jörg Käufer",
        unsubscribe=("https://shop.example.com/u/4b8f",),
    )
    assert message.bytes.decode().replace("\r\n", "\n") == snapshot


def test_the_envelope() -> None:
    """The buyer is the only recipient unless a copy is asked for."""
    message = built()
    assert message.envelope_from == "meinshop@example.com"
    assert message.recipients == ("buyer@example.net",)
    assert message.copy is None
    assert not message.needs_smtputf8


@pytest.mark.parametrize(
    ("sender_copy", "account_copy", "expected"),
    [
        ("self", None, "meinshop@example.com"),
        ("archive@example.org", None, "archive@example.org"),
        ("self", "archive@example.org", "archive@example.org"),
        (None, "self", "meinshop@example.com"),
        ("buyer@example.net", None, None),
        (None, None, None),
    ],
)
def test_copies_to_me(sender_copy: str | None, account_copy: str | None, expected: str | None) -> None:
    """A copy goes to the named address or, with `self`, to the From address; nobody gets a mail twice."""
    message = built(sender=replace(SENDER, copy_to=sender_copy), account=replace(ACCOUNT, copy_to=account_copy))
    assert message.copy == expected


def test_an_account_overrides_the_sender() -> None:
    """`from` and `reply_to` of the portal account win over the sender's."""
    account = replace(ACCOUNT, from_="Andere <andere@example.org>", reply_to="antwort@example.org", copy_to="self")
    message = built(account=account, sender=replace(SENDER, reply_to="nein@example.org"))
    assert parsed(message)["From"] == "Andere <andere@example.org>"
    assert parsed(message)["Reply-To"] == "antwort@example.org"
    assert message.envelope_from == message.copy == "andere@example.org"
    assert message.message_id.endswith("@example.org>")


def test_a_rehearsal_reaches_nobody_else() -> None:
    """Under `redirect` the only recipient is the given address; the buyer's stays in X-Original-To."""
    message = built(redirect="staging@example.com", sender=replace(SENDER, copy_to="archive@example.org"))
    assert message.recipients == ("staging@example.com",)
    assert message.copy is None
    assert parsed(message)["To"] == "staging@example.com"
    assert parsed(message)["X-Original-To"] == "buyer@example.net"
    assert b"archive@example.org" not in message.bytes


def test_a_repeat_keeps_its_message_id() -> None:
    """The Message-ID comes from the message and the store's secret alone, so that a repeat is recognised."""
    first = built()
    assert built(now=NOW + timedelta(days=1)).message_id == first.message_id
    for secret, order in (("secret", "2024/18"), ("another", "2024/17")):
        digest = message_digest(secret, order, ("first-contact", ""))
        assert built(digest=digest).message_id != first.message_id
    assert re.fullmatch(r"<[0-9a-f]{32}@example\.com>", first.message_id)
    assert parsed(first)["Message-ID"] == first.message_id


def test_a_rehearsal_has_a_message_id_of_its_own() -> None:
    """Nobody's mail program takes a rehearsal for the mail, nor one rehearsal for another."""
    ids = {built().message_id, built(rehearsal=True).message_id, built(rehearsal=True).message_id}
    assert len(ids) == 3
    assert parsed(built(rehearsal=True))["Message-ID"] not in ids


@pytest.mark.parametrize(
    ("link", "post"),
    [("https://shop.example.com/u/1", "List-Unsubscribe=One-Click"), ("mailto:u@example.com?subject=1", None)],
)
def test_marketing_mail_can_be_unsubscribed_from(link: str, post: str | None) -> None:
    """The unsubscribe link stands in its header, and works with one click where it is a web address."""
    message = parsed(built(unsubscribe=(link,)))
    assert message["List-Unsubscribe"] == f"<{link}>"
    assert message["List-Unsubscribe-Post"] == post
    assert parsed(built())["List-Unsubscribe"] is None


def test_both_ways_to_unsubscribe_stand_in_the_header() -> None:
    """A program that cannot open web addresses writes a mail instead."""
    message = parsed(built(unsubscribe=("https://shop.example.com/u/1", "mailto:u@example.com?subject=1")))
    assert message["List-Unsubscribe"] == "<https://shop.example.com/u/1>, <mailto:u@example.com?subject=1>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


@pytest.mark.parametrize(
    "link", ["javascript:x", "https://a b", "https://x>,<https://evil.example", "https://ü.example"]
)
def test_a_broken_unsubscribe_link_is_refused(link: str) -> None:
    """What is no web or mail address cannot become the unsubscribe header."""
    with pytest.raises(MessageError):
        built(unsubscribe=(link,))


CONTROLS = ["\n", "\r", "\r\n", "\x00", "\t", "\x1b", "\x7f", "\x85", "\u2028", "\u2029", "\ud800"]


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("place", ["subject", "to", "from", "reply_to", "unsubscribe", "redirect", "copy_to"])
def test_no_value_can_end_its_header(place: str, control: str) -> None:
    """Line ends and control characters are refused in every header, not silently dropped."""
    evil = f"a{control}Bcc: victim@example.org"
    address = f"a{control}@example.org"
    changes: dict[str, dict[str, Any]] = {
        "subject": {"rendered": replace(RENDERED, subject=evil)},
        "to": {"to": address},
        "from": {"sender": replace(SENDER, from_=f"{evil} <a@example.com>")},
        "reply_to": {"account": replace(ACCOUNT, reply_to=address)},
        "unsubscribe": {"unsubscribe": (f"https://example.com/{evil}",)},
        "redirect": {"redirect": address},
        "copy_to": {"sender": replace(SENDER, copy_to=address)},
    }
    with pytest.raises(MessageError):
        built(**changes[place])


@pytest.mark.parametrize(
    "value",
    [
        "=?UTF-8?Q?=0A?=Bcc: victim@example.org",
        "Grüße =?utf-8?b?Cg==?=",
        "=?utf-8?q?open",
        "x=?=?=y",
    ],
)
def test_encoded_word_lookalikes_are_refused(value: str) -> None:
    """A subject that a mail program would decode into something else does not leave (CVE-2024-6923)."""
    with pytest.raises(MessageError, match="encoded word"):
        built(replace(RENDERED, subject=value))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("=?UTF-8?Q?x?=", ""),
        ("Mia =?UTF-8?Q?=0A?=Bcc: victim@example.org", "Mia Bcc: victim@example.org"),
        ("=?utf-8?q?open", "open"),
        ("=?=?utf-8?q?x?=?utf-8?q?y?=", ""),
        ("Mia\tMuster", "Mia Muster"),
        ("\nMia\r\n  Muster\x00\u2028", "Mia Muster"),
        ("\ud83d", ""),
    ],
)
def test_a_strange_name_keeps_nobody_from_their_mail(name: str, shown: str) -> None:
    """A buyer's name is cleaned, or left out, where a header could not hold it; the mail leaves."""
    message = parsed(built(to_name=name))
    (address,) = message["To"].addresses
    assert (address.display_name, address.addr_spec) == (shown, "buyer@example.net")
    assert message["Bcc"] is None


@pytest.mark.parametrize("control", CONTROLS)
def test_no_name_can_end_its_header(control: str) -> None:
    """A control character in a buyer's name becomes a blank."""
    message = parsed(built(to_name=f"a{control}Bcc: victim@example.org"))
    assert (message["Bcc"], message["To"].addresses[0].display_name) == (None, "a Bcc: victim@example.org")


def test_an_error_does_not_repeat_the_value() -> None:
    """Messages about a header go to logs, so they hold neither addresses nor what a buyer typed."""
    with pytest.raises(MessageError) as caught:
        built(replace(RENDERED, subject="Geheim\n"))
    assert "Geheim" not in str(caught.value)


def test_international_domains_become_ascii() -> None:
    """A domain with umlauts is written in its ASCII form, in the envelope and in the headers."""
    message = built(to="buyer@bücher.example", sender=replace(SENDER, from_="Laden <laden@straße.example>"))
    assert message.recipients == ("buyer@xn--bcher-kva.example",)
    assert message.envelope_from == "laden@xn--strae-oqa.example"
    assert parsed(message)["To"] == "buyer@xn--bcher-kva.example"
    assert message.bytes.isascii()
    assert not message.needs_smtputf8


def test_a_local_part_with_umlauts_needs_smtputf8() -> None:
    """Such an address cannot be written in ASCII, and the message says so."""
    message = built(to="jörg@example.net")
    assert message.needs_smtputf8
    assert message.recipients == ("jörg@example.net",)
    assert "To: jörg@example.net\r\n".encode() in message.bytes
    assert built(sender=replace(SENDER, copy_to="jörg@example.net")).needs_smtputf8


@pytest.mark.parametrize(
    "address",
    ["", "a", "a@", "@b", "a b@example.com", "a@b@example.com", "a,b@example.com", "a@exa mple.com", "a@-", "<a>@b"],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    """Nothing that could name a second recipient or an SMTP parameter gets into the envelope."""
    with pytest.raises(MessageError):
        built(to=address)


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("a@example.com", "", "a@example.com"),
        ("Max/MeinShop <a@example.com>", "Max/MeinShop", "a@example.com"),
        ('"Müller, Meier" <a@example.com>', "Müller, Meier", "a@example.com"),
        ("Müller, Meier & Co. <a@example.com>", "Müller, Meier & Co.", "a@example.com"),
        (r'"say \"hi\"" <a@example.com>', 'say "hi"', "a@example.com"),
    ],
)
def test_senders_are_written_as_people_write_them(text: str, name: str, address: str) -> None:
    """A name needs no quotes in the settings, whatever it holds."""
    assert (mailbox(text).name, mailbox(text).address) == (name, address)


HEADER_TEXT = st.text(
    alphabet=st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")) | st.sampled_from('abc  ="?_,;<>@\\().äß漢€'),
    max_size=120,
).map(lambda text: re.sub(" +", " ", text).strip())


@budget(max_examples=60)
@given(HEADER_TEXT)
def test_every_subject_arrives_as_it_was_written(subject: str) -> None:
    """Whatever the characters, a mail program reads the same subject, on lines that every server takes."""
    assume("=?" not in subject)
    message = built(replace(RENDERED, subject=subject))
    assert (parsed(message)["Subject"] or "") == subject
    assert max(map(len, message.bytes.split(b"\r\n"))) <= 998


@budget(max_examples=60)
@given(HEADER_TEXT)
def test_every_name_arrives_as_it_was_written(name: str) -> None:
    """A buyer's name keeps its commas, quotes and umlauts, and never becomes a second address."""
    assume("=?" not in name)
    (address,) = parsed(built(to_name=name))["To"].addresses
    assert address.addr_spec == "buyer@example.net"
    # Python's parser takes a no-break space for a blank and drops some, so blanks are left out of the comparison.
    assert "".join(address.display_name.split()) == "".join(name.split())


BODY = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\n\r.= \tä漢-_"), max_size=300)


@budget(max_examples=60)
@given(BODY, BODY)
def test_every_body_arrives_as_it_was_written(text: str, html: str) -> None:
    """Both parts come back equal but for the kind of line end; no bare CR or LF and no overlong line leaves."""
    message = built(replace(RENDERED, text=text, html=html))
    for subtype, body in (("plain", text), ("html", html)):
        assert part(message, subtype) == re.sub("\r\n|\r", "\n", body)
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", message.bytes)
    assert max(map(len, message.bytes.split(b"\r\n"))) <= 998


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("plain ASCII\n", "7bit"),
        ("x" * 999, "quoted-printable"),
        ("Grüße aus Köln\n", "quoted-printable"),
        ("Здравствуйте, спасибо за заказ\n", "base64"),
        ("a\x00b\n", "quoted-printable"),
    ],
)
def test_the_encoding_fits_the_text(text: str, encoding: str) -> None:
    """Plain text stays readable in the source, other scripts stay small, and everything is plain ASCII on the way."""
    message = built(replace(RENDERED, text=text))
    body = parsed(message).get_body(("plain",))
    assert body is not None
    assert body["Content-Transfer-Encoding"] == encoding
    assert message.bytes.isascii()


def test_a_dot_between_odd_line_ends_cannot_end_the_message() -> None:
    """`\\r.\\r\\n` in a body leaves as ordinary lines, which SMTP's dot-stuffing covers (CVE-2023-51764)."""
    message = built(replace(RENDERED, text="a\r.\r\nMAIL FROM:<x@example.com>\n.\r\nä"))
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", message.bytes)
    assert part(message, "plain") == "a\n.\nMAIL FROM:<x@example.com>\n.\nä"


def test_a_buyer_who_guesses_the_boundary_adds_no_part() -> None:
    """The line that separates the parts has no power inside a part."""
    boundary = parsed(built()).get_boundary()
    message = built(
        replace(RENDERED, text=f"a\n--{boundary}\nContent-Type: text/html\n\n<b>evil</b>\n--{boundary}--\n")
    )
    assert [each.get_content_type() for each in parsed(message).iter_parts()] == ["text/plain", "text/html"]
    assert part(message, "html") == "<p>Hallo</p>\n"


def test_the_date_is_the_time_of_sending() -> None:
    """`Date` is the plan's clock, with its offset."""
    assert parsed(built())["Date"] == "Mon, 24 Aug 2026 09:30:00 +0200"
    assert parsed(built(now=NOW.astimezone(UTC)))["Date"] == "Mon, 24 Aug 2026 07:30:00 +0000"


def test_a_bounce_goes_where_the_sender_says() -> None:
    """The envelope sender is `bounce_to`; where the mailbox takes plus-addresses it names the message."""
    sender = replace(SENDER, bounce_to="bounces@example.com")
    assert built(sender=sender).envelope_from == "bounces@example.com"
    assert parsed(built(sender=sender))["From"] == parsed(built())["From"]
    box = BounceMailbox("imap.example.com", "bounces@example.com", None, plus_addresses=True)
    message = built(sender=replace(sender, mailbox=box))
    digest = message.message_id[1:33]
    assert message.envelope_from == f"bounces+{digest}@example.com"
    long = replace(sender, mailbox=box, bounce_to=f"{'b' * 40}@example.com")
    assert built(sender=long).envelope_from == f"{'b' * 40}@example.com"
