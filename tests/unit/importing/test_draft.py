"""A first mapping from a look at a file: `import FILE --draft`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from workbooks import formula, workbook

from sendplan.cli import run
from sendplan.importing.drafting.writing import first_mapping
from sendplan.importing.import_file import import_file
from sendplan.importing.import_report import ImportReport
from sendplan.importing.values import as_json
from sendplan.project.settings import Settings
from sendplan.project.settings_file import read_settings
from sendplan.store import open_store

ROOT = Path(__file__).parents[3]
SAMPLES = sorted(path.parent for path in (ROOT / "fixtures" / "samples").glob("*/mapping.yaml"))
PRESETS = sorted(path.parent for path in (ROOT / "fixtures" / "presets").glob("*/expected.json"))
NOW = datetime(2026, 11, 26, 10, 0, tzinfo=UTC)
PROJECT = """
shop: {name: Test, timezone: Europe/Berlin, country: DE}
store: sqlite:///shop.db
senders: {main: {host: smtp.example.com, port: 587, security: starttls, from: shop@example.com}}
regions: {abroad: any}
accounts:
"""

Orders = dict[str, dict[str, Any]]


def _project(folder: Path, accounts: Mapping[str, str]) -> Settings:
    named = "".join(f"  {name}: {{portal: {portal}}}\n" for name, portal in accounts.items())
    (folder / "sendplan.yaml").write_text(PROJECT + named)
    settings, _, problems = read_settings(folder)
    assert settings is not None, problems
    return settings


def _drafted(file: Path, settings: Settings, folder: Path) -> tuple[str, Orders, ImportReport]:
    """The draft, and the orders that come of the file with it."""
    text = first_mapping(file, file.name, settings)
    (folder / "draft.yaml").write_text(text)
    store = open_store(settings.store, folder, settings.fields, settings.calendar)
    report = import_file(file, folder / "draft.yaml", settings, store, NOW)
    orders = {each.id: {name: as_json(value) for name, value in each.values.items()} for each in store.orders()}
    store.close()
    return text, orders, report


def _accounts(expected: Orders) -> dict[str, str]:
    names = {each["account"] for each in expected.values()}
    return {each: "shop" if "-" not in each or each.startswith("shop") else each.partition("-")[0] for each in names}


def _compared(sample: Path, folder: Path) -> tuple[set[str], set[str], Orders, Orders]:
    expected = {each["id"]: each for each in json.loads((sample / "expected.json").read_text(encoding="utf-8"))}
    file = next(path for path in sample.iterdir() if path.stem == "orders")
    _, orders, _ = _drafted(file, _project(folder, _accounts(expected)), folder)
    fields = {name for each in expected.values() for name in each}
    right = {
        name
        for name in fields
        if all(name not in order or orders.get(id_, {}).get(name) == order[name] for id_, order in expected.items())
    }
    return right, fields, orders, expected


RIGHT = {
    "amazon-tsv": 93,
    "billbee": 90,
    "dreamrobot": 100,
    "ebay-csv": 100,
    "excel-xlsx": 100,
    "odoo-csv": 100,
    "plain-csv-de": 100,
    "plentymarkets": 66,
    "prestashop-xml": 88,
    "shopify-csv": 100,
    "stripe-csv": 88,
    "woocommerce-rest": 86,
}
"""Of the fields of each sample's orders, the percentage that the draft gets right."""


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)
def test_the_draft_of_a_sample_gets_most_fields_right(sample: Path, tmp_path: Path) -> None:
    """Of an export of a system, the draft finds as many fields as it did before, and never a payment that was none."""
    right, fields, orders, expected = _compared(sample, tmp_path)
    assert len(right) * 100 // len(fields) == RIGHT[sample.name], sorted(fields - right)
    for id_, order in orders.items():
        assert order.get("paid") in (None, expected[id_].get("paid"))
    assert orders.keys() == expected.keys()


def test_over_all_samples_at_least_four_of_five_fields_are_right(tmp_path: Path) -> None:
    """A merchant whose system has no mapping begins with one that is nearly done."""
    counts = [_compared(sample, _made(tmp_path / sample.name))[:2] for sample in SAMPLES]
    assert len(counts) == 12
    assert sum(len(right) for right, _ in counts) >= 0.8 * sum(len(fields) for _, fields in counts)


@pytest.mark.parametrize("sample", PRESETS, ids=lambda path: path.name)
def test_the_draft_of_a_known_system_never_says_paid_where_it_is_not(sample: Path, tmp_path: Path) -> None:
    """Exports with partial payments and odd states, that have a mapping of their own, are no trap for a draft."""
    _, _, orders, expected = _compared(sample, tmp_path)
    for id_, order in orders.items():
        if order.get("paid") is not None:
            assert expected[id_].get("paid") is not None


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


HEADER = "Order No,Order Date,E-Mail,Total"
PAID = {
    "a date with an explicit name is taken": ("Paid at", "2026-11-03", "", True),
    "a day beside a state that is not paid": ("Paid at,Payment Status", "2026-11-03,pending", ",paid", False),
    "a state whose meaning is not known": ("Paid at,Payment Status", "2026-11-03,sorted", ",pending", False),
    "only the states that mean paid in full": ("Paid at,Payment Status", "2026-11-03,paid", ",pending", True),
    "less paid than the total": ("Paid at,Amount Paid", "2026-11-03,10.00", ",", False),
    "something is open": ("Paid at,Outstanding Balance", "2026-11-03,10.00", ",20.00", False),
    "a flag that says no": ("Paid at,Is paid", "2026-11-03,no", ",no", False),
    "a day before the order": ("Paid at", "2026-10-03", "", False),
    "a day that every order has may be when it is due": ("Payment date", "2026-11-20", "2026-11-21", False),
    "a due date": ("Payment due", "2026-11-20", "", False),
    "a flag": ("Paid", "yes", "no", False),
    "an amount": ("Paid", "20.00", "0.00", False),
    "a refund's day": ("Refund paid at", "2026-11-03", "", False),
    "a payout's day": ("Payout date", "2026-11-03", "", False),
    "an invoice's day": ("Invoice date", "2026-11-03", "2026-11-03", False),
    "a day of authorisation": ("Payment authorized at", "2026-11-03", "", False),
    "a state without a day": ("Payment Status", "paid", "pending", False),
    "German": ("Bezahlt am,Offener Betrag", "2026-11-03,0.00", ",20.00", True),
    "German, something is open": ("Bezahlt am,Offener Betrag", "2026-11-03,5.00", ",20.00", False),
    "German, by instalments": ("Bezahlt am,Zahlungsstatus", "2026-11-03,teilweise bezahlt", ",offen", False),
}


@pytest.mark.parametrize(("columns", "first", "second", "taken"), PAID.values(), ids=PAID.keys())
def test_paid_is_taken_only_where_nothing_speaks_against_it(
    columns: str, first: str, second: str, taken: bool, tmp_path: Path
) -> None:
    """A reminder is never stopped, nor sent, by a column that only looks like payments; the draft says why."""
    file = tmp_path / "orders.csv"
    rows = (f"1001,2026-11-02,anna@example.com,20.00,{first}", f"1002,2026-11-02,jean@example.com,20.00,{second}")
    file.write_text("\n".join((f"{HEADER},{columns}", *rows)) + "\n")
    text, orders, report = _drafted(file, _project(tmp_path, {"web": "shop"}), tmp_path)
    assert not report.problems
    assert [each.get("paid") for each in orders.values()] == (["2026-11-03", None] if taken else [None, None])
    assert ("\n  paid: " in text) == taken
    assert ("  # paid: guess: " in text) != taken


FOREIGN: Mapping[str, Orders] = {
    "warenwirtschaft.csv": {
        "A-2026/0001": {"total": "1050.40", "country": "DE", "paid": "2026-11-03", "street": "Musterweg 1"},
        "A-2026/0002": {"total": "99.90", "country": "FR", "paid": None, "name": "Jean Exemple", "currency": "EUR"},
        "A-2026/0003": {"total": "15.00", "country": "US", "email": None, "cancelled": "2026-11-06T23:30:00Z"},
    },
    "kasse.json": {
        "KS-9001": {"total": "50.40", "items": 3, "country": "DE", "email": "anna@example.com", "paid": None},
        "KS-9002": {"total": "99.90", "items": 3, "country": "FR", "ordered": "2026-11-05T17:25:00Z", "paid": None},
        "KS-9003": {"total": "15.00", "items": 1, "country": "US", "cancelled": "2026-11-06T23:30:00Z", "paid": None},
    },
}
"""Exports of invented systems: abbreviated headers below a title with a sum at the end; nested JSON whose states of
payment nobody can know."""


@pytest.mark.parametrize("name", FOREIGN)
def test_an_export_of_a_system_that_nobody_knows_is_read_at_once(name: str, tmp_path: Path) -> None:
    """The draft alone reads it, without a bad row, and what it cannot know it leaves out."""
    _, orders, report = _drafted(ROOT / "fixtures" / "drafts" / name, _project(tmp_path, {"web": "shop"}), tmp_path)
    assert not report.problems
    for id_, expected in FOREIGN[name].items():
        assert {field: orders[id_].get(field) for field in expected} == expected
    assert orders.keys() == FOREIGN[name].keys()


def test_a_workbook_with_a_title_and_a_sum_is_read_at_once(tmp_path: Path) -> None:
    """Names with hyphens are known, what stands above the header is skipped, and a row of sums is no order."""
    header = ("Beleg-Nr.", "Beleg-Datum", "Kd.-Nr.", "E-Mail", "Brutto", "Bezahlt am")
    rows = [(20260001.0 + at, f"2026-11-0{at + 1}", 7000.0 + at, f"b{at}@example.com", 12.5, None) for at in range(3)]
    sums = (None, None, None, None, formula("SUM(E4:E6)"), None)
    file = workbook(tmp_path / "orders.xlsx", [("Auftragsliste", "Stand: 26.11."), (), header, *rows, sums])
    text, orders, report = _drafted(file, _project(tmp_path, {"web": "shop"}), tmp_path)
    assert (report.problems, list(orders)) == ((), ["20260001", "20260002", "20260003"])
    assert [each["customer"] for each in orders.values()] == ["7000", "7001", "7002"]
    assert "only: " in text


def test_a_column_is_an_id_by_its_values_alone(tmp_path: Path) -> None:
    """In a language that nobody foresaw, the one column with a different value in every row is marked as a guess."""
    file = tmp_path / "orders.csv"
    file.write_text("Rendeles,Datuma,Osszeg\nR-1,2026-11-02,20\nR-2,2026-11-02,20\n")
    text, orders, _ = _drafted(file, _project(tmp_path, {"web": "shop"}), tmp_path)
    assert orders.keys() == {"R-1", "R-2"}
    assert "id: Rendeles  # guess: no column is called so, but its values are all different" in text


def test_the_shops_own_address_is_nobodys_order(tmp_path: Path) -> None:
    """A column with one and the same address in every order is not taken for the buyers'."""
    file = tmp_path / "orders.csv"
    rows = "".join(f"100{n},2026-11-0{n},shop@example.com,b{n}@example.com\n" for n in range(1, 5))
    file.write_text(f"Order No,Order Date,Email,Contact\n{rows}")
    _, orders, _ = _drafted(file, _project(tmp_path, {"web": "shop"}), tmp_path)
    assert [each["email"] for each in orders.values()] == [f"b{n}@example.com" for n in range(1, 5)]


def test_days_that_could_be_months_are_marked(tmp_path: Path) -> None:
    """Where day and month cannot be told apart the draft says so, and where they can it does not."""
    file = tmp_path / "orders.csv"
    settings = _project(tmp_path, {"web": "shop"})
    file.write_text("Order No,Order Date\n1001,03/04/2026\n1002,05/06/2026\n")
    text, orders, _ = _drafted(file, settings, tmp_path)
    assert orders["1001"]["ordered"] == "2026-04-03"
    assert 'dates: ["%d/%m/%Y"]  # guess: day and month cannot be told apart here; else %m/%d/%Y' in text
    file.write_text("Order No,Order Date\n1001,03/04/2026\n1002,05/26/2026\n")
    assert 'dates: ["%m/%d/%Y"]\n' in first_mapping(file, file.name, settings)


def test_a_draft_is_written_without_touching_the_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The mapping goes to standard output, what to do next beside it, and nothing is imported."""
    _project(tmp_path, {"web": "shop"})
    file = tmp_path / "orders.csv"
    file.write_text("Order No,Order Date\n1001,2026-11-02\n")
    assert run(["import", str(file), "--draft", "--project", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert "fields:\n  id: Order No\n" in out
    assert "--dry-run" in err
    assert not (tmp_path / "shop.db").exists()


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("orders.csv", b"", "has no line that looks like the names of columns"),
        (
            "orders.csv",
            b"\xef\xbb\xbfid,name\n1,\x94\n",
            "orders.csv:2:3: error[import-file] is not UTF-8 from here on",
        ),
        ("orders.csv", b"\x1f\x8b\x08 no gzip", "cannot be read"),
        ("orders.json", b"{nonsense", "is not JSON"),
        ("orders.json", b'{"orders": "\x8d"}', "the file is not cp1252"),
        ("orders.json", b"[]", "has no orders to look at"),
        ("orders.xml", b"<a><b></a>", "is not XML"),
        ("orders.xlsx", b"no workbook", "is not a workbook"),
    ],
)
def test_a_file_without_orders_is_told(
    name: str, content: bytes, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing to look at is a sentence about the file, never a traceback."""
    _project(tmp_path, {"web": "shop"})
    (tmp_path / name).write_bytes(content)
    assert run(["import", str(tmp_path / name), "--draft", "--project", str(tmp_path)]) == 1
    assert told in capsys.readouterr().err
