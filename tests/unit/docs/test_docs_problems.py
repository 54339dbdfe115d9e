"""`docs/problems.md` explains every problem."""

from __future__ import annotations

import re
from pathlib import Path

from sendplan.problems import CODES

PAGE = (Path(__file__).parents[3] / "docs" / "problems.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (\S+)\n\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S))


def test_every_code_has_a_section() -> None:
    """Whoever sees a code finds it on the page, and no section is about a code that is gone."""
    assert list(SECTIONS) == sorted(CODES)


def test_sections_begin_with_the_title() -> None:
    """The page calls each problem what the program calls it."""
    assert {code: text.split(".")[0] for code, text in SECTIONS.items()} == CODES


def test_sections_show_what_to_prefer() -> None:
    """Each section shows what to avoid or what to write instead."""
    assert [code for code, text in SECTIONS.items() if "Prefer" not in text and "Then" not in text] == []
