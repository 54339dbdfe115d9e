"""Addresses: which can be written to, and how they are shown (LANGUAGE §6)."""

from __future__ import annotations

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from sendplan.addresses import address_error

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
        validate_email(address, check_deliverability=False)
        expected = None
    except EmailNotValidError as error:
        expected = str(error)
    assert address_error(address) == expected


@pytest.mark.parametrize("address", ["buyer@example.com", "a.b+c@shop.example.org"])
def test_plain_addresses_are_fine(address: str) -> None:
    """Everyday addresses have no error."""
    assert address_error(address) is None
