"""The example shop's mails, as buyers read them (manual M5b, M9, M19, M20)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache

import pytest
from mail_samples import MODEL, ORDER, SHOP, context, settings, without
from syrupy.assertion import SnapshotAssertion

from sendplan import resources
from sendplan.project import languages
from sendplan.project.settings import Shop
from sendplan.templates import Rendered, Templates
from sendplan.templates.template_source import is_part

FOLDER = resources.shipped() / "templates"
PATHS = sorted(path for path in languages.listing(FOLDER) if not is_part(path))
SPARSE = without(
    *("name", "country", "billing_country", "city", "lines", "items", "tags", "shipping_cost", "shipped"),
    *("total", "paid_amount", "open_amount", "currency", "portal", "email"),
)


@cache
def templates() -> Templates:
    return Templates(FOLDER, settings(FOLDER.parent))


def render(path: str, order: object = None, *, branding: bool = False, shop: Shop = MODEL) -> Rendered:
    language = languages.language_of(path)
    assert language is not None
    shop = replace(shop, branding=branding)
    return templates().render(path, language, context(order or ORDER, shop=shop))  # type: ignore[arg-type]


def test_the_example_templates_have_no_problems() -> None:
    """`check` finds nothing in the shipped templates."""
    assert templates().check() == []


def test_every_template_exists_in_german_and_english() -> None:
    """No buyer gets another mail's wording because a language is missing."""
    assert {path.replace(".de.", ".en.") for path in PATHS if ".de." in path} == {
        path for path in PATHS if ".en." in path
    }


@pytest.mark.parametrize("path", PATHS)
def test_a_mail_as_a_buyer_reads_it(path: str, snapshot: SnapshotAssertion) -> None:
    """Subject and text part of every template for one order."""
    mail = render(path)
    assert f"Subject: {mail.subject}\n\n{mail.text}".replace("\xa0", " ") == snapshot


@pytest.mark.parametrize("path", PATHS)
def test_an_order_with_hardly_any_data_still_gets_its_mail(path: str) -> None:
    """Every optional field is asked for before it is printed, also of the shop."""
    assert render(path, SPARSE).text
    assert render(path, SPARSE, shop=SHOP).text


def test_the_html_part_of_a_mail(snapshot: SnapshotAssertion) -> None:
    """The page of one mail, with its styles inlined."""
    assert render("ebay-de/first-contact.de.md").html == snapshot


@pytest.mark.parametrize(("path", "word"), [("first-contact.de.md", "4,90 €"), ("first-contact.en.md", "€4.90")])
def test_the_first_contact_tells_the_shipping_costs(path: str, word: str) -> None:
    """Shipping costs stand in the first mail where they are known (manual M5b)."""
    assert word in render(path).text.replace("\xa0", " ")
    assert "Versandkosten" not in render(path, without("shipping_cost")).text


@pytest.mark.parametrize("path", PATHS)
def test_the_branding_notice_is_off_unless_switched_on(path: str) -> None:
    """The notice that a service is used only appears with `shop.branding` (manual M9)."""
    assert "sendplan" not in render(path).text + render(path).html
    assert "sendplan" in render(path, branding=True).text
    assert "sendplan" in render(path, branding=True).html


@pytest.mark.parametrize("path", PATHS)
def test_marketing_mails_end_with_the_unsubscribe_link(path: str) -> None:
    """Whoever gets advertising can get rid of it, and no other mail speaks of it."""
    marketing = path.startswith(("cross-selling", "feedback-reminder"))
    assert ("https://shop.example.com/u/" in render(path).text) is marketing


def test_a_mail_adapts_to_the_order() -> None:
    """Conditions inside templates: paid orders are not asked for money (manual M20)."""
    paid = without(paid=date(2026, 8, 12))
    assert "Zahlung haben wir bereits erhalten" in render("first-contact.de.md", paid).text
    assert "Gesamtbetrag" in render("first-contact.de.md", paid).text
    assert "IBAN" not in render("first-contact.de.md", paid).text
    assert "IBAN" in render("first-contact.de.md").text
    assert "10,00" in render("payment-reminder.de.md").text
    assert "keine Zahlung erhalten" in render("payment-reminder.de.md", without("paid_amount")).text


@pytest.mark.parametrize("path", [path for path in PATHS if "dunning" in path or "payment" in path])
def test_a_mail_about_a_payment_names_amount_deadline_and_account(path: str) -> None:
    """Whoever is asked for money reads in one place how much, until when, to whom, and what for."""
    mail = render(path).text.replace("\xa0", " ")
    table = mail[mail.index("Offener Betrag" if ".de." in path else "Amount due") :].split("\n\n")[0]
    wanted: tuple[str, ...] = ("1.244,40 €", "7 Tage") if ".de." in path else ("€1,244.40", "7 days")
    wanted += ("MeinShop GmbH", "DE02 1203 0000 0000 2020 51", "BYLADEM1001", "A-1001")
    assert [each for each in wanted if each not in table] == []


@pytest.mark.parametrize("path", PATHS)
def test_every_mail_ends_with_the_imprint(path: str) -> None:
    """A company's letters name its seat, court and directors, in both parts of each mail."""
    mail = render(path)
    assert "HRB 1234\nGeschäftsführung: Mia Muster\n" in mail.text
    assert "Geschäftsführung: Mia Muster" in mail.html


def test_the_logo_takes_the_place_of_the_name() -> None:
    """A shop with a logo shows it, and its name to whoever sees no pictures."""
    logo = 'src="https://shop.example.com/logo.png" alt="MeinShop"'
    assert logo in render("first-contact.de.md", shop=replace(MODEL, logo="https://shop.example.com/logo.png")).html
    assert "<img" not in render("first-contact.de.md").html
