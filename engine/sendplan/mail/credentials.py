"""A sender's password: read from the environment or a file when it connects, kept nowhere."""

from __future__ import annotations

import os
from collections.abc import Mapping

from sendplan.problems import UserError
from sendplan.project.settings import Sender
from sendplan.secret import missing_password, read_secret


def password_of(sender: Sender, environment: Mapping[str, str] = os.environ) -> str | None:
    """The password, or None for a sender without one. Raises UserError when it cannot be read here."""
    if sender.username is None or sender.password is None:
        return None
    password = read_secret(sender.password, environment)
    if not password:
        raise UserError(missing_password(f"sender `{sender.name}`", sender.password))
    return password
