"""A new user with nothing but docs/mail-accounts.md, from a project just made to a plan that left."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from authority import Authority, opened_in_a_browser
from doc_pages import ROOT, blocks, commands, matches, merged
from projects import Project

from sendplan.commands.init_command import copy_example
from sendplan.problems import Exit
from sendplan.sink import Sink

PAGE = ROOT / "docs" / "mail-accounts.md"
CLIENT = "00000000-0000-0000-0000-000000000000"


def test_the_page_leads_to_a_plan_that_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, authority: Authority
) -> None:
    """Both logins, test mail, rehearsal and plan go as the page shows them; only the servers are stand-ins."""
    authority.client = CLIENT
    copy_example(tmp_path / "shop")
    shop = Project(tmp_path / "shop", capsys)
    with Sink(logins=authority.logins, mechanisms=("XOAUTH2",)) as server:
        written = next(each.text for each in blocks(PAGE) if each.file == "sendplan.yaml")
        local = f"host: {server.host}\n    port: {server.port}\n    security: none\n"
        written = re.sub(r"(provider: .*\n)", rf"\1    {local}", written)
        written = re.sub(r"(oauth2: \{.*)\}", rf'\1, authority: "{authority.address}"}}', written)
        settings = merged(shop.path("sendplan.yaml").read_text(encoding="utf-8"), written.partition("\n")[2])
        shop.path("sendplan.yaml").write_text(settings, encoding="utf-8")
        assert shop("check").code == Exit.DONE
        monkeypatch.chdir(shop.folder)
        for block in (each for each in blocks(PAGE) if each.text.startswith("$ ")):
            for command in commands(block):
                follow(command.line, command.output, shop, authority, monkeypatch)
    assert len(server.mails) == 1 + 14 + 14
    assert {mail.recipients for mail in server.mails[1:15]} == {("you@example.com",)}


def follow(line: str, shown: list[str], shop: Project, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """Type one command of the page, and see what the page shows."""
    words = shlex.split(line)
    if words[0] == "export":
        given = {"OAUTH_CLIENT": CLIENT, "OAUTH_SECRET": authority.secret}
        for name, _, value in (each.partition("=") for each in words[1:]):
            monkeypatch.setenv(name, given[name] if value == "..." else value)
        return
    if words[1] == "login":
        authority.user = f"{words[2].replace('main', 'shop')}@example.com"
        if words[2] == "main":
            opened_in_a_browser(authority, monkeypatch)
    ran = shop(*words[1:])
    assert ran.code == Exit.DONE, ran.out + ran.err
    google = "https://accounts.google.com/o/oauth2/v2/auth"
    printed = re.sub(rf"{authority.address}\S*/authorize", google, ran.err + ran.out)
    printed = printed.replace(authority.address, "https://login.microsoft.com")
    assert matches(shown, printed.splitlines()), f"{line}\n{ran.err}{ran.out}"
