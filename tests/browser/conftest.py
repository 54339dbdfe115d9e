"""Chromium without a window, and the board of a shop served to it on loopback."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from board_browser import fail
from visitors import Running

import sendplan
from sendplan.board.application import application
from sendplan.board.current import Current
from sendplan.board.guard import Addresses
from sendplan.board.server import listening
from sendplan.commands.init_command import copy_example
from sendplan.sink import Sink

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
TUESDAY = datetime(2026, 8, 25, 10, tzinfo=UTC)
"""Noon in Berlin, a day after the plans of the docs."""


NEW_ORDER = """\
id,account,ordered,email,name,country,total,street,postcode,items,shipping_cost
N-4001,ebay-de,2026-08-25 09:00,ida.sommer@example.com,Ida Sommer,DE,35.00,Lindenweg 3,50667,1,4.90
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Python closes the browser's driver in its own time, which is no fault of a test."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            for each in ("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"):
                item.add_marker(pytest.mark.filterwarnings(each))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, without a window."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="there is no playwright: `make browser` brings it")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    with sync_api.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def sink() -> Iterator[Sink]:
    """A mail server on loopback."""
    with Sink() as server:
        yield server


def make_shop(folder: Path, sink: Sink) -> None:
    """The example shop on a Tuesday, its files committed; two runs have sent mails, and an order came since."""
    copy_example(folder)
    settings = folder / "sendplan.yaml"
    text = settings.read_text(encoding="utf-8")
    local = f"host: {sink.host}\n    port: {sink.port}\n    security: none\n"
    text = re.sub(r"provider: (gmail|office365)\n", local, text)
    text = re.sub(r"    (username|password|oauth2): .*\n", "", text)
    settings.write_text(text, encoding="utf-8")
    shop = sendplan.open_project(folder)
    shop.import_orders("fixtures/orders.csv")
    for now in ("2026-08-11 12:00", "2026-08-24 12:00"):
        shop.send(shop.plan(now), now)
    fail(folder, "E-2061")
    (folder / "new.csv").write_text(NEW_ORDER, encoding="utf-8")
    shop.import_orders("new.csv")
    settings.write_text(text.replace("\nsenders:", "\napproval: required\nsenders:"), encoding="utf-8")
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "The shop"]):
        subprocess.run([*git, *command], check=True)


@pytest.fixture(scope="session")
def shop_made(tmp_path_factory: pytest.TempPathFactory, sink: Sink) -> Path:
    """A shop that nobody changes."""
    folder = tmp_path_factory.mktemp("shop")
    make_shop(folder, sink)
    return folder


def serve(folder: Path) -> Iterator[Running]:
    """The board of a project, until the test ends."""
    import uvicorn

    bound = listening(0)
    port = bound.getsockname()[1]
    app, sessions = application(Current(folder, TUESDAY), Addresses(port))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    yield Running(f"http://127.0.0.1:{port}", sessions.token, folder)
    server.should_exit = True
    thread.join(10)
    bound.close()


@pytest.fixture(scope="session")
def board(shop_made: Path) -> Iterator[Running]:
    """The board of the shop that nobody changes."""
    yield from serve(shop_made)


@pytest.fixture
def own_board(tmp_path: Path, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """The board of a shop of the test's own."""
    folder = tmp_path / "shop"
    folder.mkdir()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    make_shop(folder, sink)
    yield from serve(folder)
