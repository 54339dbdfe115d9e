"""The mappings that come with sendplan read an export of their system, and its reminders go to the right orders."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from small_projects import ONE_ACCOUNT

from sendplan.cli import cli, run
from sendplan.commands.init_command import copy_example
from sendplan.importing.import_report import ImportReport
from sendplan.importing.mapping_file import read_mapping, shipped_names, shipped_path
from sendplan.importing.values import as_json
from sendplan.operating.imports import take_file
from sendplan.project.settings import Settings
from sendplan.project.settings_file import read_settings
from sendplan.report import problems_text
from sendplan.store import open_store

ROOT = Path(__file__).parents[3]
SAMPLES = ROOT / "fixtures" / "presets"
NOW = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)
REMINDED = {
    "amazon": {"1002"},
    "billbee": {"300000180937795"},
    "ebay": {"1002"},
    "magento": {"000000002", "000000005"},  # not the one on hold, and not the one without e-mail
    "shopify": {"#1002", "#1005"},  # not the authorised, the voided, the partly refunded and the one without e-mail
    "shopify-rest": {"#2002", "#2005"},
    "shopware": {"10002", "10007"},  # not the partly paid: nobody knows how much is open
    "stripe": set(),
    "woocommerce": {"1002"},
}
"""Which orders of its sample each preset leaves open, unsettled and with an address."""
GONE = {
    "amazon": "payments-date",
    "billbee": "PayedAt",
    "ebay": "Paid On Date",
    "magento": "total_due",
    "shopify": "Cancelled at",
    "shopify-rest": "financial_status",
    "shopware": "transactions",
    "stripe": "Amount Refunded",
    "woocommerce": "date_paid_gmt",
}
"""A column whose loss would mean dunning the wrong people."""


def _sample(system: str) -> Path:
    return next(path for path in (SAMPLES / system).iterdir() if path.stem == "orders")


def _expected(system: str) -> dict[str, dict[str, Any]]:
    text = (SAMPLES / system / "expected.json").read_text(encoding="utf-8")
    return {each["id"]: each for each in json.loads(text)}


def _settings(folder: Path) -> Settings:
    (folder / "sendplan.yaml").write_text(ONE_ACCOUNT)
    settings, _, problems = read_settings(folder)
    assert settings is not None, problems
    return settings


def _read(file: Path, mapping: Path, folder: Path) -> tuple[ImportReport, dict[str, dict[str, Any]]]:
    settings = _settings(folder)
    store = open_store(settings.store, folder, settings.fields, settings.calendar)
    done = take_file(file, mapping, settings, store, NOW, name=file.name)
    orders = {each.id: {name: as_json(value) for name, value in each.values.items()} for each in store.orders()}
    store.close()
    return done, orders


def test_every_preset_has_its_sample_and_its_page() -> None:
    """No mapping is shipped that nobody has tried, or of which nobody can read what it cannot tell."""
    assert set(shipped_names()) == REMINDED.keys()
    index = (ROOT / "docs" / "systems.md").read_text(encoding="utf-8")
    for name in shipped_names():
        section = index.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        for told in ("Export:", "Cannot tell:", "Rules:", "Source:"):
            assert told in section, (name, told)
        assert f"docs/systems.md#{name}\n" in shipped_path(name).read_text(encoding="utf-8")


@pytest.mark.parametrize("system", shipped_names())
def test_a_preset_reads_the_sample_of_its_system(system: str, tmp_path: Path) -> None:
    """The orders are those that were written down beside the sample, and no row is refused."""
    done, orders = _read(_sample(system), shipped_path(system), tmp_path)
    assert not done.problems, problems_text(done.problems, color=False)
    expected = _expected(system)
    assert orders.keys() == expected.keys()
    for id_, order in expected.items():
        given = {name: value for name, value in orders[id_].items() if value not in (None, []) and name != "customer"}
        assert given == order


@pytest.mark.parametrize("system", shipped_names())
def test_the_dunning_rule_picks_who_owes(system: str, tmp_path: Path) -> None:
    """Through `extends`, the example shop reminds exactly the orders that are open, not cancelled and reachable."""
    copy_example(tmp_path)
    mapping = tmp_path / "own.yaml"
    mapping.write_text(f"extends: {system}\naccounts: [shop-de]\n")
    settings, _, problems = read_settings(tmp_path)
    assert settings is not None, problems
    assert read_mapping(mapping, settings)[1] == []
    file = tmp_path / _sample(system).name
    file.write_bytes(_sample(system).read_bytes())
    os.utime(file, (NOW.timestamp(), NOW.timestamp()))
    store = open_store(settings.store, tmp_path, settings.fields, settings.calendar)
    done = take_file(file, mapping, settings, store, NOW, name=file.name)
    store.close()
    assert not done.problems, problems_text(done.problems, color=False)
    args = ["plan", "--rule", "dunning", "--now", "2026-12-01 12:00", "--format", "json", "--project", str(tmp_path)]
    planned = CliRunner().invoke(cli, args)
    sends = {each["key"].split("/")[0] for each in json.loads(planned.stdout)["entries"] if each["status"] == "send"}
    assert sends == REMINDED[system]


@pytest.mark.parametrize(("system", "column"), GONE.items())
def test_a_header_that_drifted_names_the_column(system: str, column: str, tmp_path: Path) -> None:
    """A column that the export no longer has refuses the file and is named; nothing is stored."""
    file = tmp_path / _sample(system).name
    text = _sample(system).read_text(encoding="utf-8-sig")
    assert column in text
    file.write_text(text.replace(column, "renamed"), encoding="utf-8")
    done, orders = _read(file, shipped_path(system), tmp_path)
    assert orders == {}
    assert column in problems_text(done.problems, color=False)


def test_a_preset_is_named_at_the_command(tmp_path: Path) -> None:
    """`--from` takes a preset, and for an unknown one lists those that there are."""
    _settings(tmp_path)
    known = CliRunner().invoke(
        cli, ["import", str(_sample("shopify")), "--from", "shopify", "--project", str(tmp_path)]
    )
    assert known.exit_code == 0, known.output
    assert "9 new" in known.output
    unknown = CliRunner().invoke(cli, ["import", str(_sample("shopify")), "--from", "zork", "--project", str(tmp_path)])
    assert unknown.exit_code == 2
    assert all(name in unknown.output for name in shipped_names())


def test_orders_of_nobody_are_told_with_what_to_write(tmp_path: Path) -> None:
    """A preset cannot know whose orders a file has: with several accounts the message says how to name one."""
    (tmp_path / "sendplan.yaml").write_text(ONE_ACCOUNT.replace("{web: ", "{outlet: {portal: shop}, web: "))
    args = ["import", str(_sample("shopify")), "--from", "shopify", "--project", str(tmp_path)]
    done = CliRunner().invoke(cli, args)
    assert "9 bad" in done.output
    assert "is new and has no `account`" in done.output
    assert "e.g. `accounts: [outlet]`" in done.output
    assert "known: outlet, web" in done.output


def test_an_unknown_preset_in_a_mapping_lists_the_known(tmp_path: Path) -> None:
    """`extends` with an unknown name is told at its place, with the names that there are."""
    settings = _settings(tmp_path)
    mapping = tmp_path / "own.yaml"
    mapping.write_text("extends: zork\n")
    told = problems_text(read_mapping(mapping, settings)[1], color=False)
    assert "own.yaml:1:10" in told
    assert all(name in told for name in shipped_names())


def test_what_is_left_empty_in_a_mapping_is_told(tmp_path: Path) -> None:
    """An empty value removes something only where a mapping is extended; elsewhere each one is told with its place."""
    mapping = tmp_path / "own.yaml"
    mapping.write_text("format: csv\nfields:\n  id: id\n  country:\nlet: {a: null}\n")
    told = read_mapping(mapping, _settings(tmp_path))[1]
    assert [(each.code, each.span and each.span.line) for each in told] == [("empty-value", 4), ("empty-value", 5)]
    mapping.write_text("extends: shopify\nfields:\n  country:\nlet: {a: null}\n")
    assert read_mapping(mapping, _settings(tmp_path))[1] == []


def test_a_preset_warns_of_nothing_that_its_export_may_lack(tmp_path: Path) -> None:
    """A shop without refunds and partial payments reads its export without a warning; fields of one's own are told."""
    file = tmp_path / "orders.csv"
    text = _sample("shopify").read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join(text[:2]) + "\n", encoding="utf-8")
    assert [each.message for each in _read(file, shipped_path("shopify"), tmp_path)[0].warnings] == []
    own = tmp_path / "own.yaml"
    own.write_text("extends: shopify\nfields: {delivered: Cancelled at}\n")
    assert [each.message for each in _read(file, own, tmp_path)[0].warnings] == ["no order of the file has `delivered`"]


def test_an_apostrophe_that_keeps_a_zero_is_no_part_of_a_postcode(tmp_path: Path) -> None:
    """Shopify writes `'01067`; the region by postcode is found all the same."""
    file = tmp_path / "orders.csv"
    text = _sample("shopify").read_text(encoding="utf-8")
    assert ",01067," in text
    file.write_text(text.replace(",01067,", ",'01067,"), encoding="utf-8")
    _, orders = _read(file, shipped_path("shopify"), tmp_path)
    assert {each["postcode"] for each in orders.values()} == {
        each["postcode"] for each in _expected("shopify").values() if "postcode" in each
    }


def test_check_reads_a_mapping_that_extends_a_preset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What `imports` names is checked with what it extends, and a mistake is told at its place in the own file."""
    copy_example(tmp_path)
    settings = tmp_path / "sendplan.yaml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(f"{text}\nimports: {{web: {{file: export.csv, mapping: own.yaml}}}}\n", encoding="utf-8")
    own = tmp_path / "own.yaml"
    own.write_text("extends: shopify\naccounts: [shop-de]\n")
    assert run(["check", "--project", str(tmp_path)]) == 0
    own.write_text("extends: shopify\naccounts: [shop-de]\nfields:\n  loyalty: Tier\n  paid: =seen if\n")
    capsys.readouterr()
    assert run(["check", "--project", str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert "own.yaml:4:3" in told.out + told.err
    assert "own.yaml:5:17" in told.out + told.err
