"""The example shop with its sample orders, and a visitor who is signed in at its board."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from board_browser import MONDAY, Browser, browser, visitor_of

import sendplan
from sendplan.board.current import Current
from sendplan.commands.init_command import copy_example


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example shop with its sample orders; nobody changes it."""
    folder = tmp_path_factory.mktemp("example")
    copy_example(folder)
    sendplan.open_project(folder).import_orders("fixtures/orders.csv")
    return folder


@pytest.fixture(scope="session")
def current(example: Path) -> Current:
    """The example shop on a Monday."""
    return Current(example, MONDAY)


@pytest.fixture
def stranger(current: Current) -> Browser:
    """Somebody without the printed link, at a board that nobody changes."""
    return visitor_of(current)


@pytest.fixture
def visitor(stranger: Browser) -> Browser:
    """Somebody who opened the printed link of a board that nobody changes."""
    assert stranger.sign_in().status == 303
    return stranger


@pytest.fixture
def folder(example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the example shop, to be changed; what it has sent is noted apart from other copies."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    shutil.copytree(example, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def editor(folder: Path) -> Browser:
    """Somebody who is signed in at the board of the copy."""
    found = browser(folder)
    found.sign_in()
    return found
