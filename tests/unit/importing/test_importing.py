"""`import`: files, mappings, bad rows and freshness."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sendplan import resources
from sendplan.fields import Value
from sendplan.importing.import_file import import_file
from sendplan.importing.import_report import ImportReport
from sendplan.problems import Problem
from sendplan.project.settings import Settings
from sendplan.project.settings_file import read_settings
from sendplan.store import Store, open_store

NOW = datetime(2026, 8, 24, 10, 0, tzinfo=UTC)
REAL_DATA = Path(__file__).parents[4] / "shared" / "data" / "accounts-receivable.csv"
PROJECT = """
shop: {name: Test, timezone: Europe/Berlin, country: DE}
store: sqlite:///shop.db
senders: {main: {host: smtp.example.com, port: 587, security: starttls, from: shop@example.com}}
accounts: {ebay-de: {portal: ebay}, web: {portal: shop}}
regions: {abroad: any}
fields: {loyalty: text}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("project")
    (folder / "sendplan.yaml").write_text(PROJECT)
    read, _, problems = read_settings(folder)
    assert problems == []
    assert read is not None
    return read


@pytest.fixture
def store(project: Settings, tmp_path: Path) -> Iterator[Store]:
    opened = open_store(project.store, tmp_path, project.fields, project.calendar)
    yield opened
    opened.close()


class Importer:
    """Writes files, imports them, and looks at what came of it."""

    def __init__(self, folder: Path, project: Settings, store: Store) -> None:
        self.folder = folder
        self.project = project
        self.store = store

    def __call__(
        self, content: str | bytes, *, name: str = "orders.csv", mapping: str | None = None, strict: bool = False
    ) -> ImportReport:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        mapping_path = None
        if mapping is not None:
            mapping_path = self.folder / "shop.mapping.yaml"
            mapping_path.write_text(mapping)
        return import_file(path, mapping_path, self.project, self.store, NOW, strict=strict)

    def orders(self) -> dict[str, dict[str, Value]]:
        return {each.id: dict(each.values) for each in self.store.orders()}

    def told(self, problems: tuple[Problem, ...]) -> list[str]:
        """Each problem as a person reads it, without the folder."""
        return [f"{each.span or ''}: {each.message}".replace(f"{self.folder}/", "") for each in problems]


@pytest.fixture
def take(tmp_path: Path, project: Settings, store: Store) -> Importer:
    return Importer(tmp_path, project, store)


HEAD = "id,account,ordered"
E1 = {"id": "E1", "account": "ebay-de", "ordered": date(2026, 8, 11)}


def test_a_csv_becomes_orders(take: Importer) -> None:
    """Columns carry the field names; the report counts rows, and orders new, changed and as they were."""
    content = f"{HEAD},total,country,loyalty\nE1,ebay-de,2026-08-11,19.99,Deutschland,gold\nE2,web,2026-08-11,,,\n"

    report = take(content)
    assert (report.rows, report.inserted, report.bad, report.stored) == (2, 2, 0, True)
    assert take.orders() == {
        "E1": {**E1, "total": Decimal("19.99"), "country": "DE", "loyalty": "gold"},
        "E2": {**E1, "id": "E2", "account": "web"},
    }
    again = take(content.replace("gold", "silver"))
    assert (again.inserted, again.updated, again.unchanged) == (0, 1, 1)


def test_json_numbers_stay_exact(take: Importer) -> None:
    """Numbers in JSON are read from their characters, never by way of a float."""
    report = take('[{"id": "E1", "account": "web", "ordered": "2026-08-11", "total": 0.1, "items": 3}]', name="o.json")

    assert report.problems == ()
    assert take.orders()["E1"]["total"] == Decimal("0.10")
    assert take("{'id'}", name="o.json").stored is False


def test_json_may_come_as_list_as_orders_or_as_lines(take: Importer) -> None:
    """A list, an object with `orders`, and one object a line all become the same orders."""
    records = [{"id": f"E{number}", "account": "web", "ordered": "2026-08-11"} for number in (1, 2)]
    forms = {
        "a.json": json.dumps(records),
        "b.json": json.dumps({"shop": "x", "orders": records}, indent=2),
        "c.jsonl": "\n\n".join(json.dumps(each) for each in records),
    }

    reports = [take(content, name=name) for name, content in forms.items()]
    assert [(each.rows, each.unchanged) for each in reports] == [(2, 0), (2, 2), (2, 2)]


def test_an_absent_column_leaves_and_an_empty_cell_clears(take: Importer) -> None:
    """A column that is not there leaves the field, an empty cell or a JSON null clears it."""
    take(f"{HEAD},total,loyalty\nE1,ebay-de,2026-08-11,5,gold\n")
    take("id,loyalty\nE1,\n")
    assert take.orders()["E1"] == {**E1, "total": Decimal("5.00")}

    take('[{"id": "E1", "loyalty": "x"}, {"id": "E2", "account": "web", "ordered": "2026-08-11"}]', name="o.json")
    take('{"id": "E1", "total": null}', name="o.jsonl")
    assert take.orders()["E1"] == {**E1, "loyalty": "x"}


def test_bad_rows_are_told_and_the_others_taken(take: Importer) -> None:
    """Each bad row is told with its line and column, what is wrong and what to write; good rows are stored."""
    report = take(
        f"{HEAD},total,name\n"
        "E1,ebay-de,2026-08-11,5,ok\n"
        'E2,ebay-de,2026-08-11,"1,5","two\nlines"\n'
        "E3,ebay-de,11.08.2026,5,\n"
        ",ebay-de,2026-08-11,5,\n"
        "E5,ebay,2026-08-11,5,\n"
        "E6,ebay-de,,5,\n"
        "E7,ebay-de,2026-08-11,5\n"
        "E1,ebay-de,2026-08-11,6,again\n"
        "E9,web,2026-08-11,5,ok\n"
    )

    assert take.told(report.problems) == [
        'orders.csv:3:23: `total` = "1,5" is not a number',
        'orders.csv:5:12: `ordered` = "11.08.2026" is not a date; formats tried: iso',
        "orders.csv:6:1: `id` is missing",
        'orders.csv:7:4: `account` = "ebay" names an account that sendplan.yaml does not have',
        "orders.csv:8:12: `ordered` is missing",
        "orders.csv:9:1: has 4 cells, the header has 5",
        "orders.csv:10:1: the order `E1` is on line 2 already",
    ]
    assert [bool(each.help) for each in report.problems] == [True, True, False, True, False, True, True]
    assert report.problems[3].help == "did you mean `ebay-de`?"
    assert report.problems[1].frame() == "5 | ··,····-··,11.08.2026,·,\n  |            ^^^^^^^^^^"
    assert (report.rows, report.inserted, report.bad) == (9, 2, 7)
    assert take.orders().keys() == {"E1", "E9"}


def test_strict_takes_all_or_nothing(take: Importer) -> None:
    """With `--strict` one bad row keeps the whole file out, and the store as it was."""
    take(f"{HEAD}\nE1,ebay-de,2026-08-11\n")
    report = take(f"{HEAD}\nE1,ebay-de,2026-08-12\nE2,ebay-de,\n", strict=True)

    assert (report.stored, report.bad, report.inserted) == (False, 1, 0)
    assert take.orders() == {"E1": E1}


def test_an_orders_account_cannot_change(take: Importer) -> None:
    """An import that would move an order to another account is a bad row."""
    take(f"{HEAD}\nE1,ebay-de,2026-08-11\n")
    report = take(f"{HEAD}\nE2,web,2026-08-11\nE1,web,2026-08-11\n")

    assert take.told(report.problems) == ["orders.csv:3:1: the order `E1` belongs to the account `ebay-de`"]
    assert {id_: each["account"] for id_, each in take.orders().items()} == {"E1": "ebay-de", "E2": "web"}


def test_a_new_order_needs_account_and_date(take: Importer) -> None:
    """A file without account and date updates known orders; an unknown id in it is a bad row."""
    take(f"{HEAD}\nE1,ebay-de,2026-08-11\n")
    report = take("id,paid\nE1,2026-08-12\nE2,2026-08-12\n")

    assert take.told(report.problems) == ["orders.csv:3:1: the order `E2` is new and has no `account`"]
    assert report.updated == 1


def test_json_rows_are_told_with_their_lines(take: Importer) -> None:
    """In JSON a bad order is told with the line on which it begins, also when several share a line."""
    good = '{"id": "E1", "account": "web", "ordered": "2026-08-11"}'
    report = take(f'[{good},\n {{"id": "E2",\n  "account": "web", "ordered": 5}}, {good},\n 7, {{}}]', name="o.json")

    assert take.told(report.problems) == [
        "o.json:3:1: the order `E1` is on line 1 already",
        'o.json:3:21: `ordered` = "5" is not a date; formats tried: iso',
        "o.json:4:1: is not an order",
        "o.json:4:1: `id` is missing",
    ]
    assert (report.rows, report.inserted, report.bad) == (5, 1, 4)

    lines = take(f'{good}\nnonsense\n{{"id": "E3", "account": "x", "ordered": "2026-08-11"}}\n', name="o.jsonl")
    assert [each.partition(": ")[0] for each in take.told(lines.problems)] == ["o.jsonl:2:1", "o.jsonl:3:14"]


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ("", "o.csv", "o.csv:1:1: the file has no header"),
        ("number,total\n1,2\n", "o.csv", "o.csv:1:1: no column provides the field `id`"),
        ("id,total,id\n1,2,3\n", "o.csv", "o.csv:1:1: the column `id` appears twice"),
        ("id;total\n1;2\n", "o.csv", "o.csv:1:1: the header has only one column"),
        (
            f'{HEAD}\nE1,web,2026-08-11\nE2,web,"2026\n\n',
            "o.csv",
            "o.csv:3:1: a quote that begins in this row is never closed",
        ),
        (
            f"{HEAD},name\nE1,web,2026-08-11,M".encode() + b"\xfcller\n",
            "o.csv",
            "o.csv:2:20: is not UTF-8 from here on",
        ),
        ('[{"id": "E1"} {"id": "E2"}]', "o.json", "o.json:1:15: is not JSON: a comma or `]` is missing here"),
        ('[{"id": "E1"},\n', "o.json", "o.json:2:1: is not JSON: the file ends too early"),
        ('[{"id": "E1"},\n{"id": }]', "o.json", "o.json:2:8: is not JSON: expecting value"),
        ('[{"id": "E1", "total": NaN}]', "o.json", "o.json:1:2: is not JSON: NaN is not a number"),
        ('{"id": "E1"}\n{"id": "E2"}', "o.json", "o.json:2:1: the JSON has ended, and yet something follows"),
        ('{"id": "E1", "id": "E2"}', "o.json", "o.json:1:18: the key `id` appears twice in one object"),
        ('[{"id": "E1", "id": "E2"}]', "o.json", "o.json:1:2: the key `id` appears twice in one object"),
        ("5", "o.json", "o.json:1:2: the file holds not a list of orders"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_whole(
    take: Importer, content: str | bytes, name: str, message: str
) -> None:
    """What is wrong with the file itself is told with its place, and nothing of it is stored."""
    report = take(content, name=name)

    assert take.told(report.problems) == [message]
    assert report.stored is False
    assert take.orders() == {}


def test_a_missing_file_is_told(take: Importer, project: Settings, store: Store) -> None:
    """A file that is not there ends in a message, not in a traceback."""
    report = import_file(take.folder / "none.csv", None, project, store, NOW)

    assert "none.csv` cannot be read: no such file" in report.problems[0].message


def test_columns_that_no_field_takes_are_told(take: Importer) -> None:
    """A column that is no field is left out with a warning that names the nearest field."""
    report = take(f"{HEAD},totl,Bemerkung\nE1,ebay-de,2026-08-11,5,x\n")

    assert take.told(report.warnings) == [
        "orders.csv:1:1: there is no field called `totl`",
        "orders.csv:1:1: there is no field called `Bemerkung`",
    ]
    assert report.warnings[0].help.startswith("did you mean `total`")
    assert take.orders() == {"E1": E1}


def test_a_mark_at_the_files_start_is_no_part_of_a_name(take: Importer) -> None:
    """A byte order mark, as spreadsheets write it, and Windows line ends are no trouble."""
    report = take(b"\xef\xbb\xbf" + f"{HEAD}\r\nE1,ebay-de,2026-08-11\r\n\r\n".encode())

    assert (report.problems, report.inserted) == ((), 1)


def test_very_many_bad_rows_are_counted_not_listed(take: Importer) -> None:
    """More than a few alike bad rows are one line with their number, three places, and one help."""
    report = take(f"{HEAD}\n" + "E,nobody,2026-08-11\n" * 1005)

    assert report.bad == 1005
    assert take.told(report.problems) == [
        "orders.csv:2:3: 1,005 of 1,005 values of `account` name an account that sendplan.yaml does not have,"
        ' e.g. "nobody" (lines 2, 3, 4, …)'
    ]


MAPPING = """
format: csv
delimiter: ";"
encoding: cp1252
accounts: [web]
fields:
  id: Nr
  ordered: {column: Datum, date: "%d.%m.%Y"}
  total: {column: Betrag, decimal: ","}
  disputed: {column: Strittig, "true": ["Ja"], "false": ["Nein"]}
  account: {value: web}
  email: {template: "{Kunde}@example.com"}
  name: Name
"""


def test_a_mapping_reads_a_foreign_file(take: Importer) -> None:
    """A mapping renames columns, reads foreign dates, amounts, flags and encodings, adds constants and templates."""
    report = take(
        "Nr;Datum;Betrag;Strittig;Kunde;Name;Rest\n0017;11.08.2026;1234,5;Ja;k1;Müller;x\n18;11.08.2026;;;;;\n".encode(
            "cp1252"
        ),
        mapping=MAPPING,
    )

    assert (report.problems, report.warnings) == ((), ())
    assert take.orders() == {
        "0017": {
            "id": "0017",
            "account": "web",
            "ordered": date(2026, 8, 11),
            "total": Decimal("1234.50"),
            "disputed": True,
            "email": "k1@example.com",
            "name": "Müller",
        },
        "18": {"id": "18", "account": "web", "ordered": date(2026, 8, 11)},
    }


def test_a_mapping_that_names_a_missing_column_refuses_the_file(take: Importer) -> None:
    """A column that the mapping names and the file lacks is an error, so that no cancellation is overlooked."""
    report = take("Nr;Datum;Betrg\n1;11.08.2026;5\n", mapping=MAPPING)

    assert (report.stored, report.inserted) == (False, 0)
    assert "shop.mapping.yaml:9:19: the file has no column `Betrag`, which `total` reads" in take.told(report.problems)
    found = next(each for each in report.problems if "Betrag" in each.message)
    assert found.help == "did you mean `Betrg`? or add `optional: true` when it may be absent"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("{id: Nr, totl: Betrag}", "4:18: there is no field `totl`"),
        ("{id: Nr, open_amount: Betrag}", "4:18: there is no field `open_amount`"),
        ("{total: Betrag}", "4:1: `id` is missing: it tells which order a row is about"),
        ("{id: Nr, account: {value: wob}}", "4:35: unknown account `wob`"),
        ("{id: Nr, total: {value: much}}", "4:33: `total` is not a number: `much`"),
        ("{id: Nr, name: {column: N, decimal: ','}}", "4:36: `decimal` does not fit `name`, which is a text"),
        ("{id: Nr, email: {template: x@example.com}}", "4:36: the template does not name a column"),
        ("{id: Nr, email: {template: '{x'}}", "4:36: the template has a brace without its counterpart"),
    ],
)
def test_a_wrong_mapping_is_told_with_its_place(take: Importer, fields: str, message: str) -> None:
    """Everything wrong in a mapping file is told with its line and column, and nothing is imported."""
    report = take("Nr\n1\n", mapping=f"format: csv\n#\n#\nfields: {fields}\n")

    assert take.told(report.problems) == [f"shop.mapping.yaml:{message}"]
    assert report.stored is False


def test_a_mappings_accounts_and_encoding_are_checked(take: Importer) -> None:
    """An unknown account or encoding in a mapping is told."""
    report = take("Nr\n1\n", mapping="encoding: utf-99\naccounts: [weeb]\nfields: {id: Nr}\n")

    assert take.told(report.problems) == [
        "shop.mapping.yaml:1:11: unknown encoding `utf-99`",
        "shop.mapping.yaml:2:12: unknown account `weeb`",
    ]


def test_freshness_goes_by_rows_or_by_the_mappings_accounts(take: Importer) -> None:
    """A file counts for the accounts it has rows for, or for those its mapping lists, and for the columns it has."""
    take(f"{HEAD},paid\nE1,ebay-de,2026-08-11,\n")
    assert take.store.imported() == {"ebay-de": dict.fromkeys(("id", "account", "ordered", "paid"), NOW)}

    take("Nr;Betrag\n", mapping="delimiter: ';'\naccounts: [web]\nfields: {id: Nr, total: Betrag}\n")
    assert take.store.imported()["web"] == dict.fromkeys(("id", "total", "account"), NOW)


def test_progress_is_told(take: Importer, project: Settings, store: Store) -> None:
    """Long imports tell how many rows they have read."""
    path = take.folder / "many.csv"
    path.write_text(f"{HEAD}\n" + "".join(f"E{number},web,2026-08-11\n" for number in range(4_500)))
    seen: list[int] = []
    import_file(path, None, project, store, NOW, progress=seen.append)

    assert seen == [2_000, 4_000, 4_500]


def test_the_sample_orders_are_all_good(tmp_path: Path) -> None:
    """The example shop takes its own sample orders without a single complaint."""
    example, _, problems = read_settings(resources.shipped())
    assert problems == []
    assert example is not None
    store = open_store("sqlite:///shop.db", tmp_path, example.fields, example.calendar)
    report = import_file(resources.shipped() / "fixtures" / "orders.csv", None, example, store, NOW)

    assert (report.problems, report.warnings, report.bad) == ((), (), 0)
    assert {each.account for each in store.orders()} == set(example.accounts)
    store.close()


def test_real_invoices_are_imported_whole(take: Importer, project: Settings, store: Store) -> None:
    """The public data set of 2,466 invoices is taken whole, with leading zeros, American dates and Yes/No flags."""
    if not REAL_DATA.exists():
        pytest.skip("the data set is not on this machine")
    mapping = resources.shipped() / "fixtures" / "accounts-receivable.mapping.yaml"
    report = import_file(REAL_DATA, mapping, project, store, NOW, strict=True)

    assert (report.problems, report.warnings, report.inserted) == ((), (), 2_466)
    orders = take.orders()
    assert sum(each["disputed"] is True for each in orders.values()) == 561
    assert orders["0000611365"] == {
        "id": "0000611365",
        "account": "web",
        "customer": "0379-NEVHP",
        "email": "0379-NEVHP@example.com",
        "total": Decimal("55.94"),
        "currency": "EUR",
        "ordered": date(2013, 1, 2),
        "payment_due": date(2013, 2, 1),
        "paid": date(2013, 1, 15),
        "disputed": False,
    }


FIELDS = {
    "total": st.sampled_from(["1.00", "2.50"]),
    "loyalty": st.sampled_from(["gold", "x,y"]),
    "paid": st.just("2026-08-12"),
}
FILES = st.lists(
    st.fixed_dictionaries({}, optional={name: st.just("") | values for name, values in FIELDS.items()}),
    min_size=1,
    max_size=5,
)


@given(files=FILES, as_json=st.booleans())
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_import_never_erases_what_its_file_does_not_carry(
    take: Importer, files: list[dict[str, str]], as_json: bool
) -> None:
    """After any sequence of files, an order holds what the last file with a column said about it."""
    take(f"{HEAD},total,loyalty,paid\nE1,ebay-de,2026-08-11,,,\n")
    model: dict[str, str] = {}
    for values in files:
        if as_json:
            take(json.dumps([{"id": "E1", **values}]), name="o.json")
        else:
            cells = ",".join(f'"{each}"' for each in ("E1", *values.values()))
            take(f"{','.join(('id', *values))}\n{cells}\n")
        model.update(values)

    kept = {name: value for name, value in model.items() if value}
    stored = {name: str(value) for name, value in take.orders()["E1"].items() if name in FIELDS}
    assert stored == kept


def test_many_new_orders_of_nobody_are_one_message(take: Importer) -> None:
    """What differs by the order's id alone is alike, and told once with what to write."""
    rows = "".join(f"E{number},2026-08-01\n" for number in range(30))
    told = take.told(take(f"id,ordered\n{rows}").problems)
    assert told == ["orders.csv:2:1: 30 of 30 rows: the order is new and has no `account` (lines 2, 3, 4, …)"]
