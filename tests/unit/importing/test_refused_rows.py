"""A refused row holds its order until stored rows have brought what its file carries."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from small_projects import ONE_ACCOUNT

from sendplan.importing.import_report import ImportReport
from sendplan.ledger import RefusedData
from sendplan.operating.imports import take_file
from sendplan.project.settings import Settings
from sendplan.project.settings_file import read_settings
from sendplan.store import Store, open_store
from sendplan.store.sql.imports import SqlImport

NOW = datetime(2026, 8, 24, 10, 0, tzinfo=UTC)
ORDERS = "id,account,ordered,country\n1001,web,2026-08-01,DE\n1002,web,2026-08-01,DE\n"


class Shop:
    """Takes files into a store."""

    def __init__(self, folder: Path, settings: Settings, store: Store) -> None:
        self.folder, self.settings, self.store = folder, settings, store

    def __call__(
        self, content: str, name: str = "orders.csv", mapping: str = "", *, strict: bool = False, dry: bool = False
    ) -> ImportReport:
        path = self.folder / name
        path.write_text(content)
        os.utime(path, (NOW.timestamp(), NOW.timestamp()))
        described = None
        if mapping:
            described = self.folder / f"{name}.mapping.yaml"
            described.write_text(mapping)
        return take_file(
            path, described, self.settings, self.store, NOW, name=name, strict=strict, dry_run=10 if dry else None
        )

    def state(self) -> object:
        """Everything that an import may change."""
        return list(self.store.orders()), self.marks(), self.store.imported()

    def marks(self) -> dict[str, RefusedData]:
        """The marked orders."""
        found = self.store.histories(["1001", "1002", "1003"])
        return {id_: each.refused for id_, each in sorted(found.items()) if each.refused is not None}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    (tmp_path / "sendplan.yaml").write_text(ONE_ACCOUNT)
    settings, _, problems = read_settings(tmp_path)
    assert settings is not None
    assert problems == []
    store = open_store(settings.store, tmp_path, settings.fields, settings.calendar)
    yield Shop(tmp_path, settings, store)
    store.close()


def test_a_payment_in_a_row_refused_for_its_country_holds_the_order(shop: Shop) -> None:
    """A paid order whose row is refused for its country is marked with file and line, and is a new version."""
    shop(ORDERS)
    before = next(shop.store.orders_by_id(["1001"])).version
    shop("id,account,ordered,country,paid\n1001,web,2026-08-01,Atlantis,2026-08-20\n1002,web,2026-08-01,DE,\n")

    assert shop.marks() == {"1001": RefusedData("orders.csv", 2, frozenset({"ordered", "country", "paid"}))}
    assert next(shop.store.orders_by_id(["1001"])).version == before + 1


def test_only_what_the_refused_file_carries_ends_the_mark(shop: Shop) -> None:
    """tracking.csv does not end what a refused payments.csv left; the next good payments.csv does."""
    shop(ORDERS)
    shop("id,paid\n1001,soon\n", "payments.csv")
    shop("id,shipped\n1001,2026-08-20\n", "tracking.csv")
    assert list(shop.marks()) == ["1001"]

    shop("id,paid\n1001,2026-08-20\n", "payments.csv")
    assert shop.marks() == {}


def test_a_strict_import_that_is_refused_marks_all_its_orders(shop: Shop) -> None:
    """`--strict` stores nothing of the file, so none of its orders may get mail by what is stored."""
    shop(ORDERS)
    assert not shop("id,paid\n1001,2026-08-20\n1002,soon\n", "payments.csv", strict=True).stored

    assert {id_: each.line for id_, each in shop.marks().items()} == {"1001": 2, "1002": 3}


def test_a_file_that_is_refused_for_a_column_marks_its_orders(shop: Shop) -> None:
    """A file without a column that the mapping reads is refused, and its orders wait for what it should carry."""
    shop(ORDERS)
    assert not shop("Nr,Name\n1001,x\n", "payments.csv", "fields: {id: Nr, paid: Paid}\n").stored

    assert shop.marks() == {"1001": RefusedData("payments.csv", 2, frozenset({"paid"}))}


def test_a_dry_run_marks_nobody(shop: Shop) -> None:
    """What is only tried leaves no mark."""
    shop(ORDERS)
    shop("id,paid\n1001,soon\n", "payments.csv", dry=True)

    assert shop.marks() == {}


def test_a_stored_order_that_only_passes_over_counts_as_refused(shop: Shop) -> None:
    """A cancelled order that `only` hides is told as a bad row and held; one that is not stored is passed over."""
    shop(ORDERS)
    mapping = 'fields: {id: id, account: account, ordered: ordered}\nonly: status != "cancelled"\n'
    rows = "1001,web,2026-08-01,cancelled\n1003,web,2026-08-01,cancelled\n1002,web,2026-08-01,open\n"
    report = shop("id,account,ordered,status\n" + rows, "orders.csv", mapping)

    assert (report.bad, report.passed_over) == (1, 1)
    assert list(shop.marks()) == ["1001"]


def test_a_person_ends_a_mark(shop: Shop) -> None:
    """A mark that a person ended is gone, and there is none to end a second time."""
    shop(ORDERS)
    shop("id,paid\n1001,soon\n", "payments.csv")

    assert shop.store.unmark("1001")
    assert shop.marks() == {}
    assert not shop.store.unmark("1001")


def test_data_is_as_old_as_its_file(shop: Shop) -> None:
    """An export job that died three weeks ago makes no fresh data, however often its last file is read."""
    shop(ORDERS)
    path = shop.folder / "payments.csv"
    path.write_text("id,paid\n1001,2026-08-01\n")
    died = NOW - timedelta(weeks=3)
    os.utime(path, (died.timestamp(), died.timestamp()))
    for _ in range(2):
        take_file(path, None, shop.settings, shop.store, NOW)

    assert shop.store.imported()["web"]["paid"] == died


def test_a_file_of_which_every_row_was_refused_renews_nothing(shop: Shop) -> None:
    """No row was taken, so no field came; a header alone says for the mapping's accounts that nothing is new."""
    mapping = "accounts: [web]\nfields: {id: id, paid: paid}\n"
    shop(ORDERS)
    shop("id,paid\n1001,soon\n", "payments.csv", mapping)
    assert "paid" not in shop.store.imported()["web"]

    shop("id,paid\n", "payments.csv", mapping)
    assert shop.store.imported()["web"]["paid"] == NOW


@pytest.mark.parametrize("row", ["1001,web,2026-08-01,DE,x", "1001,web,2026-08-01"], ids=["too-many", "too-few"])
def test_a_row_that_is_not_whole_holds_its_order(shop: Shop, row: str) -> None:
    """A payment in a row with a cell too many or too few stops the reminder all the same."""
    shop(ORDERS)
    shop(f"id,account,ordered,country\n{row}\n1002,web,2026-08-01,DE\n", "payments.csv")
    assert {id_: mark.line for id_, mark in shop.marks().items()} == {"1001": 2}


def test_a_refused_file_leaves_its_marks_or_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that ends while the orders of a refused file are marked leaves the store as it was before the file."""
    shop(ORDERS)
    bad = "id,account,ordered,country\n1001,web,2026-08-05,FR\n1002,web,2026-08-01,Atlantis\n1003,web,2026-08-01,DE\n"
    before = shop.state()
    with monkeypatch.context() as patch:
        patch.setattr(SqlImport, "mark", lambda *_: exit("killed"))
        with pytest.raises(SystemExit):
            shop(bad, strict=True)
    assert shop.state() == before

    report = shop(bad, strict=True)
    assert not report.stored
    assert list(shop.marks()) == ["1001", "1002", "1003"]
    assert [(each.id, each.values["country"]) for each in shop.store.orders()] == [("1001", "DE"), ("1002", "DE")]


def test_rows_of_a_refused_file_that_mark_nobody_are_counted(shop: Shop) -> None:
    """Of a file that is refused as a whole, the rows without an id are one line of the import's record too."""
    report = shop(f"{ORDERS},web,2026-08-01,Atlantis\n,web,2026-08-02,DE\n", strict=True)

    assert (report.stored, report.nameless, list(shop.marks())) == (False, 2, ["1001", "1002"])
    assert "2 bad rows name no order" in shop.store.import_records()[0].refused[0].message


def test_rows_that_mark_nobody_are_all_counted(shop: Shop) -> None:
    """Bad rows without an id that can be read are one line of the import's record, with their number."""
    nameless = "".join(f",web,2026-08-0{number % 9 + 1},DE\n" for number in range(25))
    report = shop(f"{ORDERS}{nameless}1003,web,2026-08-01,Atlantis\n")

    assert (report.bad, report.nameless, list(shop.marks())) == (26, 25, ["1003"])
    first = shop.store.import_records()[0].refused[0]
    assert "25 bad rows name no order, so none is held for them" in first.message
    assert "--dry-run --format json" in first.message


ON_ONE_LINE = {
    "orders.json": '[{"id": "1001", "account": "web", "ordered": "2026-08-01", "paid": "2026-08-02"}, {"id": "1001", '
    '"account": "web", "ordered": "2026-08-01", "paid": null}, {"id": "1002", "account": "web", "ordered": '
    '"2026-08-01", "paid": "2026-08-03"}]',
    "orders.xml": "<o><e><id>1001</id><account>web</account><ordered>2026-08-01</ordered><paid>2026-08-02</paid></e><e>"
    "<id>1001</id><account>web</account><ordered>2026-08-01</ordered><paid/></e><e><id>1002</id><account>web</account>"
    "<ordered>2026-08-01</ordered><paid>2026-08-03</paid></e></o>",
}


@pytest.mark.parametrize(("name", "content"), ON_ONE_LINE.items())
def test_an_order_twice_on_one_line_is_told_and_costs_no_other(shop: Shop, name: str, content: str) -> None:
    """Where a file is a single line, an order that comes again does not undo its payment, and the others are taken."""
    report = shop(content, name)
    assert (report.inserted, report.bad, list(shop.marks())) == (2, 1, ["1001"])
    assert "the order `1001` is on line 1 already" in report.problems[0].message
    assert [each.values["paid"] for each in shop.store.orders()] == [date(2026, 8, 2), date(2026, 8, 3)]


# --- values that were read, perhaps wrongly ---


def test_characters_that_nobody_sees_make_no_other_order(shop: Shop) -> None:
    """An id with a blank of no width is the same order, and one byte order mark too many hides no column."""
    assert shop("\ufeff\ufeff" + ORDERS).inserted == 2
    shop("id,account,ordered,country\n\u200b1001,web,2026-08-01,FR\n")
    assert [(each.id, each.values["country"]) for each in shop.store.orders()] == [("1001", "FR"), ("1002", "DE")]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_read(shop: Shop, encoding: str) -> None:
    """Zero bytes between the characters of the header are those of UTF-16, declared or not."""
    text = ORDERS.replace("country", "name").replace("DE", "Müller").encode(encoding).decode("latin-1")
    (shop.folder / "orders.csv").write_text(text, encoding="latin-1")
    report = take_file(shop.folder / "orders.csv", None, shop.settings, shop.store, NOW, name="orders.csv")
    assert (report.inserted, report.problems) == (2, ())


def test_a_file_of_another_encoding_says_so(shop: Shop) -> None:
    """Zero bytes in the header are no column's name."""
    report = shop(ORDERS.replace("id", "i\x00d", 1))
    assert "the file is in another encoding" in report.problems[0].message


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"PK\x03\x04\xff\xfe", "a workbook or an archive; name it .xlsx"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an old workbook; save it as .xlsx"),
        (b"%PDF-1.7\n%\xe2", "a PDF; export it as CSV"),
        (b"\xef\xbb\xbf<!DOCTYPE html>\n<html>", "a web page, no export; the shop may have asked to log in"),
    ],
)
@pytest.mark.parametrize("name", ["orders.csv", "orders.json", "orders"])
def test_what_is_no_text_is_told_by_its_kind(shop: Shop, content: bytes, told: str, name: str) -> None:
    """A workbook under the name of a text, a PDF or a page that asks to log in says what it is and what to do."""
    (shop.folder / name).write_bytes(content)
    report = take_file(shop.folder / name, None, shop.settings, shop.store, NOW, name=name)
    assert [told in f"{each.message}; {each.help}" for each in report.problems] == [True]


def _warned(report: ImportReport) -> str:
    return "\n".join(f"{each.span.line if each.span else 0}: {each.message}; {each.help}" for each in report.warnings)


def test_an_amount_that_other_rows_prove_to_be_thousands_is_held(shop: Shop) -> None:
    """`1.050` beside `12,50` is no 1.05: it is told with what to write, and its order gets no mail."""
    rows = "".join(f"{1100 + each},web,2026-08-01,99\n" for each in range(3))
    report = shop('id,account,ordered,total\n1001,web,2026-08-01,1.050\n1002,web,2026-08-02,"12,50"\n' + rows)

    assert list(shop.marks()) == ["1001", "1002"]
    assert '2: `total` = "1.050" (line 2) was read as 1.05, but "12,50" in this column' in _warned(report)
    assert 'add decimal: "," and thousands: "."' in _warned(report)
    assert [each.help for each in report.problems] == ['add decimal: "," and thousands: "."']


@pytest.mark.parametrize("notation", [("", ".", ","), ('decimal: ","\n', ",", ".")], ids=["point", "comma"])
def test_three_decimals_beside_two_are_held(shop: Shop, notation: tuple[str, str, str]) -> None:
    """`1.050` beside `12.50` may be a thousand: it is told, its order gets no mail, and `thousands:` settles it."""
    said, mark, other = notation
    mapping = said + "fields: {id: id, account: account, ordered: ordered, total: total}\n"
    texts = [each.replace(".", mark) for each in ("1.050", "12.50", "0.99", "EUR 2.300", "17")]
    file = "id,account,ordered,total\n" + "".join(
        f'{1001 + at},web,2026-08-01,"{each}"\n' for at, each in enumerate(texts)
    )
    report = shop(file, mapping=mapping)
    assert (report.inserted, list(shop.marks())) == (5, ["1001"])  # and 1004, which `marks` does not show
    assert f'`total` = "{texts[0]}" (lines 2, 5) was read as 1.05' in _warned(report)
    assert f'such as thousands: "{other}"' in _warned(report)
    assert not _warned(shop(file, mapping=f'thousands: "{other}"\n' + mapping))
    assert not shop.marks()


@pytest.mark.parametrize("texts", [("1.125", "12.5"), ("0.050", "12.50"), ("1234.500", "12.50"), ("12.50", "3.99")])
def test_fractions_that_cannot_be_thousands_are_no_doubt(shop: Shop, texts: tuple[str, str]) -> None:
    """Decimals written as they come, and numbers that no thousands look like, are read without a word."""
    rows = "".join(f"{1001 + at},web,2026-08-01,{each}\n" for at, each in enumerate(texts))
    report = shop("id,account,ordered,total\n" + rows)
    assert (_warned(report), shop.marks()) == ("", {})


def test_one_amount_among_very_many_is_held(shop: Shop) -> None:
    """However many different amounts a file has, three decimals are seen, and `12.5` proves them as `12.50` does."""
    rows = "".join(f"x{at},web,2026-08-01,{at // 10}.{at % 10}\n" for at in range(1, 30_000) if at % 10)
    report = shop("id,account,ordered,total\n1001,web,2026-08-01,2.300\n" + rows)
    assert list(shop.marks()) == ["1001"]
    assert '`total` = "2.300" (line 2) was read as 2.30, but "0.1" in this column' in _warned(report)


THIRDS = [
    ("orders.csv", "=total + 0", "id,account,ordered,total\n1001,web,2026-08-01,1.050\n1002,web,2026-08-01,12.50\n"),
    (
        "orders.csv",
        "=total if total > 0 else 0",
        "id,account,ordered,total\n1001,web,2026-08-01,12.50\n1002,web,2026-08-01,1.050 EUR\n",
    ),
    (
        "orders.xml",
        "total",
        "<o>"
        + "".join(
            f'<e><id>{id_}</id><account>web</account><ordered>2026-08-01</ordered><total c="EUR">{total}</total></e>'
            for id_, total in ((1001, "1.050"), (1002, "12.50"))
        )
        + "</o>",
    ),
    (
        "orders.json",
        "=sum(lines.price)",
        '[{"id": "1002", "account": "web", "ordered": "2026-08-01", "lines": [{"price": "1.050"}, {"price": "3.00"}]}]',
    ),
]


@pytest.mark.parametrize(("name", "total", "text"), THIRDS)
def test_three_decimals_beside_two_are_held_wherever_they_are(shop: Shop, name: str, total: str, text: str) -> None:
    """In an expression, a list and an element with attributes too the three decimals are seen."""
    mapping = f'fields: {{id: id, account: account, ordered: ordered, total: "{total}"}}\n'
    report = shop(text, name=name, mapping=mapping)
    assert report.bad == 0
    assert len(shop.marks()) == 1
    assert "is written another way" in _warned(report)


@pytest.mark.parametrize("group", ["", "group: id\n"])
def test_a_contradiction_inside_an_expression_is_held(shop: Shop, group: str) -> None:
    """`=total + 0` reads the same cells, so `1.050` beside `12,50` is as doubtful there, in any row of the order."""
    mapping = group + 'fields: {id: id, account: account, ordered: ordered, total: "=sum(total) + 0"}\n'
    if not group:
        mapping = mapping.replace("sum(total)", "total")
    rows = '1001,web,2026-08-01,1.050\n1002,web,2026-08-02,"12,50"\n1003,web,2026-08-02,9\n'
    more = "1003,web,2026-08-02,2.100\n" if group else ""
    report = shop("id,account,ordered,total\n" + rows + more, mapping=mapping)
    assert list(shop.marks()) == (["1001", "1002", "1003"] if group else ["1001", "1002"])
    assert '`total` = "1.050"' in _warned(report)


def test_the_help_for_a_bad_number_never_breaks_the_good_ones(shop: Shop) -> None:
    """In a column of decimal commas, one point asks for a mended export, not for another notation."""
    mapping = 'decimal: ","\nfields: {id: id, account: account, ordered: ordered, total: total}\n'
    rows = '1001,web,2026-08-01,"12,50"\n1002,web,2026-08-02,99.90\n'
    report = shop(f"id,account,ordered,total\n{rows}", mapping=mapping)
    assert [each.help for each in report.problems] == [
        'other rows write "12,50": have the export write all numbers alike'
    ]


def test_a_day_that_other_rows_prove_to_be_a_month_is_held(shop: Shop) -> None:
    """Once one row can only be day before month, no row that was read the other way round gets mail."""
    mapping = 'dates: ["%m/%d/%Y"]\nfields: {id: id, account: account, ordered: ordered}\n'
    rows = "1001,web,03/02/2026\n1002,web,13/02/2026\n1003,web,04/04/2026\n"
    report = shop(f"id,account,ordered\n{rows}", mapping=mapping)

    assert list(shop.marks()) == ["1001", "1002"]
    assert '"03/02/2026" (line 2) was read as 2026-03-02, but "13/02/2026"' in _warned(report)


def test_moments_of_another_age_are_told_and_held(shop: Shop) -> None:
    """A placeholder such as 1970 in `payment_due` reminds nobody; amounts below zero are told."""
    rows = "1001,web,2026-08-01,1970-01-01,5\n1002,web,2062-08-01,,5\n1003,web,2026-08-01,,-5\n"
    report = shop(f"id,account,ordered,payment_due,total\n{rows}")

    assert (report.inserted, list(shop.marks())) == (3, ["1001", "1002"])
    assert "2: 1 value of `payment_due` before 1990 or after 2031" in _warned(report)
    assert "3: 1 value of `ordered` before" in _warned(report)
    assert "4: 1 value of `total` below zero" in _warned(report)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("46328", "a spreadsheet counts days so: it may be 2026-11-02"),
        ("46328.75", "a spreadsheet counts days so: it may be 2026-11-02"),
        ("0000-00-00", 'if it stands for no date, add empty: ["0000-00-00"]'),
        ("0000-00-00 00:00:00", 'add empty: ["0000-00-00 00:00:00"]'),
        ("00.00.0000", 'add empty: ["00.00.0000"]'),
        ("0001-01-01", 'add empty: ["0001-01-01"]'),
        ("1899-12-30 00:00:00", 'add empty: ["1899-12-30 00:00:00"]'),
        ("9999-12-31", 'add empty: ["9999-12-31"]'),
    ],
)
def test_what_stands_for_no_date_is_told_with_the_way_out(shop: Shop, written: str, told: str) -> None:
    """Placeholders and day numbers are bad rows, and the help says what they are; that no order is paid is not said."""
    report = shop(
        f"id,account,ordered,paid\n1001,web,2026-08-01,{written}\n",
        mapping=("fields: {id: id, account: account, ordered: ordered, paid: paid}\n"),
    )
    assert told in report.problems[0].help
    assert _warned(report) == ""


def test_a_column_that_is_gone_is_not_taken_for_a_short_name(shop: Shop) -> None:
    """Of a column `paid` that the file lacks nobody meant `id`."""
    mapping = "fields: {id: id, account: account, ordered: ordered, paid: paid}\n"
    report = shop("id,account,ordered\n1001,web,2026-08-01\n", mapping=mapping)
    assert "did you mean" not in report.problems[0].help


def test_events_to_come_and_early_payments_are_told(shop: Shop) -> None:
    """A payment next year, or long before its order, is told, and nothing is held."""
    rows = (
        "1001,web,2026-08-01,2027-02-03,2027-02-01\n1002,web,2026-08-25,,\n1003,web,2027-08-01,,\n"
        "1004,web,2026-08-01,2026-06-30,\n1005,web,2026-08-01,2026-07-30,2027-05-01\n"
    )
    report = shop(f"id,account,ordered,paid,payment_due\n{rows}")
    assert (report.inserted, shop.marks()) == (5, {})
    assert "2: 1 value of `paid` in the future; until then nothing has happened" in _warned(report)
    assert "4: 1 value of `ordered` in the future" in _warned(report)
    assert "5: 1 value of `paid` more than 30 days before `ordered`" in _warned(report)
    assert "payment_due" not in _warned(report)


def test_goods_shipped_long_before_their_order_hold_it(shop: Shop) -> None:
    """Where a parcel left months before the order, one of both dates is read wrongly, and mail would come too early."""
    rows = "1001,web,2026-08-01,2026-02-08\n1002,web,2026-08-01,2026-07-31\n1003,web,2026-08-01,\n"
    report = shop(f"id,account,ordered,shipped\n{rows}")
    assert (report.inserted, list(shop.marks())) == (3, ["1001"])
    assert "2: 1 value of `shipped` more than 30 days before `ordered`" in _warned(report)


def test_amounts_that_may_all_be_thousands_are_told(shop: Shop) -> None:
    """Where every fraction has three decimals nobody can know, so the report asks."""
    report = shop("id,account,ordered,total\n1001,web,2026-08-01,1.050\n1002,web,2026-08-01,2.300\n")
    assert "every fraction in `total` has three decimals, such as 1.050" in _warned(report)
