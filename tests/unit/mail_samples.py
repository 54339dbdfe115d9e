"""A shop, its accounts and orders for the tests of mails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from sendplan.calendar import Calendar
from sendplan.deciding.facts import Facts
from sendplan.expressions import ParamValue
from sendplan.fields import FieldType, with_own
from sendplan.project.settings import Account, Languages, Sender, Settings, Shop
from sendplan.templates import Context
from sendplan.units import Duration, Unit

SHOP = Shop("MeinShop", "Europe/Berlin", "DE", unsubscribe=("https://shop.example.com/u/{token}",))
MODEL = replace(
    SHOP,
    bank={"name": "MeinShop GmbH", "iban": "DE02 1203 0000 0000 2020 51", "bic": "BYLADEM1001"},
    imprint=("MeinShop GmbH, Musterweg 1, 50667 Köln", "Amtsgericht Köln, HRB 1234", "Geschäftsführung: Mia Muster"),
)
"""The shop with everything that a mail may show of it."""
SENDER = Sender("main", "MeinShop-Team <meinshop@example.com>", "smtp.example.com", 587, "starttls")
PARAMS: dict[str, ParamValue] = {
    "wait": Duration(7, Unit.DAYS),
    "fee": Decimal("5.00"),
    "home": "https://shop.example.com",
    "dunning_interval": Duration(7, Unit.DAYS),
    "checkout_page": "https://shop.example.com/purchases",
    "feedback_page": "https://shop.example.com/feedback",
    "shop_page": "https://shop.example.com",
}
ACCOUNT = Account("ebay-de", "ebay", "main", params=PARAMS)
SETTINGS = Settings(
    folder=Path(),
    shop=SHOP,
    calendar=Calendar(ZoneInfo("Europe/Berlin"), "DE"),
    store="sqlite:///var/shop.db",
    languages=Languages("en", {"DE": "de"}),
    params=PARAMS,
    senders={"main": SENDER},
    accounts={"ebay-de": ACCOUNT},
    regions=(),
    classes={},
    windows={},
    holds=(),
    fields=with_own({"loyalty": FieldType.TEXT, "weight": FieldType.DECIMAL}),
)

ORDER: Mapping[str, object] = {
    "id": "2024/17",
    "account": "ebay-de",
    "portal": "ebay",
    "number": "A-1001",
    "email": "buyer@example.net",
    "name": "Jörg Käufer",
    "country": "CH",
    "billing_country": "CH",
    "city": "Zürich",
    "items": 3,
    "tags": ("wholesale", "gift"),
    "lines": (
        {"name": "Becher „Möwe“", "sku": "M-1", "quantity": 2, "price": "7.50"},
        {"sku": "T-9", "quantity": 1, "price": Decimal("1234.5")},
    ),
    "total": Decimal("1254.40"),
    "paid_amount": Decimal("10.00"),
    "open_amount": Decimal("1244.40"),
    "shipping_cost": Decimal("4.90"),
    "currency": "EUR",
    "ordered": datetime(2026, 8, 11, 22, 30, tzinfo=UTC),
    "shipped": date(2026, 8, 13),
    "parked": False,
}


TOKEN = "tOken-1_"
"""Stands for `{token}` in links to unsubscribe."""


def context(order: Mapping[str, object] = ORDER, *, shop: Shop = SHOP, step: str | None = None) -> Context:
    """A message about an order."""
    facts = Facts(str(order["id"]), ACCOUNT.name, 1, order)  # type: ignore[arg-type]
    return Context(facts, shop, ACCOUNT, SENDER, "first-contact", "Erstkontakt", step, TOKEN)


def without(*names: str, **changes: object) -> Mapping[str, object]:
    """The order without some fields and with others changed."""
    return {name: value for name, value in {**ORDER, **changes}.items() if name not in names}


def settings(folder: Path, **changes: object) -> Settings:
    """The shop's settings for a project in this folder."""
    return replace(SETTINGS, folder=folder, **changes)  # type: ignore[arg-type]
