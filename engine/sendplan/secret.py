"""Secrets: the settings say where one is kept, `${NAME}` or `${file:PATH}`, and it is read when it is needed."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from sendplan.dataclass import dataclass
from sendplan.problems import Problem

_REFERENCE = re.compile(r"\$\{(?:(?P<variable>[A-Za-z_][A-Za-z0-9_]*)|file:(?P<file>[^{}]+))\}")


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret is kept; the secret itself is kept nowhere."""

    variable: str | None = None
    """Name of an environment variable, written `${NAME}`."""
    file: Path | None = None
    """A file that holds it, written `${file:PATH}`."""

    def __str__(self) -> str:
        return f"the environment variable {self.variable}" if self.variable else f"the file {self.file}"


def secret(text: str, folder: Path) -> Secret | None:
    """`${NAME}` or `${file:PATH}`, the path relative to the project's folder; None for anything else."""
    found = _REFERENCE.fullmatch(text)
    if found is None:
        return None
    if found["variable"]:
        return Secret(found["variable"])
    return Secret(file=folder / found["file"].strip())


def read_secret(secret: Secret, environment: Mapping[str, str] = os.environ) -> str:
    """What is kept at this place, a file's without the end of its line; empty when there is nothing to read."""
    if secret.file is None:
        return environment.get(secret.variable or "", "")
    try:
        return secret.file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, ValueError):
        return ""


def missing_password(whose: str, secret: Secret) -> Problem:
    """Says that there is nothing to read at this place, and what to do."""
    if secret.file is not None:
        message = f"{whose} needs a password, and {secret} cannot be read or is empty"
        return Problem("missing-password", message, help="let the user that runs sendplan read that file")
    message = f"{whose} needs a password, and {secret} is not set"
    help_ = f"set it before the command, as in: {secret.variable}=… sendplan run"
    return Problem("missing-password", message, help=help_)
