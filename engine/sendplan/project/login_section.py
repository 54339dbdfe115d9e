"""How a sender logs in, `password:` or `oauth2:` → the places where its secrets are kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sendplan.project.providers import Preset
from sendplan.project.settings import OAuth2
from sendplan.project.shop_section import Note
from sendplan.reading.source import KeyPath
from sendplan.secret import Secret, secret


def password(given: str | None, folder: Path, note: Note) -> Secret | None:
    """The place of a sender's password; one that is written out is a problem."""
    return _hidden(given, ("password",), "SMTP_PASSWORD", folder, note)


def oauth2(given: Mapping[str, Any], preset: Preset, folder: Path, tokens: Path, note: Note) -> OAuth2 | None:
    """The `oauth2:` of a sender; `tokens` is the folder where the user's tokens are kept."""
    if "oauth2" not in given:
        return None
    if "password" in given:
        note("wrong-key", ("oauth2",), "a sender logs in with `password` or with `oauth2`, not with both", "remove one")
    if preset.oauth2 is None:
        help_ = "write `provider: office365` or `provider: gmail`; other providers take a password"
        note("wrong-value", ("oauth2",), f"`oauth2` does not go with `provider: {preset.name}`", help_)
        return None
    written: Mapping[str, Any] = given["oauth2"]
    unused = "secret" if preset.oauth2.tenant else "tenant"
    if unused in written:
        note("wrong-key", ("oauth2", unused), f"`provider: {preset.name}` has no `{unused}`", "remove it")
    client = written.get("client", "")
    token = _hidden(written.get("token"), ("oauth2", "token"), "file:var/token.json", folder, note)
    if token is not None and token.file is None:
        help_ = "write `token: ${file:PATH}`: it is renewed again and again, so a variable cannot hold it"
        note("wrong-value", ("oauth2", "token"), "a token is kept in a file", help_)
    return OAuth2(
        client=secret(client, folder) or client,
        tenant=written.get("tenant", preset.oauth2.tenant),
        secret=_hidden(written.get("secret"), ("oauth2", "secret"), "OAUTH_SECRET", folder, note),
        authority=written.get("authority"),
        tokens=tokens,
        token=token.file if token is not None else None,
    )


def _hidden(given: str | None, place: KeyPath, example: str, folder: Path, note: Note) -> Secret | None:
    if given is None:
        return None
    found = secret(given, folder)
    if found is None:
        key, kind = place[-1], "password" if place == ("password",) else "secret"
        help_ = f"write `{key}: ${{{example}}}` and set that variable where sendplan runs"
        if example.startswith("file:"):
            help_ = f"write `{key}: ${{{example}}}`"
        note("literal-password", place, f"a {kind} must not be written in a file", help_)
    return found
