"""Postfix, Dovecot's SASL and postgrey as Debian ships them: the same as scripted servers, with their own words."""

from __future__ import annotations

import smtplib
import time
from collections.abc import Iterator
from pathlib import Path

import debian
import pytest
import trustme
from projects import Project

from sendplan.commands.context import load_settings, reader_for
from sendplan.ledger import State
from sendplan.scopes import Scope
from sendplan.sink import Say, Sink, SmtpStep, at

pytestmark = pytest.mark.servers

NOW = ("--now", "2026-08-24 12:00")
SETTINGS = """\
shop: {{name: MeinShop, timezone: Europe/Berlin, country: DE}}
store: sqlite:///var/shop.db
languages: {{default: en}}
senders:
  main: {{from: MeinShop <{from_}>, host: 127.0.0.1, port: {port}, security: {security}{more}}}
accounts: {{web: {{portal: shop}}}}
regions: {{domestic: [{{country: DE}}], abroad: any}}
"""
RULES = """\
rules:
  - {id: reminder, title: Reminder, trigger: not paid, due: ordered + 1 days, template: mail}
"""
COLUMNS = "id,account,email,name,country,total,ordered"
LOGIN = ', username: shop, password: "${SMTP_PASSWORD}"'


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def servers(authority: trustme.CA) -> Iterator[debian.Servers]:
    certificate = authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.bytes()
    try:
        with debian.running(certificate) as servers:
            yield servers
    except debian.UnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture
def shop(tmp_path: Path, capsys: pytest.CaptureFixture[str], servers: debian.Servers) -> Project:
    """Six orders that are due; `use` turns their sender to a server."""
    project = Project(tmp_path, capsys)
    project.write("rules/rules.yaml", RULES)
    project.write("templates/mail.en.md", "---\nsubject: Your order\n---\nHello.\n")
    use(project, servers, "open")
    fill(project, "example.net")
    return project


def use(
    project: Project,
    servers: debian.Servers,
    service: str,
    more: str = "",
    *,
    from_: str = "shop@example.com",
    security: str = "none",
) -> None:
    port = servers.ports[service]
    project.write("sendplan.yaml", SETTINGS.format(port=port, more=more, from_=from_, security=security))


def fill(project: Project, domain: str) -> None:
    rows = [f"N{n},web,b{n}@{domain},Mia,DE,20.00,2026-08-20 10:00" for n in range(6)]
    file = project.write("orders.csv", "\n".join([COLUMNS, *rows]) + "\n")
    assert project("import", str(file)).code == 0


def states(project: Project) -> dict[str, int]:
    with reader_for(load_settings(project.folder)) as reader:
        counts = reader.counts()
    return {state.value: counts[state.value] for state in State if counts[state.value]}


def reports(project: Project) -> dict[str, Scope]:
    with reader_for(load_settings(project.folder)) as reader:
        return {each.sender: each.scope for each in reader.sender_reports()}


def suppressed(project: Project) -> int:
    with reader_for(load_settings(project.folder)) as reader:
        return len(reader.suppressions())


def advice(project: Project, *options: str) -> str:
    tested = project("smtp-test", *options, "--format", "json")
    assert tested.code == 1, tested.out
    return str(tested.json["advice"])


def test_mails_reach_the_queue(shop: Project, servers: debian.Servers) -> None:
    """Each mail is in Postfix's log under the queue id that the ledger keeps."""
    assert shop("run", *NOW).code == 0
    assert states(shop) == {"sent": 6}
    with reader_for(load_settings(shop.folder)) as reader:
        ids = [record.queue_id for record in reader.records([State.SENT])]
    assert all(servers.logged(id_) for id_ in ids)


def test_a_mail_that_comes_back_ends_the_mails_to_its_buyer(shop: Project, servers: debian.Servers) -> None:
    """Postfix takes a mail, finds nobody to deliver it to and writes back: the next plan names the diagnosis."""
    use(shop, servers, "open", ", bounce_to: bounces@returned.example.com")
    shop.write("orders.csv", f"{COLUMNS}\nG1,web,mia@gone.example.net,Mia,DE,20.00,2026-08-20 10:00\n")
    assert shop("import", str(shop.path("orders.csv"))).code == 0
    refusing = at(SmtpStep.RCPT, Say("550 5.1.1 User unknown"))
    with Sink(refusing, port=servers.ports[debian.ELSEWHERE]):
        assert shop("run", *NOW).code == 0
        assert states(shop) == {"sent": 7}
        (bounce,) = servers.came_back(1)
    [read] = shop("bounces", str(bounce), "--format", "json").json["mails"]
    assert (read["kind"], read["message"]) == ("hard", "G1/reminder")
    again = COLUMNS + "\nG2,web,Mia@gone.example.net,Mia,DE,20.00,2026-08-20 10:00\n"
    assert shop("import", str(shop.write("again.csv", again))).code == 0
    assert shop("plan", *NOW, "--format", "json").json["summary"]["send"] == 0
    why = shop("explain", "G2", *NOW).out
    assert "suppressed" in why
    assert "User unknown" in why


def test_a_from_that_is_not_listed(shop: Project, servers: debian.Servers) -> None:
    """`reject_unlisted_sender` answers at RCPT: no buyer is suppressed, and the right From sends everything."""
    use(shop, servers, "unlisted", from_="typo@example.com")
    assert shop("run", *NOW).code == 4
    assert (states(shop), suppressed(shop), reports(shop)) == ({}, 0, {"main": Scope.SENDER})
    assert "From address" in advice(shop)
    use(shop, servers, "unlisted")
    assert shop("run", *NOW).code == 0
    assert (states(shop), reports(shop)) == ({"sent": 6}, {})


def test_a_from_that_the_login_does_not_own(
    shop: Project, servers: debian.Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`reject_sender_login_mismatch`: "not owned by user" stops the sender, no message fails."""
    monkeypatch.setenv("SMTP_PASSWORD", debian.PASSWORD)
    use(shop, servers, "login", LOGIN, from_="other@example.com")
    assert shop("run", *NOW).code == 4
    assert (states(shop), suppressed(shop), reports(shop)) == ({}, 0, {"main": Scope.SENDER})
    assert "write `shop` as the From address" in advice(shop)
    use(shop, servers, "login", LOGIN)
    assert shop("run", *NOW).code == 0
    assert states(shop) == {"sent": 6}


def test_a_login_that_fails_is_tried_once(
    shop: Project, servers: debian.Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dovecot refuses the password: one try for two runs, then `smtp-test` with the right one ends it."""
    monkeypatch.setenv("SMTP_PASSWORD", "a wrong horse")
    use(shop, servers, "login", LOGIN)
    before = servers.count("authentication failed")
    assert [shop("run", *NOW).code for _ in range(2)] == [4, 4]
    assert servers.count("authentication failed") == before + 1
    assert (states(shop), reports(shop)) == ({}, {"main": Scope.LOGIN})
    assert "check `username`" in advice(shop)
    monkeypatch.setenv("SMTP_PASSWORD", debian.PASSWORD)
    assert shop("smtp-test").code == 0
    assert shop("run", *NOW).code == 0
    assert states(shop) == {"sent": 6}


def test_a_server_that_wants_a_login(shop: Project, servers: debian.Servers) -> None:
    """Without a login the From is "not logged in": a matter of the login, not of the address."""
    use(shop, servers, "login")
    assert shop("run", *NOW).code == 4
    assert (states(shop), reports(shop)) == ({}, {"main": Scope.LOGIN})
    assert "write `username`" in advice(shop)


def test_greylisting(shop: Project, servers: debian.Servers) -> None:
    """postgrey puts every new buyer off; none is held up by another, and all get their mails when it lets them."""
    use(shop, servers, "grey")
    assert shop("run", *NOW).code == 0
    assert (states(shop), reports(shop), suppressed(shop)) == ({"deferred": 6}, {}, 0)
    wait_for_the_greylist(servers.ports["grey"], "b5@example.net")
    assert shop("run", "--now", "2026-08-24 12:10").code == 0
    assert states(shop) == {"sent": 6}


def wait_for_the_greylist(port: int, buyer: str) -> None:
    """It goes by a clock of its own: ask until the latest buyer is let through, and so are those before."""
    for _ in range(100):
        with smtplib.SMTP("127.0.0.1", port) as server:
            server.ehlo()
            server.mail("shop@example.com")
            if server.rcpt(buyer)[0] == 250:
                return
        time.sleep(0.1)
    raise AssertionError("postgrey lets nobody through")


def test_a_copy_too_many(shop: Project, servers: debian.Servers) -> None:
    """A server that takes one recipient a mail refuses each copy: the buyers get their mails, and it is told."""
    use(shop, servers, "single", ", copy_to: copies@example.com")
    ran = shop("run", *NOW)
    assert (ran.code, states(shop)) == (0, {"sent": 6})
    assert "6 copies were refused" in ran.out
    assert "too many recipients" in ran.out


def test_a_name_that_is_not_a_full_one(shop: Project, servers: debian.Servers) -> None:
    """`reject_non_fqdn_helo_hostname` answers at RCPT, and `ehlo` is what to change."""
    use(shop, servers, "named", ", ehlo: pc")
    assert shop("run", *NOW).code == 4
    assert (states(shop), reports(shop)) == ({}, {"main": Scope.SENDER})
    assert "write `ehlo:" in advice(shop)
    use(shop, servers, "named", ", ehlo: pc.example.com")
    assert shop("run", *NOW).code == 0
    assert states(shop) == {"sent": 6}


def test_a_server_that_wants_encryption(shop: Project, servers: debian.Servers, authority: trustme.CA) -> None:
    """ "Must issue a STARTTLS command first" says what to write, and with a private authority's file it works."""
    use(shop, servers, "encrypted")
    assert shop("run", *NOW).code == 4
    assert states(shop) == {}
    assert "security: starttls" in advice(shop)
    use(shop, servers, "encrypted", security="starttls")
    assert "ca_file" in advice(shop)
    shop.path("ca.pem").write_bytes(authority.cert_pem.bytes())
    use(shop, servers, "encrypted", ", ca_file: ca.pem", security="starttls")
    assert shop("smtp-test").code == 0
    assert shop("run", *NOW).code == 0
    assert states(shop) == {"sent": 6}


def test_buyers_that_nobody_knows(shop: Project, servers: debian.Servers) -> None:
    """Postfix knows none of its own domain's buyers: five fail, none stays suppressed, the sender stops."""
    fill(shop, "example.com")
    use(shop, servers, "open")
    assert shop("run", *NOW).code == 4
    assert (states(shop), suppressed(shop), reports(shop)) == ({"failed": 5}, 0, {"main": Scope.ADDRESS})
    assert shop("run", *NOW).code == 4
    assert states(shop) == {"failed": 5}


def test_too_much_in_a_minute(shop: Project, servers: debian.Servers) -> None:
    """ "Too much mail" is a matter of speed."""
    use(shop, servers, "busy")
    assert [shop("smtp-test").code for _ in range(2)] == [0, 0]
    assert "too fast" in advice(shop)
