"""Links to unsubscribe: real mails, the server in a process of its own, and real connections to it."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import subprocess
import sys
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from projects import Project, received
from starlette.applications import Starlette

from sendplan.commands.context import load_settings, store_for
from sendplan.operating.unsubscribe_page import PER_MINUTE, unsubscribe_app
from sendplan.sink import Sink
from sendplan.unsubscribe_tokens import earlier_token

SETTINGS = """\
shop: {{name: Shop & Söhne, timezone: Europe/Berlin, country: DE, unsubscribe: "https://shop.example.com/u/{{token}}"}}
store: sqlite:///var/shop.db
senders:
  main: {{from: Shop <shop@example.com>, host: 127.0.0.1, port: {port}, security: none}}
accounts:
  web: {{portal: shop}}
regions:
  domestic:
    - {{country: DE}}
classes:
  marketing: {{unsubscribe: required}}
"""
RULES = """\
rules:
  - {id: dunning, title: Dunning, trigger: not cancelled, due: ordered, template: mail}
  - {id: offers, title: Offers, trigger: not cancelled, due: ordered + 1 day, template: mail, class: marketing}
"""
ONE_CLICK = "List-Unsubscribe=One-Click"


def buy(project: Project, *ids: str) -> None:
    orders = [
        {"id": id_, "account": "web", "email": f"{id_[0]}@example.com", "country": "DE", "ordered": "2026-01-05"}
        for id_ in ids
    ]
    file = project.write("orders.json", json.dumps(orders))
    assert project("import", str(file)).code == 0


@pytest.fixture
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str], sink: Sink) -> Project:
    """A shop whose buyers `a` and `b` got a dunning mail and an offer each."""
    found = Project(tmp_path, capsys)
    found.write("sendplan.yaml", SETTINGS.format(port=sink.port))
    found.write("rules/rules.yaml", RULES)
    found.write("templates/mail.en.md", "---\nsubject: Hello\n---\n{{ order.number }} {{ shop.unsubscribe }}\n")
    buy(found, "a1", "b1")
    assert found("run", "--now", "2026-01-06 12:00").code == 0
    return found


@pytest.fixture
def link(project: Project, sink: Sink) -> str:
    """The path of buyer `a`'s link, from the header that mail programs read."""
    offers = [each for each in received(sink) if each["List-Unsubscribe-Post"]]
    [offer] = [each for each in offers if str(each["To"]) == "a@example.com"]
    assert offer["List-Unsubscribe-Post"] == ONE_CLICK
    return urlsplit("".join(str(offer["List-Unsubscribe"]).split()).strip("<>")).path


@pytest.fixture
def port(project: Project) -> Iterator[int]:
    """The port of a running server."""
    line = [sys.executable, "-m", "sendplan", "unsubscribe-server", "--port", "0", "--project", str(project.folder)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield int(server.stdout.readline().rstrip().rstrip("/").rpartition(":")[2])
        finally:
            server.terminate()


def test_the_board_answers_links_on_a_port_of_their_own(project: Project, link: str) -> None:
    """`board --unsubscribe-port` unsubscribes there, where none of the board's pages are."""
    line = [sys.executable, "-m", "sendplan", "board", "--port", "0", "--unsubscribe-port", "0"]
    with subprocess.Popen([*line, "--project", str(project.folder)], stdout=subprocess.PIPE, text=True) as board:
        assert board.stdout is not None
        try:
            said = [board.stdout.readline().rstrip() for _ in range(3)]
            port = int(said[2].rstrip("/").rpartition(":")[2])
            assert ask(port, "POST", link)[0] == 200
            assert ask(port, "GET", "/orders")[0] == 404
        finally:
            board.terminate()
    assert suppressed(project) == [("a@example.com", "marketing")]


def ask(port: int, method: str, path: str) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    body = ONE_CLICK if method == "POST" else None
    connection.request(method, path, body, {"Content-Type": "application/x-www-form-urlencoded"} if body else {})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, text


def suppressed(project: Project) -> list[tuple[str, str | None]]:
    return [(each["address"], each["class"]) for each in project("suppress", "--list", "--format", "json").json]


def test_one_click_stops_advertising_and_not_dunning(project: Project, link: str, port: int, sink: Sink) -> None:
    """A mail program's one click ends a buyer's offers at once; this buyer's dunning and other buyers' offers go on."""
    status, headers, text = ask(port, "POST", link)
    assert (status, "set-cookie" in headers, "location" in headers) == (200, False, False)
    assert "You are unsubscribed" in text
    assert ask(port, "POST", link)[0] == 200
    assert suppressed(project) == [("a@example.com", "marketing")]
    before = len(sink.mails)
    buy(project, "a2", "b2")
    assert project("run", "--now", "2026-01-07 12:00").code == 0
    mails = [(str(each["To"]), each["List-Unsubscribe"] is not None) for each in received(sink)[before:]]
    assert sorted(mails) == [("a@example.com", False), ("b@example.com", False), ("b@example.com", True)]


def test_opening_the_link_changes_nothing(project: Project, link: str, port: int) -> None:
    """Who opens the link, as virus scanners do, sees one button and is not unsubscribed."""
    for path in (link, f"{link}?utm_source=mail", f"/stop?from=mail&t={link.rpartition('/')[2]}"):
        status, headers, text = ask(port, "GET", path)
        assert (status, text.count("<button>"), "Shop &amp; Söhne" in text) == (200, 1, True)
        assert "a@example.com" not in text
        assert headers["cache-control"] == "no-store"
    assert suppressed(project) == []


def test_a_link_that_was_made_up_suppresses_nobody(project: Project, link: str, port: int) -> None:
    """A cut or altered link is told to be incomplete; an earlier version's is answered alike for everybody."""
    for wrong in (link[:-3], "/u/abc", "/", "/u/" + "x" * 5000):
        assert ask(port, "POST", wrong)[0] == 404
    assert suppressed(project) == []
    nobody, known = (f"/u/{earlier_token('Shop & Söhne', f'{each}@example.com')}" for each in ("nobody", "b"))
    for method in ("GET", "POST"):
        told = [ask(port, method, path) for path in (nobody, known)]
        assert (told[0][0], told[0][2]) == (told[1][0], told[1][2]) == (200, told[0][2])
    assert suppressed(project) == [("b@example.com", "marketing")]


def test_a_shop_without_a_link_is_told(project: Project) -> None:
    """Without an https address with the token in it no server starts, and the message says what to write."""
    project.edit("sendplan.yaml", "https://shop.example.com/u/{token}", "mailto:stop@example.com")
    ran = project("unsubscribe-server")
    assert (ran.code, "https://shop.example.com/u/{token}" in ran.out + ran.err) == (2, True)


def test_a_click_in_a_preview_or_rehearsal_unsubscribes_nobody(project: Project, link: str, sink: Sink) -> None:
    """A colleague who tries the link of a preview, a test mail or a rehearsal sees the page, and the buyer stays on."""
    key, now = "a1/offers", ("--now", "2026-01-06 12:00")
    buy(project, "a2")
    assert project("plan", "--now", "2026-01-07 12:00", "-o", str(project.path("plan.json"))).code == 0
    send = ("send", str(project.path("plan.json")), "--now", "2026-01-07 12:00")
    assert project(*send, "--redirect", "office@example.com").code == 0
    assert project("preview", key, *now, "--to", "office@example.com").code == 0
    links = {str(each["List-Unsubscribe"]) for each in received(sink) if str(each["To"]) == "office@example.com"}
    shown = project("preview", key, *now, "--format", "json").json
    tokens = set(re.findall(r"/u/([\w-]+)", " ".join([*links, *shown["headers"], shown["text"], shown["html"]])))
    assert tokens
    assert link.rpartition("/")[2] not in tokens
    app = unsubscribe_app(load_settings(project.folder), lambda: store_for(load_settings(project.folder)))
    for token in tokens:
        assert post(app, f"/u/{token}") == 200
        assert "stands for no buyer" in project("suppress", "--token", token).err
    assert suppressed(project) == []


def post(app: Starlette, path: str) -> int:
    """The status that the application answers to one click, asked without a network."""
    said: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": ONE_CLICK.encode(), "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        said.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": [], "http_version": "1.1"}
    asyncio.run(app({**scope, "scheme": "http", "server": ("127.0.0.1", 80), "root_path": ""}, receive, send))
    return int(said[0]["status"])


def test_guessing_is_slowed_down_and_nobody_else(project: Project, link: str) -> None:
    """Sixty links a minute that the store has not made are answered, then none for a minute; real ones are."""
    seconds = [1000.0]
    settings = load_settings(project.folder)
    app = unsubscribe_app(settings, lambda: store_for(settings), clock=lambda: seconds[0])
    assert [post(app, f"/u/made-up-{n}") for n in range(PER_MINUTE + 2)] == [*[404] * PER_MINUTE, 429, 429]
    assert post(app, f"/u/{earlier_token('Shop & Söhne', 'b@example.com')}") == 429
    assert post(app, link) == 200
    seconds[0] += 60
    assert post(app, "/u/made-up") == 404
