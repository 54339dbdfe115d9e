"""Where the shipped files live: the schemas and the example shop, in a checkout or inside an installed wheel."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any


@cache
def shipped() -> Path:
    """The folder that holds `schemas/`, `rules/`, `templates/`, `fixtures/` and `sendplan.yaml` of the example shop."""
    package = Path(__file__).resolve().parent
    installed = package / "_shipped"
    return installed if installed.is_dir() else package.parents[1]


@cache
def schema(name: str) -> dict[str, Any]:
    """The JSON Schema `schemas/NAME.schema.json`, parsed; callers must not change it."""
    text = (shipped() / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded
