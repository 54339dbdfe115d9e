"""`python tests/browser/pictures.py`: the example mails on each screen, as small pictures for the docs."""

from __future__ import annotations

import base64
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "engine"), str(ROOT / "tests" / "unit"), str(Path(__file__).parent)]

from mail_samples import MODEL, context  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402
from test_example_mails import MAILS, SCREENS, example_order, example_templates  # noqa: E402

FOLDER = ROOT / "docs" / "pictures"
PHONE = 375


def sheet(browser: Any, width: int, scheme: str) -> bytes:
    """All mails beside each other on one kind of screen, as a JPEG."""
    page = browser.new_page(viewport={"width": width, "height": 600}, color_scheme=scheme)
    shots = []
    for name in MAILS:
        order = context(example_order(), shop=replace(MODEL))
        page.set_content(example_templates().render(f"{name}.md", name[-2:], order).html)
        shots.append((name, page.screenshot(full_page=True)))
    page.close()
    figures = "".join(
        f'<figure><img src="data:image/png;base64,{base64.b64encode(png).decode()}"><figcaption>{name}</figcaption>'
        "</figure>"
        for name, png in shots
    )
    columns, shown = (5, 190) if width == PHONE else (4, 240)
    style = (
        f"body {{ margin: 8px; display: grid; grid-template-columns: repeat({columns}, {shown}px); gap: 10px;"
        " background: #888; font: 12px sans-serif; } figure { margin: 0; } img { width: 100%; display: block; }"
    )
    page = browser.new_page(viewport={"width": columns * (shown + 10) + 6, "height": 600}, device_scale_factor=1.25)
    page.set_content(f"<style>{style}</style>{figures}")
    picture: bytes = page.screenshot(full_page=True, type="jpeg", quality=45)
    page.close()
    return picture


def main() -> None:
    """Write one picture for each screen."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for width, scheme in SCREENS:
            target = FOLDER / f"mails-{'phone' if width == PHONE else 'wide'}-{scheme}.jpg"
            target.write_bytes(sheet(browser, width, scheme))
            print(f"{target.relative_to(ROOT)}: {target.stat().st_size // 1024} KB")
        browser.close()


if __name__ == "__main__":
    main()
