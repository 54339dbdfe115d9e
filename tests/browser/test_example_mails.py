"""The example mails as people see them: in Chromium, on a phone and on a wide screen, light and dark."""

from __future__ import annotations

import re
import shutil
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from accessibility import violations
from mail_samples import MODEL, ORDER, context, settings

from sendplan import resources
from sendplan.templates import Templates

FOLDER = resources.shipped() / "templates"
MAILS = [
    *(
        "first-contact.de",
        "first-contact.en",
        "ebay-de/first-contact.de",
        "checkout-reminder.de",
        "payment-reminder.de",
    ),
    *("first-dunning.de", "first-dunning.en", "second-dunning.de", "feedback-reminder.en", "cross-selling.de"),
]
PAYMENTS = [name for name in MAILS if name.startswith(("first-contact", "payment", "first-dunning", "second-dunning"))]
BUTTONS = [name for name in MAILS if name.startswith(("checkout", "feedback", "cross"))]
SCREENS = [(width, scheme) for width in (375, 1000) for scheme in ("light", "dark")]
LINES = (
    {"name": "Kaffeebecher „Möwe“, handbemalt, spülmaschinenfest", "quantity": 2, "price": "7.50"},
    {"name": "Donaudampfschifffahrtsgesellschaftskapitänsmütze", "quantity": 1, "price": "1234.50"},
)
LOGO = "https://shop.example.com/logo.png"

TORN = """() => {
  // Words and numbers of orders on more than one line, but those that no phone could hold.
  const torn = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    for (const word of node.data.matchAll(/(?=\\S*\\d)[\\w./-]{1,18}(?![\\w./-])|[^\\s-]+/g)) {
      const range = document.createRange();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      const lines = new Set([...range.getClientRects()].map(rect => Math.round(rect.top)));
      if (lines.size > 1 && word[0].length <= 24) torn.push(word[0]);
    }
  }
  return torn;
}"""

CONTRASTS = """() => {
  // Texts whose contrast is under 4.5 (WCAG 2.2, 1.4.3), with the figure.
  const parsed = color => color.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b]
    .map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    for (; element; element = element.parentElement) {
      const color = parsed(getComputedStyle(element).backgroundColor);
      if (color.length < 4 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    if (!walker.currentNode.data.trim()) continue;
    const element = walker.currentNode.parentElement;
    const pair = [light(parsed(getComputedStyle(element).color)), light(behind(element))].sort((a, b) => b - a);
    const contrast = (pair[0] + 0.05) / (pair[1] + 0.05);
    if (contrast < 4.5) found.push([walker.currentNode.data.trim(), contrast]);
  }
  return found;
}"""


@pytest.fixture(params=SCREENS, ids=lambda screen: f"{screen[0]}px-{screen[1]}")
def page(request: pytest.FixtureRequest, browser: Any) -> Iterator[Any]:
    """One screen; whatever a mail asks of the network is answered with a picture of 1200 × 150."""
    width, scheme = request.param
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.route(re.compile("^https://"), lambda route: route.fulfill(body=_picture(1200, 150), content_type="image/png"))
    yield page
    page.close()


def show(page: Any, name: str, **shop: object) -> None:
    """The HTML part of one mail."""
    html = (
        example_templates().render(f"{name}.md", name[-2:], context(example_order(), shop=replace(MODEL, **shop))).html
    )  # type: ignore[arg-type]
    page.set_content(html)


@pytest.mark.parametrize("name", MAILS)
def test_a_mail_says_what_a_buyer_must_know(page: Any, name: str) -> None:
    """Which order, who writes, how to answer, the imprint: on every screen, in words that can be read; axe agrees."""
    show(page, name)
    text = page.inner_text("body")
    assert "S-2026-0004711" in text
    assert "MeinShop" in page.inner_text("td.shop")
    assert "Amtsgericht Köln, HRB 1234" in text
    answer = (
        "Antworten Sie",
        "antworten Sie",
        "schreiben",
        "reply",
        "write to us",
        "Sprechen Sie uns an",
        "Talk to us",
    )
    assert any(each in text for each in answer)
    assert page.evaluate(TORN) == []
    assert page.evaluate(CONTRASTS) == []
    width = page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # A mail stands within the page of whoever shows it, which has the landmarks.
    assert violations(page, "region", "landmark-one-main") == []


@pytest.mark.parametrize("name", PAYMENTS)
def test_a_mail_about_a_payment_shows_amount_deadline_and_account(page: Any, name: str) -> None:
    """Amount, deadline and account in one table, each amount on one line."""
    show(page, name)
    table = page.locator("table", has_text="BYLADEM1001").last
    text = table.inner_text().replace("\xa0", " ")
    amount, deadline = ("1.244,40 €", "7 Tage") if name.endswith("de") else ("€1,244.40", "7 days")
    assert all(each in text for each in (amount, deadline, "DE02 1203 0000 0000 2020 51", "S-2026-0004711"))


@pytest.mark.parametrize("name", BUTTONS)
def test_a_button_is_large_enough_for_a_thumb(page: Any, name: str) -> None:
    """Buttons are at least 44 pixels high, on one line, and lead where they say; the text part has the same link."""
    show(page, name)
    box = page.locator("a.button").bounding_box()
    assert box["height"] >= 44
    assert box["x"] + box["width"] <= page.viewport_size["width"]
    href = page.locator("a.button").get_attribute("href")
    assert href.startswith("https://shop.example.com")
    assert href in example_templates().render(f"{name}.md", name[-2:], context(example_order(), shop=MODEL)).text


def test_a_wide_logo_is_not_cropped(page: Any) -> None:
    """A logo is shown whole, with its own proportions, on a background that its colours were made for."""
    show(page, "first-contact.de", logo=LOGO)
    logo = page.locator("td.logo img")
    page.wait_for_function("document.querySelector('td.logo img').naturalWidth == 1200")
    box = logo.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= page.viewport_size["width"]
    assert logo.evaluate("image => getComputedStyle(image).objectFit") == "contain"
    background = page.locator("td.logo").evaluate("cell => getComputedStyle(cell).backgroundColor")
    assert background == "rgb(255, 255, 255)"


def test_a_picture_in_a_text_is_not_cropped(page: Any, tmp_path: Path) -> None:
    """`image` is as wide as the mail at most, and keeps its proportions."""
    shutil.copytree(FOLDER, tmp_path / "templates")
    source = f'---\nsubject: Hallo\n---\n{{{{ image("{LOGO}", "Becher") }}}}\n'
    (tmp_path / "templates" / "picture.de.md").write_text(source)
    html = (
        Templates(tmp_path / "templates", settings(tmp_path))
        .render("picture.de.md", "de", context(example_order()))
        .html
    )
    page.set_content(html)
    picture = page.locator("td.content img")
    page.wait_for_function("document.querySelector('td.content img').naturalWidth == 1200")
    box = picture.bounding_box()
    assert box["width"] <= page.locator("td.content").bounding_box()["width"]
    assert abs(box["width"] / box["height"] - 8) < 0.2


def example_order() -> dict[str, object]:
    """An order with articles whose names are long."""
    return {**ORDER, "number": "S-2026-0004711", "country": "DE", "lines": LINES}


def example_templates() -> Templates:
    """Those of the example shop."""
    return Templates(FOLDER, settings(FOLDER.parent))


def _picture(width: int, height: int) -> bytes:
    """A grey PNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress((b"\0" + b"\x80" * width) * height)
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
