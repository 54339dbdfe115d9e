"""`sendplan test --from-order`: a real order becomes a scenario that passes and names nobody."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sendplan import cli
from sendplan.fields import Value
from sendplan.problems import UserError
from sendplan.project import project
from sendplan.project.project import Project
from sendplan.scenarios import play
from sendplan.scenarios.from_order import scenario_from_order
from sendplan.scenarios.play import Scenario, ScenarioResult
from sendplan.store.memory import MemoryOrders

ROOT = Path(__file__).parents[3]
LATE = datetime(2026, 10, 1, 7, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def shop() -> Project:
    loaded, _ = project.load(ROOT)
    assert loaded is not None
    return loaded


def recorded(shop: Project, now: datetime = LATE, **fields: Value) -> str:
    order: dict[str, Value] = {
        "id": "E1",
        "account": "ebay-de",
        "email": "ilse.muster@example.net",
        "country": "DE",
        "postcode": "53111",
        "street": "Hauptstr. 1",
        "ordered": datetime(2026, 8, 3, 8, 15, tzinfo=UTC),
        "items": 1,
        "total": Decimal("20.00"),
    }
    orders = MemoryOrders()
    orders.put("E1", "ebay-de", order | fields)
    return scenario_from_order(shop, orders, "E1", now)


def played(shop: Project, text: str, folder: Path) -> ScenarioResult:
    path = folder / "recorded.yaml"
    path.write_text(text, encoding="utf-8")
    scenario = play.read(path, path.name)
    assert isinstance(scenario, Scenario), scenario
    return play.run(scenario, shop)


def test_an_unpaid_order(shop: Project, tmp_path: Path) -> None:
    """An unpaid order is welcomed on its first noon, dunned three times in its steps, and then left alone."""
    text = recorded(shop, checkout_completed=date(2026, 8, 3), shipped=date(2026, 8, 5))
    assert text == (
        """\
# yaml-language-server: $schema=../../schemas/scenario.schema.json
scenario: What order E1 gets
description: Written from a real order; give it a title that says what it shows, and keep what matters.
orders:
  - {id: E1, account: ebay-de, email: buyer@example.com, country: DE, postcode: 53111, street: Example Street 1,
     ordered: 2026-08-03 10:15, items: 1, total: 20.00, checkout_completed: 2026-08-03, shipped: 2026-08-05}
steps:
  - at: 2026-08-03 12:00
    expect:
      - {order: E1, rule: first-contact}
  - at: 2026-08-10 12:00
    expect:
      - {order: E1, rule: dunning, step: payment-reminder}
  - at: 2026-08-17 12:00
    expect:
      - {order: E1, rule: dunning, step: first-dunning}
  - at: 2026-08-24 12:00
    expect:
      - {order: E1, rule: dunning, step: second-dunning}
  - at: 2026-10-01 09:30
    expect: none
    because:
      E1: {checkout-reminder: trigger_false, cross-selling: class_blocked, first-contact: already_sent,
           feedback-reminder: class_blocked, dunning: already_sent}
"""
    )
    assert played(shop, text, tmp_path).passed


def test_a_message_that_waits_for_its_window(shop: Project, tmp_path: Path) -> None:
    """A window that is never open at noon is looked at when it opens."""
    text = recorded(shop, consent=True, paid=date(2026, 8, 3), shipped=date(2026, 8, 5))
    assert "  - at: 2026-09-07 09:00\n    expect:\n      - {order: E1, rule: cross-selling}\n" in text
    assert played(shop, text, tmp_path).passed


def test_nobody_is_named(shop: Project, tmp_path: Path) -> None:
    """Name, addresses, customer id and order lines are replaced or left out; a parcel station stays one."""
    text = recorded(
        shop,
        name="Ilse Muster",
        customer="ilse.muster",
        street="Packstation 117 bei Muster",
        city="Musterstadt",
        postcode="53111",
        lines=({"name": "A ring engraved `Ilse`"},),
    )
    assert "Muster" not in text
    assert "Ilse" not in text
    assert "ilse" not in text
    assert "name: Alex Example" in text
    assert "street: Packstation 1" in text
    assert "first-contact: region_excluded" in text
    assert played(shop, text, tmp_path).passed


def test_an_invalid_address_stays_invalid(shop: Project, tmp_path: Path) -> None:
    """What nobody could be reached at is replaced by something of that kind."""
    text = recorded(shop, email="ilse at home")
    assert "email: no-address" in text
    assert "dunning: no_address" in text
    assert played(shop, text, tmp_path).passed


def test_a_repeated_hour_keeps_its_offset(shop: Project, tmp_path: Path) -> None:
    """In the hour that the clock change repeats, the second time is written with its offset."""
    text = recorded(shop, now=datetime(2026, 10, 25, 1, 30, tzinfo=UTC), ordered=date(2026, 10, 24))
    assert "at: 2026-10-25T02:30:00+01:00" in text
    assert played(shop, text, tmp_path).passed


def test_unknown_and_future_orders(shop: Project) -> None:
    """An order that does not exist, or not yet, is named in the error."""
    with pytest.raises(UserError, match="no order `E2`"):
        scenario_from_order(shop, MemoryOrders(), "E2", LATE)
    with pytest.raises(UserError, match="`E1` was ordered after 2026-08-01"):
        recorded(shop, now=datetime(2026, 8, 1, tzinfo=UTC))


DAYS = st.dates(date(2026, 8, 3), date(2026, 9, 15))
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Zl", "Zp")), min_size=1, max_size=12).filter(
    lambda text: not text.isspace()
)


@settings(max_examples=25)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(("paid", "shipped", "seller_feedback", "cancelled", "checkout_completed"), DAYS),
            "consent": st.booleans(),
            "parked": st.booleans(),
            "street": TEXTS | st.just("Packstation 1"),
            "postcode": st.sampled_from(["01067", "25980"]),
            "status": TEXTS | st.sampled_from(["true", "null", "12e3", "007"]),
            "tags": st.lists(TEXTS.map(str.strip), max_size=2).map(tuple),
            "payment_due": DAYS,
        },
    )
)
def test_every_recorded_scenario_passes(
    shop: Project, tmp_path_factory: pytest.TempPathFactory, fields: dict[str, Any]
) -> None:
    """Whatever the order holds, the written scenario can be read and passes as it is."""
    result = played(shop, recorded(shop, **fields), tmp_path_factory.mktemp("recorded"))
    assert result.passed, result


def test_the_command_writes_a_scenario_that_the_command_plays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From an imported order to a passing test in two commands."""
    for name in ("rules", "templates", "schemas"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "sendplan.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    orders = tmp_path / "orders.csv"
    orders.write_text("id,account,email,country,ordered,items\nE1,ebay-de,a@example.com,DE,2026-08-03,1\n")
    assert cli.run(["import", "orders.csv"]) == 0
    assert cli.run(["test", "--from-order", "E1", "--now", "2026-09-01", "-o", "e1.yaml"]) == 0
    assert cli.run(["test", "e1.yaml"]) == 0
    assert "1 passed, 0 failed" in capsys.readouterr().out
    assert cli.run(["test", "-o", "e2.yaml"]) == 2
