"""Every kind of store, for the one suite that runs over all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from postgresql import fresh_schema, postgres_url
from stores import Stores

from sendplan.store import Store

__all__ = ["fresh_schema", "postgres_url"]

KINDS = ("sqlite", pytest.param("postgresql", marks=pytest.mark.postgres))


@pytest.fixture(params=KINDS)
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    url = "sqlite:///var/shop.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("fresh_schema")
    opened = Stores(url, tmp_path)
    yield opened
    for each in opened.opened:
        each.close()


@pytest.fixture
def store(stores: Stores) -> Store:
    return stores.store()
