"""Every kind of store, for the one suite that runs over all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from stores import Stores

from sendplan.store import Store

URLS = {"sqlite": "sqlite:///var/shop.db"}


@pytest.fixture(params=URLS)
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    opened = Stores(URLS[request.param], tmp_path)
    yield opened
    for each in opened.opened:
        each.close()


@pytest.fixture
def store(stores: Stores) -> Store:
    return stores.store()
