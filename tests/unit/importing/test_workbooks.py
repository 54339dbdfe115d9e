"""Cells of a workbook that show no value are told, never taken for empty ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from small_projects import ONE_ACCOUNT
from workbooks import error, formula, workbook

from sendplan.cli import run
from sendplan.importing.tables import column_letters

HEADER = ("id", "account", "ordered", "total", "paid", "memo")
PAID = "2026-08-02"
PLAIN = "fields: {id: id, account: account, ordered: ordered, total: total, paid: paid}\n"


class Shop:
    """A project whose orders are in a workbook."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys

    def take(self, *rows: Any, mapping: str = PLAIN, **how: Any) -> tuple[int, dict[str, Any], str]:
        """Import rows below the header: exit code, what was stored, what was told."""
        file = workbook(self.folder / "orders.xlsx", [HEADER, *rows], **how)
        (self.folder / "mapping.yaml").write_text(mapping)
        command = ("import", str(file), "--mapping", str(self.folder / "mapping.yaml"))
        return self(*command, "--dry-run", "--format", "json")

    def __call__(self, *command: str) -> tuple[int, dict[str, Any], str]:
        code = run([*command, "--project", str(self.folder)])
        told = self._capsys.readouterr()
        return code, json.loads(told.out) if told.out.startswith("{") else {}, told.out + told.err


@pytest.fixture
def shop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shop:
    (tmp_path / "sendplan.yaml").write_text(ONE_ACCOUNT)
    return Shop(tmp_path, capsys)


def order(id_: str, total: str | float = 2, paid: str | None = PAID, memo: str | None = None) -> tuple[Any, ...]:
    return (id_, "web", "2026-08-01", total, paid, memo)


@pytest.mark.parametrize("prefix", ["", "x"])
@pytest.mark.parametrize("shown", ["#N/A", "#DIV/0!", "#REF!", "#VALUE!", "#NAME?", "#NULL!", "#NUM!"])
def test_an_error_is_a_bad_row(shop: Shop, shown: str, prefix: str) -> None:
    """An error in a column that is read refuses its row and names the cell; other rows are taken."""
    code, report, _ = shop.take(order("A", paid=error(shown)), order("B"), prefix=prefix)
    assert (code, report["inserted"], report["bad"]) == (1, 1, 1)
    told = report["problems"][0]
    assert (told["line"], told["column"]) == (2, HEADER.index("paid") + 1)
    assert told["message"] == f'cell E2: `paid` = "{shown}" is an error of the spreadsheet'


@pytest.mark.parametrize(
    ("cell", "bad"),
    [
        (formula("NOW()"), True),
        (formula("NOW()", ""), True),
        (formula("A1", None, "str"), True),
        (formula("B1&amp;B2", PAID, "str"), False),
        (formula("A1", "", "str"), False),
        (formula("DATE(2026,8,2)", "46236"), True),
    ],
    ids=["none", "empty", "no text", "text", "empty text", "a number"],
)
def test_a_formula_needs_its_result(shop: Shop, cell: str, bad: bool) -> None:
    """A formula whose result the file does not hold refuses its row; an empty text is a result."""
    _, report, _ = shop.take(order("A", paid=cell))
    assert report["bad"] == bad


def test_results_that_a_program_made_up_do_not_count(shop: Shop) -> None:
    """Where a workbook asks to be calculated when it is opened, what stands beside a formula is no result yet."""
    written = order("A", total=formula("SUM(D3:D9)", "0"))
    assert shop.take(written)[1]["bad"] == 0
    _, report, _ = shop.take(written, order("B"), recalculated=True)
    assert (report["bad"], report["inserted"]) == (1, 1)
    told = report["problems"][0]["help"]
    assert told == "open the file in a spreadsheet program, such as Excel or LibreOffice, and save it"


def test_a_column_that_nobody_reads_may_show_anything(shop: Shop) -> None:
    """Errors and formulas outside of the mapping refuse nothing."""
    rows = order("A", memo=error("#N/A")), order("B", memo=formula("A1"))
    assert shop.take(*rows)[1]["bad"] == 0


def test_an_expression_over_an_error_is_a_bad_row(shop: Shop) -> None:
    """Expressions, conditions and first filled cells meet the error too, at its column."""
    mapping = PLAIN.replace("total: total", 'total: {is: "total + 0"}') + 'only: memo != "gone"\n'
    rows = order("A", total=error("#N/A"), memo="kept"), order("B", memo=error("#REF!")), order("C", memo="kept")
    _, report, _ = shop.take(*rows, mapping=mapping)
    assert (report["inserted"], report["bad"]) == (1, 2)
    assert list(report["bad_lines"]) == ["2", "3"]
    assert all(each["help"].startswith("correct the cell") for each in report["problems"])
    grouped = order("A"), order("A", total=error("#N/A")), order("B", total=error("#N/A")), order("B")
    _, report, _ = shop.take(*grouped, mapping="group: id\n" + PLAIN)
    assert (report["inserted"], report["bad"]) == (1, 1)


def test_rows_under_an_error_in_the_groups_column_belong_to_nobody(shop: Shop) -> None:
    """Where the order's name is an error, neither its row nor those that continue it join another order."""
    rows = order("A"), (error("#N/A"), "web", "2026-08-01", 3, None), ("", "", "", "", PAID), order("B")
    mapping = "group: id\n" + PLAIN.replace("id: id", 'id: {is: "first(rows.memo)"}')
    named = tuple((*row[:5], memo) for row, memo in zip(rows, ("a", "b", "b", "c"), strict=True))
    _, report, _ = shop.take(*named, mapping=mapping)
    assert (report["inserted"], report["bad"]) == (2, 1)


def test_an_error_may_be_named_as_empty(shop: Shop) -> None:
    """Who writes `#N/A` for no value says so in the mapping."""
    _, report, _ = shop.take(order("A", paid=error("#N/A")), mapping='empty: ["#N/A"]\n' + PLAIN)
    assert (report["inserted"], report["bad"]) == (1, 0)


def test_rows_of_formulas_alone_are_no_blank_rows(shop: Shop) -> None:
    """A workbook whose cells are all calculated is not taken for one without orders."""
    _, report, _ = shop.take(tuple(formula(f"Sheet2!A{at}") for at in range(6)))
    assert report["bad"] == 1


def test_an_order_is_held_while_its_row_shows_an_error(shop: Shop) -> None:
    """A stored order whose payment became an error gets no mail until the next good file."""
    shop.take(order("A", paid=None))
    shop("import", str(shop.folder / "orders.xlsx"), "--mapping", str(shop.folder / "mapping.yaml"))
    shop.take(order("A", paid=error("#N/A")))
    shop("import", str(shop.folder / "orders.xlsx"), "--mapping", str(shop.folder / "mapping.yaml"))
    assert "orders.xlsx" in shop("status")[2]
    assert "is an error of the spreadsheet" in shop("status")[2]


@pytest.mark.parametrize("content", [b"\xd0\xcf\x11\xe0 an old workbook", b"id,account\n", b"PK\x03\x04"])
def test_what_is_no_workbook_is_told(shop: Shop, content: bytes) -> None:
    """Older workbooks and texts that are called .xlsx are refused with what to do."""
    file = shop.folder / "orders.xlsx"
    file.write_bytes(content)
    code, _, told = shop("import", str(file))
    assert code == 1
    assert "is not a workbook" in told
    assert "save it as .xlsx" in told


def test_a_column_may_be_called_by_a_number(shop: Shop) -> None:
    """The year 2026 over a column is the name `2026`, whatever cell it stands in."""
    file = workbook(shop.folder / "orders.xlsx", [("id", "account", "ordered", 2026), ("A", "web", "2026-08-01", 12.5)])
    (shop.folder / "mapping.yaml").write_text('fields: {id: id, account: account, ordered: ordered, total: "2026"}\n')
    code, report, _ = shop("import", str(file), "--mapping", str(shop.folder / "mapping.yaml"), "--format", "json")
    assert (code, report["inserted"]) == (0, 1)


def test_a_draft_shows_errors_as_they_stand(shop: Shop) -> None:
    """Looking at a workbook with errors and formulas makes a draft as of any other."""
    file = workbook(shop.folder / "orders.xlsx", [HEADER, order("A", paid=error("#N/A"), memo=formula("A1"))])
    code, _, told = shop("import", str(file), "--draft")
    assert code == 0
    assert "format: xlsx" in told


def test_many_bad_cells_are_named_as_a_spreadsheet_names_them(shop: Shop) -> None:
    """Alike bad cells are one line that names the first three of them."""
    _, report, _ = shop.take(*(order(f"A{at}", paid=error("#N/A")) for at in range(12)))
    told = '12 of 12 values of `paid` are an error of the spreadsheet, e.g. "#N/A" (cells E2, E3, E4, …)'
    assert [each["message"] for each in report["problems"]] == [told]


def test_columns_behind_z_have_two_letters() -> None:
    """Column 27 is AA, as in a spreadsheet."""
    assert [column_letters(each) for each in (0, 25, 26, 51, 52, 701, 702)] == ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]
