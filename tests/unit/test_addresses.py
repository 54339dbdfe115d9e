"""Addresses: which can be written to, and how they are shown (docs/commands.md#sendplan-plan)."""

from __future__ import annotations

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from sendplan.addresses import address_error, mailbox, mask_all, names_several

LOCALS = st.text("ab.Z09_+-'\"@ ü", max_size=70)
DOMAINS = st.sampled_from(["example.com", "shop.example.org", "EXAMPLE.net", "localhost", "exämple.com"]) | st.builds(
    lambda labels, top: ".".join([*labels, top]),
    st.lists(
        st.text("abZ09-_ſK", max_size=4) | st.sampled_from(["xn--bcher-kva", "xn--", "a" * 63, "a" * 64]), max_size=4
    ),
    st.sampled_from(["com", "org", "c", "c0m", "COM", "test", "LOCAL", "onion", "xn--p1ai", "", "a" * 64, "ſa"]),
)


@given(LOCALS, DOMAINS)
@example("a" * 64, "example.com")
@example("a" * 65, "example.com")
@example("a.b-c_d+e", "example.com")
@example("a", f"{'b' * 63}.com")
@example("a", f"{'b' * 64}.com")
@example("a", f"example.{'c' * 64}")
@example("a", "example.test\n")
@example("a" * 10, f"{'b' * 60}.{'b' * 60}.{'b' * 60}.{'b' * 60}.com")
def test_an_address_is_judged_by_the_library(local: str, domain: str) -> None:
    """The short cut for plain addresses says what the library says."""
    address = f"{local}@{domain}"
    try:
        validate_email(address, check_deliverability=False, strict=True)
        expected = None
    except EmailNotValidError as error:
        expected = str(error)
    assert address_error(address) == expected


@pytest.mark.parametrize("address", ["buyer@example.com", "a.b+c@shop.example.org"])
def test_plain_addresses_are_fine(address: str) -> None:
    """Everyday addresses have no error."""
    assert address_error(address) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Buyer@Example.COM", "buyer@example.com"),
        ("b@b\u00fccher.example", "b@xn--bcher-kva.example"),
        ("b@B\u00dcCHER.example", "B@bu\u0308cher.example"),
        ("b@XN--BCHER-KVA.example", "b@b\u00fccher.example"),
        ("m\u00fcller@example.com", "MU\u0308LLER@example.com"),
        ("b@b\u00fccher\u3002example", "b@b\u00fccher.example"),
        (" buyer@example.com ", "buyer@example.com"),
    ],
)
def test_spellings_of_one_mailbox(one: str, other: str) -> None:
    """Case, composed letters and the two forms of a domain make no other mailbox."""
    assert mailbox(one) == mailbox(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a@example.com", "b@example.com"),
        ("b@stra\u00dfe.example", "b@strasse.example"),
        ("stra\u00dfe@example.com", "strasse@example.com"),
        ("muller@example.com", "m\u00fcller@example.com"),
    ],
)
def test_different_mailboxes(one: str, other: str) -> None:
    """What mail servers may tell apart stays apart."""
    assert mailbox(one) != mailbox(other)


@given(st.builds("{}@{}".format, LOCALS, DOMAINS) | st.text(max_size=20))
def test_a_mailbox_is_spelled_in_one_way(address: str) -> None:
    """However odd a text, its one spelling is that of itself."""
    assert mailbox(mailbox(address)) == mailbox(address)


@pytest.mark.parametrize("part", ['"\\', '"', "\\", 'a"@', "=?utf-8?q?"])
def test_a_long_text_is_read_once(part: str) -> None:
    """A text that goes on and on is looked at from its start, not again from each of its characters."""
    assert not names_several(part.replace("@", "") * 100_000)
    assert mask_all(part * 100_000)
