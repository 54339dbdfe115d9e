"""axe-core over what a browser shows (WCAG 2.2, levels A and AA, and best practices)."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any


@cache
def _axe() -> str:
    """axe-core, as the package `axe-playwright-python` carries it."""
    import axe_playwright_python

    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


def violations(tab: Any, *passed_over: str) -> list[str]:
    """What axe finds on a page of playwright, a line for each element: rule, where, why; rules may be passed over."""
    tab.evaluate(_axe())
    rules = {name: {"enabled": False} for name in passed_over}
    found = tab.evaluate("options => axe.run(document, options)", {"rules": rules, "iframes": False})
    return [
        f"{each['id']}: {' '.join(map(str, node['target']))}: {node['failureSummary']}"
        for each in found["violations"]
        for node in each["nodes"]
    ]


def overflows(tab: Any) -> bool:
    """Whether the page is wider than the screen."""
    return bool(tab.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
