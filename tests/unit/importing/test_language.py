"""The mapping language, sentence by sentence: a mapping and a file, and what comes of them."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from sendplan import resources
from sendplan.importing import json_trees
from sendplan.importing.conversion import convert
from sendplan.importing.files import OrderFile
from sendplan.importing.import_file import import_file
from sendplan.importing.import_report import ImportReport
from sendplan.importing.json_trees import json_records
from sendplan.importing.mapping_file import read_mapping
from sendplan.importing.values import as_json
from sendplan.project.settings import Settings
from sendplan.project.settings_file import read_settings
from sendplan.store import Store, open_store

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
CASES = yaml.load((Path(__file__).parent / "mapping_cases.yaml").read_text(encoding="utf-8"), yaml.BaseLoader)
"""Every scalar is text, as the file writes it."""
PROJECT = """
shop: {name: Test, timezone: Europe/Berlin, country: DE}
store: sqlite:///shop.db
senders: {main: {host: smtp.example.com, port: 587, security: starttls, from: shop@example.com}}
accounts: {web: {portal: shop}, ebay-de: {portal: ebay}}
regions: {abroad: any}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("language")
    (folder / "sendplan.yaml").write_text(PROJECT)
    settings, _, problems = read_settings(folder)
    assert settings is not None, problems
    return settings


def take(project: Settings, store: Store, folder: Path, mapping: str, name: str, content: str) -> ImportReport:
    (folder / "mapping.yaml").write_text(mapping, encoding="utf-8")
    (folder / name).write_text(content, encoding="utf-8")
    return import_file(folder / name, folder / "mapping.yaml", project, store, NOW, name=name)


def has(order: dict[str, Any], expected: dict[str, Any], store: Settings) -> bool:
    """Whether the order has exactly these values, beside id, account and ordered."""
    wanted = {name: _value(name, raw, store) for name, raw in expected.items()}
    found = {name: value for name, value in order.items() if name in wanted or name not in ("id", "account", "ordered")}
    return found == wanted


def _value(name: str, raw: Any, settings: Settings) -> Any:
    if name == "lines":
        line: dict[str, Callable[[str], object]] = {"quantity": int, "price": lambda text: as_json(Decimal(text))}
        return [{key: line.get(key, str)(text) for key, text in each.items()} for each in raw]
    return as_json(convert(settings.fields[name], raw, settings.calendar))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["says"])
def test_the_language(case: dict[str, Any], project: Settings, tmp_path: Path) -> None:
    """The orders of the file are those of the case, and what is told is what it says."""
    store = open_store(project.store, tmp_path, project.fields, project.calendar)
    if "before" in case:
        names = tuple(dict.fromkeys(name for each in case["before"] for name in each))
        with store.importing("before.csv", NOW) as run:
            for number, each in enumerate(case["before"]):
                values = {name: convert(project.fields[name], raw, project.calendar) for name, raw in each.items()}
                run.upsert(tuple(values), [(number, tuple(values.values()))])
            run.finish(0)
        assert "id" in names
    ((name, content),) = case["file"].items()
    report = take(project, store, tmp_path, case["mapping"], name, content)
    told = [f"{each.span or ''}: {each.message}" for each in report.problems]
    expected = case.get("told", [])
    assert len(told) == len(expected), told
    for text, wanted in zip(told, expected, strict=True):
        assert wanted in text
    orders = {each.id: {key: as_json(value) for key, value in each.values.items()} for each in store.orders()}
    for each in store.orders():
        orders[each.id]["account"] = each.account
    store.close()
    assert orders.keys() == case.get("orders", {}).keys()
    for id_, wanted_values in case.get("orders", {}).items():
        assert has(orders[id_], wanted_values, project), orders[id_]
    assert report.passed_over == int(case.get("passed_over", report.passed_over))
    assert case.get("warned") != [] or not report.warnings, report.warnings
    for wanted in case.get("warned", []):
        assert any(wanted in each.message for each in report.warnings), report.warnings


BAD = yaml.load((Path(__file__).parent / "bad_mapping_cases.yaml").read_text(encoding="utf-8"), yaml.BaseLoader)


@pytest.mark.parametrize("case", BAD, ids=lambda case: case["says"])
def test_a_mapping_is_checked_when_it_is_loaded(case: dict[str, Any], project: Settings, tmp_path: Path) -> None:
    """Everything that can be known without the file is told at once, each at its place in the mapping."""
    (tmp_path / "mapping.yaml").write_text(case["mapping"], encoding="utf-8")
    mapping, problems = read_mapping(tmp_path / "mapping.yaml", project)
    told = [(f"{each.span.line}:{each.span.column}", each.message) for each in problems if each.span]
    assert mapping is None
    assert len(told) == int(case.get("count", len(case["told"]))), told
    for place, message in case["told"].items():
        assert any(at == place and message in said for at, said in told), told


def test_seen_is_kept_from_the_first_time_on(project: Settings, tmp_path: Path) -> None:
    """`seen` is the import's time, on an order's first import its `ordered`; it stays, and is gone with its reason."""
    store = open_store(project.store, tmp_path, project.fields, project.calendar)
    mapping = "accounts: [web]\nfields: {id: id, ordered: ordered, seller_feedback: =seen if fb == 'Yes'}\n"

    def after(content: str) -> dict[str, object]:
        report = take(project, store, tmp_path, mapping, "orders.csv", f"id,ordered,fb\n{content}")
        assert report.problems == ()
        return {each.id: each.values.get("seller_feedback") for each in store.orders()}

    ordered = date(2026, 11, 2)
    assert after("1,2026-11-02,Yes\n2,2026-11-02,No\n") == {"1": ordered, "2": None}
    assert after("1,2026-11-02,Yes\n2,2026-11-02,Yes\n") == {"1": ordered, "2": NOW}
    assert after("1,2026-11-02,No\n2,2026-11-02,Yes\n") == {"1": None, "2": NOW}
    assert after("1,2026-11-02,Yes\n") == {"1": NOW, "2": NOW}
    store.close()


@pytest.mark.parametrize(
    ("encoding", "declared", "packed"),
    [
        ("utf-8", "", False),
        ("utf-8-sig", "", False),
        ("utf-16", "", False),
        ("cp1252", "encoding: cp1252\n", False),
        ("utf-8-sig", "encoding: cp1252\n", False),
        ("utf-8", "", True),
    ],
)
def test_a_file_is_read_in_its_encoding(
    encoding: str, declared: str, packed: bool, project: Settings, tmp_path: Path
) -> None:
    """A byte order mark is certain, else the mapping says the encoding, else it is UTF-8; gzip is unpacked."""
    store = open_store(project.store, tmp_path, project.fields, project.calendar)
    content = "id,ordered,name\n1,2026-11-02,Müller\n".encode(encoding)
    path = tmp_path / ("orders.csv.gz" if packed else "orders.csv")
    path.write_bytes(gzip.compress(content) if packed else content)
    (tmp_path / "m.yaml").write_text(f"{declared}accounts: [web]\nfields: {{id: id, ordered: ordered, name: name}}\n")
    assert import_file(path, tmp_path / "m.yaml", project, store, NOW).problems == ()
    assert [each.values["name"] for each in store.orders()] == ["Müller"]
    store.close()


@pytest.mark.parametrize(
    ("values", "message", "help"),
    [
        (
            [f"1.{number:03},90" for number in range(40)],
            '40 of 40 values of `total` are not numbers, e.g. "1.000,90" (lines 2, 3, 4, …)',
            'add decimal: "," and thousands: "."',
        ),
        (
            [f"{number},50" for number in range(40)],
            '40 of 40 values of `total` are not numbers, e.g. "0,50" (lines 2, 3, 4, …)',
            'add decimal: ","',
        ),
    ],
)
def test_alike_errors_are_one_line_with_what_to_change(
    values: list[str], message: str, help: str, project: Settings, tmp_path: Path
) -> None:
    """Very many alike bad rows are told once, with their number, three places and the likely fix."""
    store = open_store(project.store, tmp_path, project.fields, project.calendar)
    rows = "".join(f"{number};2026-11-02;{value}\n" for number, value in enumerate(values))
    mapping = "delimiter: ';'\naccounts: [web]\nfields: {id: id, ordered: ordered, total: total}\n"
    report = take(project, store, tmp_path, mapping, "orders.csv", f"id;ordered;total\n{rows}")
    assert [(each.message, each.help) for each in report.problems] == [(message, help)]
    store.close()


def test_foreign_dates_are_recognised(project: Settings, tmp_path: Path) -> None:
    """Many dates of one foreign form are told with the line that the mapping lacks."""
    store = open_store(project.store, tmp_path, project.fields, project.calendar)
    rows = "".join(f"{number},{number % 28 + 1:02}.11.2026\n" for number in range(800))
    mapping = "accounts: [web]\nfields: {id: id, ordered: ordered}\n"
    report = take(project, store, tmp_path, mapping, "orders.csv", f"id,ordered\n{rows}")
    assert [each.help for each in report.problems] == ['it looks like `%d.%m.%Y`: add dates: ["%d.%m.%Y"]']
    assert "800 of 800 values of `ordered` are not dates" in report.problems[0].message
    store.close()


def test_a_dry_run_stores_nothing(project: Settings, tmp_path: Path) -> None:
    """It tells the orders as they would be stored, what they are now, and the columns that nothing reads."""
    store = open_store(project.store, tmp_path, project.fields, project.calendar)
    mapping = "accounts: [web]\nfields: {id: id, ordered: ordered, name: name}\n"
    take(project, store, tmp_path, mapping, "orders.csv", "id,ordered,name\n1,2026-11-02,Eve\n")
    (tmp_path / "orders.csv").write_text("id,ordered,name,extra\n1,2026-11-02,Ann,x\n2,2026-11-02,Bob,y\n")
    report = import_file(tmp_path / "orders.csv", tmp_path / "mapping.yaml", project, store, NOW, dry_run=5)
    assert (report.inserted, report.updated, report.stored, report.unused) == (1, 1, False, ("extra",))
    assert [(each.values["name"], each.before and each.before.values["name"]) for each in report.previews] == [
        ("Ann", "Eve"),
        ("Bob", None),
    ]
    assert {each.id: each.values["name"] for each in store.orders()} == {"1": "Eve"}
    store.close()


def test_a_mapping_extends_one_that_comes_with_sendplan(
    project: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fields and lets are merged name by name, null removes one, other keys are replaced."""
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "demo.yaml").write_text(
        "delimiter: ';'\nempty: ['-']\nlet: {who: name}\nfields: {id: nr, ordered: day, name: =who, total: sum}\n"
    )
    monkeypatch.setattr(resources, "shipped", lambda: tmp_path)
    store = open_store(project.store, tmp_path, project.fields, project.calendar)
    mapping = (
        "extends: demo\naccounts: [web]\nempty: ['?']\nlet: {who: first(kunde)}\nfields: {total: null, status: st}\n"
    )
    report = take(project, store, tmp_path, mapping, "orders.csv", "nr;day;kunde;st\n1;2026-11-02;Eve;-\n")
    assert report.problems == ()
    assert [dict(each.values) for each in store.orders()] == [
        {"id": "1", "account": "web", "ordered": date(2026, 11, 2), "name": "Eve", "status": "-"}
    ]
    store.close()


def test_json_is_read_in_pieces(project: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However a file is cut into pieces, the orders, their lines and its mistakes are the same."""
    content = '{"a": [1, {"orders": 12}],\n "data": {"n": 123456, "orders": [\n'
    content += '{"id": "1", "ordered": "2026-11-02", "total": 12.5},\n'
    content += '{"id": "ü\\"]", "ordered": "2026-11-03", "total": 123456},\n 7], "z": null}}\n'
    (tmp_path / "o.json").write_text(content, encoding="utf-8")
    whole = list(json_records(OrderFile(tmp_path / "o.json", "o.json"), ("data", "orders")))
    assert [each[0] if isinstance(each, tuple) else each.line for each in whole] == [3, 4, 5]
    for size in range(1, 40):
        monkeypatch.setattr(json_trees, "_PIECE", size)
        assert list(json_records(OrderFile(tmp_path / "o.json", "o.json"), ("data", "orders"))) == whole
