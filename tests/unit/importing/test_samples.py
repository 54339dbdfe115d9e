"""Exports of real shop systems come out as the orders that they are, and reminders go to those who owe."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from sendplan.cli import cli
from sendplan.commands.init_command import copy_example
from sendplan.importing.drafting.writing import first_mapping
from sendplan.importing.import_file import import_file
from sendplan.importing.values import as_json
from sendplan.operating.imports import take_file
from sendplan.project.settings import Settings
from sendplan.project.settings_file import read_settings
from sendplan.report import problems_text
from sendplan.store import open_store

SAMPLES = sorted(path.parent for path in (Path(__file__).parents[3] / "fixtures" / "samples").glob("*/mapping.yaml"))
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
LATER = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)
PROJECT = """
shop: {name: Test, timezone: Europe/Berlin, country: DE}
store: sqlite:///shop.db
senders: {main: {host: smtp.example.com, port: 587, security: starttls, from: shop@example.com}}
accounts:
  web: {portal: shop}
  ebay-de: {portal: ebay}
  amazon-de: {portal: amazon}
  amazon-fr: {portal: amazon}
regions: {abroad: any}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("samples")
    (folder / "sendplan.yaml").write_text(PROJECT)
    settings, _, problems = read_settings(folder)
    assert settings is not None, problems
    return settings


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)
def test_a_sample_comes_out_as_expected(sample: Path, project: Settings, tmp_path: Path) -> None:
    """The orders of a system's export, read by its mapping, are exactly those beside it, and no row is refused."""
    store = open_store(project.store, tmp_path, project.fields, project.calendar)
    file = next(path for path in sample.iterdir() if path.stem == "orders")
    done = import_file(file, sample / "mapping.yaml", project, store, NOW)
    assert not done.problems, problems_text(done.problems, color=False)
    orders = {each.id: {name: as_json(value) for name, value in each.values.items()} for each in store.orders()}
    store.close()
    expected = {each["id"]: each for each in json.loads((sample / "expected.json").read_text(encoding="utf-8"))}
    assert orders.keys() == expected.keys()
    for id_, order in expected.items():
        assert {**orders[id_], **order} == orders[id_]
        assert not (orders[id_].keys() - order.keys()) & {"paid", "shipped", "cancelled", "paid_amount"}


REMINDED = {
    "amazon-tsv": {"1002"},
    "billbee": {"300000180937795"},
    "dreamrobot": {"1002"},
    "ebay-csv": {"1002"},
    "excel-xlsx": {"1002"},
    "odoo-csv": set(),  # the file says of no order whether it was paid
    "plain-csv-de": {"1002"},
    "plentymarkets": {"1002"},
    "prestashop-xml": set(),  # the file has no addresses of mail
    "shopify-csv": {"#1002"},
    "stripe-csv": {"ch_1002"},
    "woocommerce-rest": {"1002"},
}
"""Which orders are open, neither cancelled nor credited, and reachable."""


def _reminded(folder: Path, sample: Path, mapping: Path | None) -> set[str]:
    """Whom the example shop's dunning reminds four weeks later; without a mapping by a draft."""
    copy_example(folder)
    settings_file = folder / "sendplan.yaml"
    text = settings_file.read_text(encoding="utf-8")
    more = "\naccounts:\n  web: {portal: shop, sender: main}\n  amazon-fr: {portal: amazon, sender: main}\n"
    assert "\naccounts:\n" in text
    settings_file.write_text(text.replace("\naccounts:\n", more), encoding="utf-8")
    settings, _, problems = read_settings(folder)
    assert settings is not None, problems
    file = next(path for path in sample.iterdir() if path.stem == "orders")
    copy = folder / file.name
    copy.write_bytes(file.read_bytes())
    os.utime(copy, (LATER.timestamp(), LATER.timestamp()))
    if mapping is None:
        mapping = folder / "draft.yaml"
        mapping.write_text(first_mapping(copy, copy.name, settings), encoding="utf-8")
    store = open_store(settings.store, folder, settings.fields, settings.calendar)
    take_file(copy, mapping, settings, store, LATER, name=copy.name)
    store.close()
    args = ["plan", "--rule", "dunning", "--now", "2026-12-01 12:00", "--format", "json", "--project", str(folder)]
    planned = CliRunner().invoke(cli, args)
    return {each["order"] for each in json.loads(planned.stdout)["entries"] if each["status"] == "send"}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)
def test_the_dunning_rule_picks_who_owes(sample: Path, tmp_path: Path) -> None:
    """The example shop reminds exactly the orders of a sample that are open, not cancelled and reachable."""
    assert _reminded(tmp_path, sample, sample / "mapping.yaml") == REMINDED[sample.name]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)
def test_a_draft_reminds_nobody_who_does_not_owe(sample: Path, tmp_path: Path) -> None:
    """With a mapping that nobody has looked at, reminders go to fewer than they should, or to the same."""
    assert _reminded(tmp_path, sample, None) <= REMINDED[sample.name]
