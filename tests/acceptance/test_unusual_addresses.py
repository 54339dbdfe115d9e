"""Addresses as few people have them, from the order to the mail server."""

from __future__ import annotations

import csv

import pytest
from projects import Project, received

from sendplan.sink import Sink

NOW = ("--now", "2026-08-24 12:00")
SETTINGS = """\
shop: {{name: Shop, timezone: Europe/Berlin, country: DE}}
store: sqlite:///var/shop.db
senders:
  main: {{from: Shop <shop@example.com>, host: 127.0.0.1, port: {port}, security: none}}
accounts:
  web: {{portal: shop}}
regions:
  everywhere: any
"""
RULES = "rules:\n  - {id: hello, title: Hello, trigger: items > 0, due: ordered + 1 day, template: hello}\n"


@pytest.fixture
def project(tmp_path: object, capsys: pytest.CaptureFixture[str], sink: Sink) -> Project:
    made = Project(tmp_path, capsys)  # type: ignore[arg-type]
    made.write("sendplan.yaml", SETTINGS.format(port=sink.port))
    made.write("rules/rules.yaml", RULES)
    made.write("templates/hello.en.md", '---\nsubject: "Hello"\n---\nDear {{ order.name | default("buyer") }}\n')
    return made


def import_orders(project: Project, *addresses: str, name: str = "Buyer") -> None:
    path = project.path("orders.csv")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "account", "ordered", "email", "items", "name"])
        writer.writerows([f"E{n}", "web", "2026-08-20", address, "1", name] for n, address in enumerate(addresses))
    assert project("import", str(path)).code in (0, 1)  # 1: a row with control characters is refused already.


@pytest.mark.parametrize(
    ("address", "recipient"),
    [
        ("o'hara+tag@example.org", "o'hara+tag@example.org"),
        ("{weird}!#$%&*/=?^_`|~-@example.org", "{weird}!#$%&*/=?^_`|~-@example.org"),
        ("käufer@example.org", "käufer@example.org"),
        ("用户@example.org", "用户@example.org"),
        ("buyer@bücher.example.org", "buyer@xn--bcher-kva.example.org"),
        ("buyer@EXAMPLE.ORG", "buyer@EXAMPLE.ORG"),
    ],
)
def test_an_unusual_address_gets_its_mail(project: Project, sink: Sink, address: str, recipient: str) -> None:
    """Marks, umlauts, other scripts and international domains arrive at the server as SMTP wants them."""
    import_orders(project, address)
    assert project("run", *NOW).code == 0
    assert [mail.recipients for mail in sink.mails] == [(recipient,)]


def test_an_old_server_cannot_be_asked_for_a_foreign_local_part(project: Project, sink: Sink) -> None:
    """Where the server lacks SMTPUTF8, such a mail has failed and is listed; the others are sent."""
    sink.extensions = ("PIPELINING", "8BITMIME")
    import_orders(project, "käufer@example.org", "buyer@bücher.example.org", "buyer@example.org")
    assert project("run", *NOW).code == 4
    assert [mail.recipients[0] for mail in sink.mails] == ["buyer@xn--bcher-kva.example.org", "buyer@example.org"]
    (listed,) = project("status", *NOW, "--format", "json").json["unsettled"]
    assert (listed["key"], listed["state"]) == ("E0/hello", "failed")
    assert "5.6.7" in listed["reply"]


@pytest.mark.parametrize(
    "address",
    [
        "buyer@example.org\r\nRCPT TO:<evil@example.net>",
        "buyer@example.org> SIZE=1\r\nRCPT TO:<evil@example.net",
        "<buyer@example.org>",
        "buyer@example.org,evil@example.net",
        "buyer@example.org evil@example.net",
        "=?utf-8?q?buyer?=@example.org\x00",
        '"a\r\nDATA"@example.org',
        "buyer@[127.0.0.1]\n",
        "@example.org",
        "buyer@",
    ],
)
def test_what_is_no_address_reaches_nobody(project: Project, sink: Sink, address: str) -> None:
    """An address that would be more than one, or a command, is not written to, and the plan says so."""
    import_orders(project, address)
    project("run", *NOW)
    assert all("evil" not in recipient for mail in sink.mails for recipient in mail.recipients)
    assert [mail for mail in sink.mails if mail.recipients != ("buyer@example.org",)] == []


def test_a_quoted_local_part_is_one_recipient_or_none(project: Project, sink: Sink) -> None:
    """Quotes around a local part never become a second recipient."""
    import_orders(project, '"evil@example.net, x"@example.org', '"john smith"@example.org')
    project("run", *NOW)
    assert {mail.recipients for mail in sink.mails} <= {
        ('"evil@example.net, x"@example.org',),
        ('"john smith"@example.org',),
    }


def test_a_buyers_name_writes_no_header_and_no_command(project: Project, sink: Sink) -> None:
    """A name that holds line ends, commands and encoded words stays a name or stops that one mail."""
    import_orders(project, "buyer@example.org", name="A\r\n.\r\nMAIL FROM:<x@example.net>\r\nBcc: evil@example.net")
    project("run", *NOW)
    assert all(mail.recipients == ("buyer@example.org",) for mail in sink.mails)
    assert all(parsed["Bcc"] is None for parsed in received(sink))
    assert sum(line.startswith("MAIL") for line in sink.commands) <= 1
