"""Login services that answer with something else than a token, and files of tokens that are no such thing."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from authority import Authority
from projects import Project
from test_oauth import run, server, shop, tells_nothing, with_oauth

from sendplan.commands.context import load_settings
from sendplan.mail.authorities import Granted
from sendplan.mail.oauth_tokens import keep
from sendplan.problems import Exit
from sendplan.sink import Sink

__all__ = ["server", "shop"]
pytestmark = pytest.mark.parametrize("provider", ["office365", "gmail"])
JSON = "application/json"
ODD = {
    "a page of a hotel": (200, "text/html", b"<html>Welcome to our wireless network</html>"),
    "nothing": (200, JSON, b""),
    "a list": (200, JSON, b"[]"),
    "null": (200, JSON, b"null"),
    "a text": (200, JSON, b'"hello"'),
    "an object without a token": (200, JSON, b"{}"),
    "a page of an error": (500, "text/html", b"<h1>500</h1>"),
    "trouble of its own": (500, JSON, b'{"error": "server_error"}'),
    "lists in lists": (200, JSON, b"[" * 100_000),
    "another address": (302, "https://localhost:1/token", b""),
}
NO_TOKENS: dict[str, dict[str, Any]] = {
    "another type": {"token_type": "mac"},
    "a token that is a list": {"access_token": ["a"]},
    "an empty token": {"access_token": ""},
    "a token with line ends": {"access_token": "a\x01\r\nRSET"},
    "a lifetime in words": {"expires_in": "soon"},
    "a lifetime that is a list": {"expires_in": []},
    "a renewal that is a number": {"refresh_token": 5},
}
LIFETIMES = [None, -5, 0, "3600"]


@pytest.fixture
def ended(shop: Project, authority: Authority, server: Sink, provider: str) -> Path:
    """The file of a token whose time is over."""
    oauth2 = "client: '${OAUTH_CLIENT}', tenant: example.onmicrosoft.com"
    if provider == "gmail":
        oauth2 = "client: '${OAUTH_CLIENT}', secret: '${OAUTH_SECRET}'"
    with_oauth(shop, authority, server, provider, oauth2)
    return keep(load_settings(shop.folder).senders["main"], Granted("ended", authority.refreshable(), -1))


@pytest.mark.parametrize("case", [*ODD, *NO_TOKENS])
def test_an_answer_that_is_no_token_is_a_service_out_of_order(
    shop: Project, authority: Authority, server: Sink, ended: Path, provider: str, case: str
) -> None:
    """The sender waits like for a server that is down, nobody is asked to log in again, and later mails leave."""
    if provider == "gmail" and case == "another type":
        pytest.skip("Google's library does not tell the type of a token")
    before = ended.read_bytes()
    authority.odd, authority.extra = ODD.get(case), NO_TOKENS.get(case, {})
    result = shop("smtp-test", "main")
    assert result.code == Exit.FINDINGS
    assert "the login service" in result.out
    assert "reaches the login service" in result.out
    assert "sendplan login" not in result.out
    assert "`port`" not in result.out
    assert server.connections == 0
    assert ended.read_bytes() == before
    assert tells_nothing(authority, result.out, result.err)
    authority.odd, authority.extra = None, {}
    ended.write_text(json.dumps({**json.loads(before), "refresh": authority.refreshable()}))
    assert shop("smtp-test", "main").code == Exit.DONE


@pytest.mark.parametrize("case", [307, 308])
def test_a_login_service_that_sends_elsewhere_is_not_followed(
    shop: Project, authority: Authority, ended: Path, case: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A redirect takes no refresh token to another address."""
    asked: list[str] = []
    original = authority.answer

    def noted(method: str, path: str, sent: dict[str, str]) -> tuple[int, dict[str, Any] | str]:
        asked.append(path)
        return original(method, path, sent)

    monkeypatch.setattr(authority, "answer", noted)
    authority.odd = (case, f"{authority.address}/elsewhere", b"")
    assert shop("smtp-test", "main").code == Exit.FINDINGS
    assert not any("elsewhere" in path for path in asked)


@pytest.mark.parametrize("seconds", LIFETIMES, ids=map(str, LIFETIMES))
def test_a_lifetime_that_is_none_costs_no_renewal_for_each_mail(
    shop: Project, authority: Authority, server: Sink, ended: Path, seconds: Any
) -> None:
    """A token that is said to last no time, or for ever, is used until the mail server refuses it."""
    authority.extra = {"expires_in": seconds}
    result = run(shop)
    assert result.code == Exit.DONE, result.out + result.err
    assert len(server.mails) == 14
    assert shop("smtp-test", "main").code == Exit.DONE
    assert authority.refreshes == 1


BROKEN = {
    "empty": b"",
    "cut off": b'{"account": "offi',
    "a list": b"[]",
    "other keys": b'{"a": 1}',
    "bytes": b"\xff\xfe\x00",
    "lists in lists": b"[" * 100_000,
    "numbers": b'{"account": 1, "access": 2, "refresh": 3, "ends": 4}',
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_file_that_holds_no_token(shop: Project, server: Sink, authority: Authority, ended: Path, case: str) -> None:
    """Whatever stands in the file, `run` and `status` say to log in, nothing is tried, and logging in mends it."""
    ended.write_bytes(BROKEN[case])
    assert run(shop).code == Exit.SOME_FAILED
    status = shop("status", "--now", "2026-08-24 12:00")
    assert status.code == Exit.FINDINGS
    assert "sendplan login main" in status.out
    assert server.connections == authority.refreshes == 0
    keep(load_settings(shop.folder).senders["main"], Granted("ended", authority.refreshable(), -1))
    assert run(shop).code == Exit.DONE


def test_a_pipe_in_the_place_of_a_token_is_not_waited_for(shop: Project, ended: Path) -> None:
    """What is not a file cannot be read, and no command waits for somebody to write into it."""
    ended.unlink()
    os.mkfifo(ended)
    assert "cannot be read" in shop("smtp-test", "main").err


def test_a_token_that_others_may_read_is_its_owners_again(
    shop: Project, ended: Path, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    """A restored copy with a wide mode is closed before it is used, and the log says so without showing it."""
    ended.chmod(0o644)
    assert shop("status").code in (Exit.DONE, Exit.FINDINGS)
    assert shop("smtp-test", "main").code == Exit.DONE
    assert stat.S_IMODE(ended.stat().st_mode) == 0o600
    assert caplog.text.count("token_exposed") == 1
    assert tells_nothing(authority, caplog.text)


def test_a_link_to_a_token_stays_a_link(shop: Project, ended: Path, tmp_path: Path) -> None:
    """A renewed token is written to where `token:` leads, as to a volume, and the link to it stays."""
    kept = tmp_path / "volume" / "token.json"
    kept.parent.mkdir()
    ended.rename(kept)
    link = tmp_path / "token.json"
    link.symlink_to(kept)
    before = kept.read_bytes()
    shop.edit("sendplan.yaml", "authority:", f"token: '${{file:{link}}}', authority:")
    assert shop("smtp-test", "main").code == Exit.DONE
    assert link.is_symlink()
    assert kept.read_bytes() != before
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_folder_that_cannot_be_written(shop: Project, ended: Path, server: Sink) -> None:
    """A token that cannot be renewed for the folder that it is in stops its sender, with the reason."""
    ended.with_name(f"{ended.name}.lock").unlink()
    ended.with_name(f"{ended.name}.lock").mkdir()
    result = shop("smtp-test", "main")
    assert result.code == Exit.FINDINGS
    assert "cannot be renewed" in result.err
    assert run(shop).code == Exit.SOME_FAILED
    assert server.connections == 0
