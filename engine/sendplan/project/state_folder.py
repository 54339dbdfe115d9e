"""Where what belongs to a user and not to the project's files is kept: marks, tokens."""

from __future__ import annotations

import os
from pathlib import Path


def state_folder(folder: Path, named: str | None) -> Path:
    """`state:` in the settings of the project in `folder`, else the XDG state directory."""
    if named is not None:
        return folder / named
    given = Path(os.environ.get("XDG_STATE_HOME", ""))
    return (given if given.is_absolute() else Path.home() / ".local" / "state") / "sendplan"
