"""The example mails' HTML, judged by html-validate: all its rules but two that no mail can keep."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from mail_samples import MODEL, context
from test_example_mails import LOGO, MAILS, example_order, example_templates

pytestmark = pytest.mark.browser
VALIDATOR = Path(__file__).parents[2] / ".browser" / "node_modules" / ".bin" / "html-validate"
RULES = Path(__file__).with_name("html-validate.json")
"""Without those on style attributes and conditional comments: mail programs know no other way."""


@pytest.mark.skipif(not VALIDATOR.exists(), reason="html-validate is not installed: `make browser` brings it, with npm")
def test_the_html_of_the_example_mails_is_valid(tmp_path: Path) -> None:
    """No mail has an element, an attribute or a nesting that HTML does not know, nor a table without headings."""
    for name in MAILS:
        mail = example_templates().render(
            f"{name}.md", name[-2:], context(example_order(), shop=replace(MODEL, logo=LOGO))
        )
        (tmp_path / f"{name.replace('/', '-')}.html").write_text(mail.html, encoding="utf-8")
    line = (str(VALIDATOR), "--config", str(RULES), "--formatter", "json", str(tmp_path))
    judged = subprocess.run(line, capture_output=True, text=True, check=False, timeout=120)
    found = [
        (Path(file["filePath"]).name, each["ruleId"], each["message"])
        for file in json.loads(judged.stdout)
        for each in file["messages"]
    ]
    assert found == []
    assert judged.returncode == 0, judged.stderr
