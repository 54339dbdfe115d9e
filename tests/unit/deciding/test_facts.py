"""An order as a decision sees it: defaults, derived fields and time travel (docs/project.md#orders)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from small_projects import SETTINGS, loaded, write_project

from sendplan.deciding.facts import facts_of
from sendplan.fields import Value
from sendplan.project.settings import Settings

OWN = "fields: {loyalty: text, warranty_ends: moment, vip: flag, codes: list}\n"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A shop in Berlin with fields of its own."""
    return loaded(write_project(tmp_path_factory.mktemp("shop"), "rules: []\n", settings=SETTINGS + OWN)).settings


def values(settings: Settings, *, at: str | None = None, **given: Any) -> Mapping[str, Value] | None:
    """The order's fields as they looked at a local time, or as they are."""
    stored = {"id": "E1", "account": "web", "ordered": date(2026, 8, 11), **given}
    hide_after = settings.calendar.parse(at) if at else None
    facts = facts_of(stored, settings, version=3, hide_after=hide_after)
    return None if facts is None else facts.values


def test_defaults(settings: Settings) -> None:
    """What is absent is filled from the account and from other fields."""
    assert values(settings, email="b@example.com", country="DE") == {
        "id": "E1",
        "account": "web",
        "ordered": date(2026, 8, 11),
        "email": "b@example.com",
        "country": "DE",
        "portal": "shop",
        "number": "E1",
        "customer": "web b@example.com",
        "billing_country": "DE",
        "payment_due": date(2026, 8, 11),
        "tags": (),
        "parked": False,
        "disputed": False,
        "consent": False,
        "vip": False,
    }


def test_what_is_there_wins_over_defaults(settings: Settings) -> None:
    """A default never replaces a value."""
    given: dict[str, Any] = {
        "email": "b@example.com",
        "country": "DE",
        "portal": "ebay",
        "number": "2026/17",
        "customer": "K1",
        "billing_country": "CH",
        "payment_due": date(2026, 8, 25),
        "tags": ("wholesale",),
        "parked": True,
        "vip": True,
    }
    found = values(settings, **given)
    assert found is not None
    assert {name: found[name] for name in given} == given


def test_no_default_without_its_source(settings: Settings) -> None:
    """Without an address there is no customer, without a country no billing country."""
    found = values(settings)
    assert found is not None
    assert not {"customer", "billing_country", "codes", "loyalty"} & set(found)


@pytest.mark.parametrize(
    ("given", "open_amount"),
    [
        ({"total": "20.00"}, "20.00"),
        ({"total": "20.00", "paid_amount": "5.00"}, "15.00"),
        ({"total": "20.00", "credited": "2.50"}, "17.50"),
        ({"total": "20.00", "paid_amount": "5.00", "credited": "2.50"}, "12.50"),
        ({"total": "20.00", "paid_amount": "25.00"}, "0"),
        ({"total": "20.00", "paid": date(2026, 8, 12)}, "0"),
        ({"total": "20.00", "paid": date(2026, 8, 12), "paid_amount": "5.00"}, "0"),
        ({"total": "20.00", "paid": date(2026, 8, 12), "paid_amount": "0"}, "0"),
        ({"paid": date(2026, 8, 12)}, "0"),
        ({"paid_amount": "5.00"}, None),
        ({"paid": date(2026, 8, 12), "paid_amount": "5.00"}, "0"),
    ],
)
def test_open_amount(settings: Settings, given: dict[str, Any], open_amount: str | None) -> None:
    """What is still to be paid: nothing when paid in full, else the total less what was paid and credited."""
    exact: dict[str, Any] = {name: Decimal(value) if isinstance(value, str) else value for name, value in given.items()}
    found = values(settings, **exact)
    assert found is not None
    assert found.get("open_amount") == (None if open_amount is None else Decimal(open_amount))


EVENTS = [
    "checkout_completed",
    "paid",
    "shipped",
    "delivered",
    "seller_feedback",
    "buyer_feedback",
    "cancelled",
    "returned",
]


@pytest.mark.parametrize("event", EVENTS)
def test_later_events_are_hidden(settings: Settings, event: str) -> None:
    """With the clock set back, what had not happened yet is absent; at its very moment it has happened."""
    at = datetime(2026, 8, 20, 12, tzinfo=UTC)
    seen = [values(settings, at=clock, **{event: at}) for clock in ("2026-08-20T13:59:59", "2026-08-20T14:00", None)]
    assert [event in each for each in seen if each is not None] == [False, True, True]


def test_a_bare_date_is_hidden_until_its_day_begins(settings: Settings) -> None:
    """A day begins at midnight in the shop's zone."""
    assert "paid" not in (values(settings, at="2026-08-19T23:59:59", paid=date(2026, 8, 20)) or {})
    assert "paid" in (values(settings, at="2026-08-20T00:00", paid=date(2026, 8, 20)) or {})


def test_the_amount_paid_is_hidden_with_the_payment(settings: Settings) -> None:
    """Before the payment the amount was still open; an amount that no payment dates stays."""
    paid = {"total": Decimal(20), "paid": date(2026, 8, 20), "paid_amount": Decimal(20)}
    before, after = values(settings, at="2026-08-19", **paid), values(settings, at="2026-08-21", **paid)
    assert before is not None
    assert after is not None
    assert ("paid_amount" in before, before["open_amount"]) == (False, Decimal(20))
    assert ("paid_amount" in after, after["open_amount"]) == (True, Decimal(0))
    part = values(settings, at="2026-08-12", total=Decimal(20), paid_amount=Decimal(5))
    assert part is not None
    assert part["open_amount"] == Decimal(15)


def test_an_order_is_hidden_before_it_was_placed(settings: Settings) -> None:
    """Nobody sees an order before its `ordered`."""
    assert values(settings, at="2026-08-10T23:59:59") is None
    assert values(settings, at="2026-08-11T00:00") is not None


def test_what_is_never_hidden(settings: Settings) -> None:
    """Own moments, the payment's due date and flags are as they are, whatever the clock."""
    given = {"warranty_ends": date(2028, 8, 11), "payment_due": date(2026, 9, 1), "parked": True, "vip": True}
    found = values(settings, at="2026-08-12", **given)
    assert found is not None
    assert {name: found[name] for name in given} == given


def test_nothing_is_hidden_at_the_real_clock(settings: Settings) -> None:
    """Without time travel even a future date is there, such as an announced delivery."""
    assert "delivered" in (values(settings, delivered=date(2999, 1, 1)) or {})


def test_the_stored_order_is_left_alone(settings: Settings) -> None:
    """Looking at an order does not change it."""
    stored: dict[str, Value] = {"id": "E1", "account": "web", "ordered": date(2026, 8, 11), "paid": date(2026, 9, 1)}
    before = dict(stored)
    facts = facts_of(stored, settings, version=3, hide_after=datetime(2026, 8, 12, tzinfo=UTC))
    assert stored == before
    assert facts is not None
    assert (facts.id, facts.account, facts.version) == ("E1", "web", 3)


def test_an_account_that_is_gone(settings: Settings) -> None:
    """An order of an account that is no longer in the settings can still be looked at."""
    found = values(settings, account="old")
    assert found is not None
    assert "portal" not in found
