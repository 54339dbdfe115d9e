"""Texts that become at once what the store keeps come out as those that are values in between."""

from __future__ import annotations

import csv
import io
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_projects import ONE_ACCOUNT

from sendplan.importing import tables, values
from sendplan.importing.files import OrderFile
from sendplan.importing.import_file import import_file
from sendplan.importing.tables import OddRow, Table, TableLayout
from sendplan.project.settings_file import read_settings
from sendplan.store import open_store

NOW = datetime(2026, 8, 24, 10, 0, tzinfo=UTC)
NAMES = ("id", "account", "ordered", "email", "total", "paid", "tags", "consent", "country", "street", "items")
CELLS: dict[str, list[str]] = {
    "id": ["1001", "1002", '="01067"', " 1003 ", "1001.0", "4.5E+08", "N/A", "", "a\nb", "é"],
    "account": ["web", "web", "nobody", ""],
    "ordered": ["2026-08-01", "2026-08-01 10:00:00Z", "2026-08-01T10:00:00.5+02:00", "01.08.2026", "1850-01-01", ""],
    "email": ["b@example.com", "N/A", "", " c@example.com ", "nobody"],
    "total": ["19.9", "1.234,50", "0.00001", "EUR 5.00", "", "-3", '="7.50"', "1e3"],
    "paid": ["", "2026-08-02", "soon", "   ", "2026-08-02 10:00 +0200"],
    "tags": ["", "a;b", "[]", '["x, y"]', "a,b"],
    "consent": ["", "1", "no", "perhaps"],
    "country": ["DE", "Deutschland", "Atlantis", ""],
    "street": ["Am Hof 1", "Caf&eacute;", 'a "b" c', "two\r\nlines", "\x00", "--"],
    "items": ["", "3", "3.5", "99999999999999999999"],
}
NASTY = st.sampled_from(NAMES).flatmap(lambda name: st.tuples(st.just(name), st.sampled_from(CELLS[name])))
ROWS = st.lists(st.lists(NASTY, max_size=3).map(dict), min_size=8, max_size=40)
"""What is unusual in each row."""
USUAL = "empty: ['--', N/A]\nfields: {" + ", ".join(f"{name}: {name}" for name in NAMES) + "}\n"
ASKING = f"only: id is set or id is not set\n{USUAL}"
"""The same; with a question about whole rows, values are read one after the other."""


def outcome(text: str, mapping: str) -> object:
    """Everything that comes of a file in a new store."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, content in (("sendplan.yaml", ONE_ACCOUNT), ("o.csv", text), ("m.yaml", mapping)):
            (folder / file).write_text(content, encoding="utf-8", newline="")
        project, _, _ = read_settings(folder)
        assert project is not None
        store = open_store(project.store, folder, project.fields, project.calendar)
        report = import_file(folder / "o.csv", folder / "m.yaml", project, store, NOW, name="o.csv")
        orders = [(each.id, dict(each.values)) for each in store.orders()]
        histories = store.histories([id_.strip() for id_ in CELLS["id"]] + ["01067"])
        marks = {id_: each.refused for id_, each in histories.items()}
        imported = store.imported()
        store.close()
        counts = (report.rows, report.inserted, report.updated, report.bad, report.refused)
        return orders, marks, imported, counts, [each.message for each in report.problems]


@given(ROWS)
@settings(deadline=None, max_examples=6)
def test_both_ways_store_the_same(unusual: list[dict[str, str]]) -> None:
    """Orders, marks, freshness and messages of nasty rows are the same whether or not rows are asked about."""
    usual = {"account": "web", "ordered": "2026-08-01", "email": "b@example.com", "total": "19.90"}
    rows = [{"id": f"100{number % 30}", **usual, **each} for number, each in enumerate(unusual)]
    written = io.StringIO()
    writer = csv.DictWriter(written, NAMES)
    writer.writeheader()
    writer.writerows(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "_AT_ONCE", 3)
        patch.setattr(values, "_REMEMBERED", 2)
        assert outcome(written.getvalue(), USUAL) == outcome(written.getvalue(), ASKING)


@given(st.lists(st.sampled_from(["a,b", '"a\nb",c', '"x\r\ny\r",d', '" ",', ",", "", "a", "a,b,c", 'e,"f"g', "h,i,,"])))
@settings(deadline=None, max_examples=40)
def test_every_row_has_its_line(lines: list[str]) -> None:
    """Rows that are read many at once are found on the lines where a reader of single rows finds them."""
    text = "\r\n".join(["one,two", *lines])
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        file = OrderFile(Path(name) / "o.csv", "o.csv")
        file.path.write_text(text, encoding="utf-8", newline="")
        found = {}
        for size in (1, 4, 1_000):
            patch.setattr(tables, "_AT_ONCE", size)
            rows = [
                (each.line, each.cells, each.message) if isinstance(each, OddRow) else each
                for each in Table(file, TableLayout()).rows()
            ]
            found[size] = rows
    assert found[1] == found[4] == found[1_000]
