"""A sender that logs in by OAuth 2: from `login` to sent mails, against stand-ins of both login services."""

from __future__ import annotations

import json
import logging
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from authority import Authority, opened_in_a_browser
from projects import Project, Ran

from sendplan.problems import Exit
from sendplan.sink import Cue, Say, Sink, SmtpStep, at

USER = "mia@example.com"


@pytest.fixture
def server(authority: Authority) -> Iterator[Sink]:
    """A mail server that takes the login service's tokens and nothing else."""
    with Sink(logins=authority.logins, mechanisms=("XOAUTH2",)) as sink:
        yield sink


@pytest.fixture
def shop(shop: Project, authority: Authority, server: Sink, tmp_path: Path) -> Project:
    """The example shop with orders, whose first sender logs in by OAuth 2."""
    with_oauth(shop, authority, server, "office365", "client: '${OAUTH_CLIENT}', tenant: example.onmicrosoft.com")
    assert shop("import", str(shop.path("fixtures/orders.csv"))).code == Exit.DONE
    return shop


def with_oauth(shop: Project, authority: Authority, server: Sink, provider: str, oauth2: str) -> None:
    """Make the first sender, `main`, log in by OAuth 2, and all accounts use it."""
    text = shop.path("sendplan.yaml").read_text(encoding="utf-8")
    sender = f"""\
senders:
  main:
    provider: {provider}
    from: MeinShop <{USER}>
    host: {server.host}
    port: {server.port}
    security: none
    limits: {{connections: 1, per_minute: 1000}}
    oauth2: {{{oauth2}, authority: "{authority.address}"}}
"""
    text = re.sub(r"^senders:\n(?:[ #].*\n)+", sender, text, flags=re.M)
    shop.path("sendplan.yaml").write_text(re.sub(r"sender: \w+", "sender: main", text), encoding="utf-8")


def token_files() -> list[Path]:
    import os

    return sorted((Path(os.environ["XDG_STATE_HOME"]) / "sendplan" / "tokens").glob("*.json"))


def tells_nothing(authority: Authority, *texts: str) -> bool:
    """Whether no secret of the login service is in any of these texts."""
    shown = "\n".join(texts)
    return not any(each[:40] in shown for each in authority.issued)


def run(shop: Project) -> Ran:
    """A run at noon of a Monday on which the example shop has mails to send."""
    return shop("run", "--no-import", "--now", "2026-08-24 12:00")


def test_from_login_to_a_sent_plan(
    shop: Project, authority: Authority, server: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    """A person types a code in a browser, the token is kept for its owner alone, the plan leaves; nothing shows it."""
    authority.approved = False
    with caplog.at_level(logging.DEBUG):
        before = run(shop)
        login = shop("login", "main")
        sent = run(shop)
    assert (before.code, login.code, sent.code) == (Exit.SOME_FAILED, Exit.DONE, Exit.DONE), login.out + sent.out
    assert "sendplan login main" in shop("status").out or before.code
    assert "ABCD-EFGH" in login.out
    assert len(server.mails) > 3
    (file,) = token_files()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert tells_nothing(authority, before.out, login.out, login.err, sent.out, sent.err, caplog.text)


def test_status_says_who_must_log_in(shop: Project, server: Sink) -> None:
    """Without a token nothing is tried at the server, and `status` says what to do until it is done."""
    assert run(shop).code == Exit.SOME_FAILED
    status = shop("status", "--now", "2026-08-24 12:00")
    assert status.code == Exit.FINDINGS
    assert "log in on this computer" in status.out
    assert "sendplan login main" in status.out
    assert server.connections == 0
    assert shop("login", "main").code == Exit.DONE
    assert "sendplan login main" not in shop("status", "--now", "2026-08-24 12:00").out


def test_a_token_that_ended_is_renewed_once_by_two_processes(shop: Project, authority: Authority, server: Sink) -> None:
    """Two commands that find the token ended at the same time send, and ask the login service once."""
    assert shop("login", "main").code == Exit.DONE
    (file,) = token_files()
    file.write_text(json.dumps({**json.loads(file.read_text()), "ends": 0}))
    command = [sys.executable, "-m", "sendplan", "smtp-test", "main", "--project", str(shop.folder)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in "12"]
    outputs = [each.communicate(timeout=60)[0] for each in processes]
    assert [each.returncode for each in processes] == [0, 0], outputs
    assert authority.refreshes == 1
    assert len(server.mails) == 2
    assert tells_nothing(authority, *outputs)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("ends", [None, 4e9], ids=["refused early", "kept under a clock that was years ahead"])
def test_wrong_clocks_cost_a_renewal_and_no_mail(
    shop: Project, authority: Authority, server: Sink, ends: float | None
) -> None:
    """A token that the server takes no more, whatever this computer's clock says, is renewed once and the mails go."""
    assert shop("login", "main").code == Exit.DONE
    (file,) = token_files()
    if ends is not None:
        file.write_text(json.dumps({**json.loads(file.read_text()), "ends": ends}))
    authority.end_early()
    assert run(shop).code == Exit.DONE
    assert authority.refreshes == 1
    assert server.mails


def test_a_revoked_token_stops_the_sender(shop: Project, authority: Authority, server: Sink) -> None:
    """Nothing is asked again and again: the sender stops, `status` says to log in, and that ends it."""
    assert shop("login", "main").code == Exit.DONE
    authority.revoke()
    first = run(shop)
    assert (first.code, authority.refreshes) == (Exit.SOME_FAILED, 1)
    assert run(shop).code == Exit.SOME_FAILED
    assert authority.refreshes == 1  # At most hourly.
    status = shop("status", "--now", "2026-08-24 12:00")
    assert status.code == Exit.FINDINGS
    assert "log in again: sendplan login main" in status.out
    assert server.mails == []
    assert tells_nothing(authority, first.out, first.err, status.out)
    assert shop("login", "main").code == Exit.DONE
    assert run(shop).code == Exit.DONE
    assert server.mails


@pytest.mark.parametrize("happens", ["ends", "is taken back"])
@pytest.mark.usefixtures("impatient")
def test_a_token_that_is_refused_in_the_middle_of_a_run(
    shop: Project, authority: Authority, server: Sink, happens: str
) -> None:
    """A token that ended is renewed and the rest goes on; one taken back leaves the rest open; no mail goes twice."""

    def refused(cue: Cue) -> Say | None:
        if cue.step is not SmtpStep.MAIL or cue.mails != 3 or cue.connection != 1:
            return None
        authority.end_early() if happens == "ends" else authority.revoke()
        return Say("421 4.3.2 closing")

    server.script = refused
    assert shop("login", "main").code == Exit.DONE
    ran = run(shop)
    if happens == "ends":
        assert (ran.code, authority.refreshes) == (Exit.DONE, 1), ran.out + ran.err
    else:
        assert (ran.code, authority.refreshes, len(server.mails)) == (Exit.SOME_FAILED, 1, 3), ran.out + ran.err
        assert "log in again: sendplan login main" in shop("status", "--now", "2026-08-24 12:00").out
        assert shop("login", "main").code == Exit.DONE
        ran = run(shop)
        assert ran.code == Exit.DONE
    recipients = [(mail.recipients, re.search(rb"Message-ID: (.*)", mail.content)[1]) for mail in server.mails]  # type: ignore[index]
    assert len(recipients) == len(set(recipients)) == 14
    assert tells_nothing(authority, ran.out, ran.err)


def test_an_organisation_that_is_not_there(shop: Project) -> None:
    """A typing mistake in `tenant` is named, and is no login service out of order."""
    shop.edit("sendplan.yaml", "example.onmicrosoft.com", "unknown.onmicrosoft.com")
    result = shop("login", "main")
    assert result.code == Exit.FINDINGS
    assert "it knows no organisation `unknown.onmicrosoft.com`" in result.out
    assert "check `client`, `tenant`" in result.out


def test_a_login_service_out_of_order_is_no_refused_login(shop: Project, authority: Authority) -> None:
    """While the login service itself is down, the sender waits like for a server that is down."""
    assert shop("login", "main").code == Exit.DONE
    (file,) = token_files()
    file.write_text(json.dumps({**json.loads(file.read_text()), "ends": 0}))
    authority.broken = True
    result = shop("smtp-test", "main")
    assert result.code == Exit.FINDINGS
    assert "the login service cannot be reached" in result.out
    assert "log in again" not in result.out
    authority.broken = False
    assert shop("smtp-test", "main").code == Exit.DONE


def test_a_login_that_the_person_declines(shop: Project, authority: Authority) -> None:
    """Who declines is told so in a sentence, and nothing is kept."""
    authority.denied = True
    result = shop("login", "main")
    assert result.code == Exit.FINDINGS
    assert "Not logged in: the login service refused: authorization_declined" in result.out
    assert token_files() == []


def test_an_application_that_is_not_registered(
    shop: Project, monkeypatch: pytest.MonkeyPatch, authority: Authority
) -> None:
    """A wrong client id is told with what to check."""
    monkeypatch.setenv("OAUTH_CLIENT", "another")
    result = shop("login", "main")
    assert result.code == Exit.FINDINGS
    assert "check `client`" in result.out


@pytest.mark.parametrize("case", ["allowed", "denied", "forged"])
def test_a_browser_comes_back_to_this_computer(
    shop: Project, authority: Authority, server: Sink, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address is printed where no browser opens; only an answer to this very login is taken (state, PKCE)."""
    with_oauth(shop, authority, server, "gmail", "client: '${OAUTH_CLIENT}', secret: '${OAUTH_SECRET}'")
    authority.denied = case == "denied"
    followed = opened_in_a_browser(authority, monkeypatch, forged=case == "forged")
    result = shop("login", "main")
    followed.join(10)
    assert tells_nothing(authority, result.out, result.err)
    if case != "allowed":
        assert result.code == Exit.FINDINGS, result.out
        assert "Not logged in: the login service refused" in result.out
        assert token_files() == []
        return
    assert result.code == Exit.DONE, result.out
    assert run(shop).code == Exit.DONE
    assert server.mails
    (file,) = token_files()
    file.write_text(json.dumps({**json.loads(file.read_text()), "ends": 0}))
    assert shop("smtp-test", "main").code == Exit.DONE
    assert authority.refreshes == 1
    authority.revoke()
    assert "log in again: sendplan login main" in shop("smtp-test", "main").out


@pytest.mark.parametrize(("package", "provider"), [("msal", "office365"), ("google_auth_oauthlib", "gmail")])
def test_without_the_extra(
    shop: Project,
    authority: Authority,
    server: Sink,
    package: str,
    provider: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who lacks the package is told how to install it."""
    with_oauth(shop, authority, server, provider, "client: shop-app")
    monkeypatch.setitem(sys.modules, package, None)
    result = shop("login", "main")
    assert result.code == Exit.FINDINGS
    assert re.search(r'pip install "sendplan\[(microsoft|google)\]"', result.out + result.err)


def test_a_server_that_takes_only_tokens(shop: Project, server: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password at such a server is never sent; `smtp-test` says what to write instead."""
    monkeypatch.setenv("SMTP_PASSWORD", "correct-horse")
    text = shop.path("sendplan.yaml").read_text(encoding="utf-8")
    text = re.sub(r"    oauth2: .*\n", f"    username: {USER}\n    password: ${{SMTP_PASSWORD}}\n", text)
    shop.path("sendplan.yaml").write_text(text, encoding="utf-8")
    result = shop("smtp-test", "main")
    assert result.code == Exit.FINDINGS
    assert "only OAuth 2" in result.out
    assert "write `oauth2: {client: ...}` instead of `password`" in result.out
    assert "AUTH ***" not in server.commands


def test_a_mailbox_that_may_not_send_by_smtp(shop: Project, authority: Authority) -> None:
    """Where SMTP is switched off for the mailbox (5.7.139), the advice names that switch, and nothing loops."""
    assert shop("login", "main").code == Exit.DONE
    refusal = Say("535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox")
    with Sink(at(SmtpStep.AUTH, refusal), logins=authority.logins, mechanisms=("XOAUTH2",)) as closed:
        with_oauth(shop, authority, closed, "office365", "client: '${OAUTH_CLIENT}', tenant: example.onmicrosoft.com")
        result = shop("smtp-test", "main")
    assert result.code == Exit.FINDINGS
    assert 'enable "Authenticated SMTP" for this mailbox' in result.out
    assert closed.connections <= 2
    assert authority.refreshes <= 1
