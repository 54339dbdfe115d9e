"""Where a project's files are, by name: nothing here reads them."""

from __future__ import annotations

from pathlib import Path

from sendplan.problems import Exit, Problem, UserError

FILE = "sendplan.yaml"
"""The settings; a folder that holds it is a project."""
RULES = "rules"
TEMPLATES = "templates"
SCENARIOS = "fixtures/scenarios"


def find_folder(start: Path) -> Path:
    """The nearest folder from `start` upward that holds a sendplan.yaml.

    Raises UserError when there is none.
    """
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return folder
    message = f"there is no {FILE} in this folder or above it"
    help_ = "run `sendplan init shop` to make a project, or give its folder with --project DIR"
    raise UserError(Problem("no-project", message, None, help_), Exit.USAGE)
