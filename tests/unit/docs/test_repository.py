"""What GitHub, PyPI and a contributor's tools read says the same as the Makefile."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import yaml
from doc_pages import ROOT


def _yaml(name: str) -> Any:
    # As YAML 1.1, to which GitHub's `on:` would be true: no key but those that are looked at matters here.
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def test_the_workflow_tries_every_python_that_the_package_names() -> None:
    """Each Python that pip may install sendplan on is one that the checks ran on."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    job = _yaml(".github/workflows/check.yml")["jobs"]["check"]
    tried = job["strategy"]["matrix"]["python"]
    named = re.findall(r"Python :: (3\.\d+)'", str(project["classifiers"]))
    assert tried == named
    assert project["requires-python"] == f">={tried[0]}"
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]


def test_the_hooks_before_a_commit_are_what_lint_runs() -> None:
    """Whoever commits with pre-commit is stopped by what `make lint` would stop, and by nothing else of Python."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for hook in _yaml(".pre-commit-config.yaml")["repos"][0]["hooks"]:
        command = hook["entry"].removeprefix(".venv/bin/")
        assert command.startswith("sendplan check") or f"$(BIN)/{command}" in makefile


def test_templates_for_issues_ask_for_something() -> None:
    """Each form has a name, and a question that must be answered."""
    forms = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yaml"))
    assert len(forms) == 2
    for path in forms:
        form = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert form["name"]
        assert any(field.get("validations", {}).get("required") for field in form["body"])
