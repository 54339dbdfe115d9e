"""A sender's password: read from the environment when it connects, kept nowhere."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from sendplan.problems import Problem, UserError
from sendplan.project.settings import Sender


def password_of(sender: Sender, environment: Mapping[str, str] = os.environ) -> str | None:
    """The password, or None for a sender without a login. Raises UserError when its variable is not set."""
    if sender.username is None or sender.password_variable is None:
        return None
    password = environment.get(sender.password_variable)
    if not password:
        raise UserError(_missing(sender))
    return password


def check_passwords(senders: Iterable[Sender], environment: Mapping[str, str] = os.environ) -> None:
    """Raises UserError that names every variable which these senders need and nobody set."""
    missing = [
        _missing(sender)
        for sender in senders
        if sender.username is not None and sender.password_variable and not environment.get(sender.password_variable)
    ]
    if missing:
        raise UserError(missing)


def _missing(sender: Sender) -> Problem:
    variable = sender.password_variable
    return Problem(
        "missing-password",
        f"sender `{sender.name}` needs a password, and the environment variable {variable} is not set",
        help=f"set it before the command, as in: {variable}=… sendplan run",
    )
