"""A sender's secrets: read from the environment or a file when it connects, kept nowhere."""

from __future__ import annotations

import os
from collections.abc import Mapping

from sendplan.problems import Problem, UserError
from sendplan.project.settings import Secret, Sender


def read_secret(secret: Secret, environment: Mapping[str, str] = os.environ) -> str:
    """What is kept at this place, a file's without the end of its line; empty when there is nothing to read."""
    if secret.file is None:
        return environment.get(secret.variable or "", "")
    try:
        return secret.file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, ValueError):
        return ""


def password_of(sender: Sender, environment: Mapping[str, str] = os.environ) -> str | None:
    """The password, or None for a sender without one. Raises UserError when it cannot be read here."""
    if sender.username is None or sender.password is None:
        return None
    password = read_secret(sender.password, environment)
    if not password:
        raise UserError(_missing(sender, sender.password))
    return password


def _missing(sender: Sender, secret: Secret) -> Problem:
    if secret.file is not None:
        message = f"sender `{sender.name}` needs a password, and {secret} cannot be read or is empty"
        return Problem("missing-password", message, help="let the user that runs sendplan read that file")
    message = f"sender `{sender.name}` needs a password, and {secret} is not set"
    return Problem(
        "missing-password", message, help=f"set it before the command, as in: {secret.variable}=… sendplan run"
    )
