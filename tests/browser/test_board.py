"""The board as people see it: in Chromium, on a phone and a wide screen, light and dark, in German and English."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from accessibility import overflows, violations
from visitors import PATIENCE, Hands, Keyboard, Mouse, Running, sign_in

import sendplan
from conftest import TUESDAY, serve
from sendplan import cli

ROOT = Path(__file__).parents[2]
PAGES = [
    "/",
    "/needs-you",
    "/orders?find=hartm",
    "/order?id=E-2050",
    "/message?key=E-2055/feedback-reminder",
    "/settling?key=E-2055/feedback-reminder",
    "/changes",
    "/rules",
    "/file?name=sendplan.yaml",
    "/tests",
    "/forecast?from=2026-08-25&to=2026-09-07",
    "/left?day=2026-08-24",
    "/acts",
    "/nothing",
]
SCREENS = [(1280, "light"), (375, "dark"), (375, "light"), (1280, "dark")]
HOSTILE = "<script>document.title='broken in'</script><img src=x onerror=alert(1)>\u202e" + "W" * 150


@pytest.fixture(scope="module")
def signed_in(browser: Any, board: Running) -> Iterator[Any]:
    """Somebody who reads German and is signed in."""
    context = browser.new_context(locale="de-DE")
    tab = context.new_page()
    sign_in(tab, board)
    yield tab
    context.close()


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_accessible_on_every_screen(signed_in: Any, board: Running, path: str) -> None:
    """axe finds nothing, and no page is wider than a phone or a wide screen, light or dark; nothing is loaded from
    elsewhere and no script fails."""
    noise: list[str] = []
    asked: list[str] = []
    signed_in.on("console", lambda message: noise.append(message.text))
    signed_in.on("request", lambda request: asked.append(request.url))
    signed_in.goto(board.address + path)
    if path.startswith("/forecast"):
        signed_in.wait_for_selector("main svg")
    signed_in.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    for width, scheme in SCREENS:
        signed_in.set_viewport_size({"width": width, "height": 800})
        signed_in.emulate_media(color_scheme=scheme)
        assert not overflows(signed_in), f"{path} at {width} px"
        if (width, scheme) in SCREENS[:2]:
            assert violations(signed_in) == []
    assert [url for url in asked if not url.startswith((board.address, "data:"))] == []
    assert [text for text in noise if "404" not in text] == []


def test_sign_in_is_accessible(browser: Any, board: Running) -> None:
    """The first page that somebody sees has no barrier either, and a wrong link is told."""
    tab = browser.new_page()
    tab.goto(board.link)
    assert violations(tab) == []
    tab.goto(f"{board.address}/sign-in?token=wrong")
    tab.fill("#name", "Mia")
    tab.click("main button")
    assert "did not work" in tab.inner_text("[role=alert]")
    tab.close()


@pytest.mark.parametrize("path", PAGES)
def test_the_keyboard_reaches_everything(signed_in: Any, board: Running, path: str) -> None:
    """Tab visits every link, field and button once, in the order in which they are read, each with a visible focus."""
    signed_in.goto(board.address + path + ("&" if "?" in path else "?") + "live=off")
    count = """() => [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, summary,'
      + '[tabindex="0"]')].filter(each => each.checkVisibility()).length"""
    expected = signed_in.evaluate(count)
    seen = """() => { const at = document.activeElement;
      if (at === document.body || at.tagName === 'IFRAME') return null;
      at.dataset.seen = ''; return getComputedStyle(at).outlineStyle; }"""
    outlines = set()
    # A field for a date has a stop for each of its parts, a group of choices one for all.
    for _ in range(expected + 25):
        signed_in.keyboard.press("Tab")
        outlines.add(signed_in.evaluate(seen))
    assert outlines <= {"solid", "auto", None}
    missed = """() => [...document.querySelectorAll('a[href], button, input:not([type=hidden]):not([type=radio]),'
      + 'select, summary, [tabindex="0"]')].filter(each => each.checkVisibility() && !('seen' in each.dataset))
      .map(each => each.outerHTML.slice(0, 80))"""
    assert signed_in.evaluate(missed) == []


@pytest.fixture
def hostile(tmp_path: Path, sink: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """A shop in which names, titles and reasons try to be more than text."""
    from conftest import make_shop

    folder = tmp_path / "shop"
    folder.mkdir()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    make_shop(folder, sink)
    quoted = HOSTILE.replace('"', '""')
    (folder / "orders.csv").write_text(
        "id,account,ordered,email,name,country,total,street,postcode,items,shipping_cost\n"
        f'"X-1",ebay-de,2026-08-25 09:00,x@example.com,"{quoted}",DE,5.00,"{quoted}",50667,1,0\n',
        encoding="utf-8",
    )
    sendplan.open_project(folder).import_orders("orders.csv")
    rules = folder / "rules" / "first-contact.yaml"
    text = rules.read_text(encoding="utf-8")
    title = text.split("title: ")[1].splitlines()[0]
    rules.write_text(text.replace(f"title: {title}", f"title: '{HOSTILE.replace(chr(39), chr(39) * 2)}'"), "utf-8")
    yield from serve(folder)


def test_hostile_names_stay_text(browser: Any, hostile: Running) -> None:
    """Whatever a buyer or a file says is shown as text, runs nothing, and breaks no page's width."""
    tab = browser.new_page(viewport={"width": 375, "height": 800})
    dialogs: list[str] = []
    tab.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    sign_in(tab, hostile)
    paths = ("/", "/orders?find=script", "/order?id=X-1", "/message?key=X-1/first-contact", "/rules", "/changes")
    for path in (*paths, "/file?name=rules/first-contact.yaml"):
        tab.goto(hostile.address + path)
        assert "broken in" not in tab.title()
        assert not overflows(tab), path
    tab.goto(f"{hostile.address}/order?id=X-1")
    assert "<script>document.title" in tab.inner_text("h1")
    assert violations(tab) == []
    assert dialogs == []
    tab.close()


PICTURES = {
    "board-today": ("/", 1280, "light"),
    "board-order": ("/order?id=E-2050", 1280, "light"),
    "board-today-phone": ("/", 375, "dark"),
    "board-changes": ("/rules?live=off", 1280, "light"),
}


def test_the_pictures_of_the_docs(browser: Any, own_board: Running, request: pytest.FixtureRequest) -> None:
    """docs/board.md shows pages as they are; `--snapshot-update` takes its pictures anew."""
    edit(own_board.folder, "feedback_wait: 7 days", "feedback_wait: 10 days")
    tab = browser.new_page(locale="en-GB")
    sign_in(tab, own_board)
    docs = ROOT / "docs"
    assert set(re.findall(r"pictures/(board-[a-z-]+)\.png", (docs / "board.md").read_text("utf-8"))) == set(PICTURES)
    for name, (path, width, scheme) in PICTURES.items():
        tab.set_viewport_size({"width": width, "height": 700})
        tab.emulate_media(color_scheme=scheme)
        tab.goto(own_board.address + path)
        taken = tab.screenshot(animations="disabled")
        picture = docs / "pictures" / f"{name}.png"
        if request.config.getoption("--snapshot-update"):
            picture.write_bytes(taken)
        assert picture.stat().st_size < 150_000
    tab.close()


def edit(folder: Path, old: str, new: str) -> None:
    """Save a change of the settings, as an editor does."""
    settings = folder / "sendplan.yaml"
    text = settings.read_text(encoding="utf-8")
    assert old in text
    settings.write_text(text.replace(old, new), encoding="utf-8")


def test_a_saved_edit_shows_by_itself(browser: Any, own_board: Running) -> None:
    """A page that is open shows what an editor saved: the problem with its line, then the good state again with what
    it changes; once paused it stays as it is."""
    tab = browser.new_page()
    sign_in(tab, own_board)
    tab.goto(f"{own_board.address}/rules")
    edit(own_board.folder, "timezone: Europe/Berlin", "timezone: Europe/Berlln")
    tab.get_by_text("Europe/Berlln").first.wait_for(timeout=PATIENCE)
    assert "last good state" in tab.inner_text("main")
    assert "^^^" in tab.inner_text("main")
    edit(own_board.folder, "timezone: Europe/Berlln", "timezone: Europe/Berlin")
    tab.get_by_text("No problems in the files").wait_for(timeout=PATIENCE)
    edit(own_board.folder, "feedback_wait: 7 days", "feedback_wait: 10 days")
    tab.get_by_role("link", name="E-2055/feedback-reminder").wait_for(timeout=PATIENCE)
    assert "not hold" in tab.inner_text("main"), "a scenario says seven days"
    tab.get_by_role("link", name="Pause live updates").click()
    tab.get_by_text("Live updates are paused").wait_for(timeout=PATIENCE)
    assert tab.locator("[hx-get]").count() == 0
    tab.close()


@pytest.mark.parametrize("javascript", [True, False], ids=["with-javascript", "without-javascript"])
@pytest.mark.parametrize("hands", [Mouse, Keyboard], ids=["mouse", "keyboard"])
def test_from_the_link_to_the_mails(
    browser: Any, own_board: Running, hands: type[Mouse | Keyboard], javascript: bool
) -> None:
    """Somebody without a terminal finds a buyer by half a name, understands why two mails went and one did not, sees
    what ten days instead of seven move, approves the plan, and reads on a phone what left."""
    context = browser.new_context(java_script_enabled=javascript, viewport={"width": 1280, "height": 800})
    tab = context.new_page()
    tab.set_default_timeout(PATIENCE)
    tab.goto(own_board.link)
    visitor: Hands = hands(tab)
    visitor.fill("Your name", "Mia Muster")
    visitor.press("Sign in")

    visitor.follow("Orders")
    visitor.fill("A part of the name", "hartm")
    visitor.press("Find")
    found = tab.inner_text("main")
    assert found.count("already sent") == 2
    assert "open_amount >= 1.00" in found
    visitor.follow("E-2050")
    dunning = tab.locator(".decision", has=tab.get_by_role("heading", name="dunning"))
    assert "the condition is not met" in dunning.inner_text()
    visitor.open(dunning)
    assert "open_amount = 0" in dunning.inner_text()

    visitor.follow("Rules")
    edit(own_board.folder, "feedback_wait: 7 days", "feedback_wait: 10 days")
    if not javascript:
        tab.reload()
    moved = tab.get_by_role("row", name="E-2055/feedback-reminder")
    moved.wait_for()
    assert "2026-08-25" in moved.inner_text()
    assert "2026-08-28" in moved.inner_text()

    visitor.follow("Today")
    tab.get_by_text("Mails that wait until somebody approves").wait_for()
    visitor.press("Approve this mail")
    assert "Approved by Mia Muster" in tab.inner_text("main")
    assert cli.run(["run", "--no-import", "--now", TUESDAY.isoformat(), "--project", str(own_board.folder)]) == 0

    tab.set_viewport_size({"width": 375, "height": 800})
    visitor.follow("What left")
    left = tab.inner_text("main")
    assert "2026-08-25" in left
    assert "first-contact" in left
    assert "E-2055/feedback-reminder" not in left, "it was moved to Friday"
    context.close()
