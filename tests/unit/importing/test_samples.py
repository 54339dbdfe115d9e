"""Exports of real shop systems come out as the orders that they are."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sendplan.importing.import_file import import_file
from sendplan.importing.values import as_json
from sendplan.project.settings import Settings
from sendplan.project.settings_file import read_settings
from sendplan.report import problems_text
from sendplan.store import open_store

SAMPLES = sorted(path.parent for path in (Path(__file__).parents[3] / "fixtures" / "samples").glob("*/mapping.yaml"))
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
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
