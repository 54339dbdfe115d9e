"""Mails that come back: from a mail that was sent to an address that gets no more, by files and by IMAP."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from imap_mailbox import ImapMailbox
from projects import Project, received

from sendplan.commands.context import load_settings, reader_for
from sendplan.problems import Exit
from sendplan.sink import Sink

NOON = ("--now", "2026-08-24 12:00")
FOLDER = Path(__file__).parents[2] / "fixtures" / "bounces"


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch) -> Iterator[ImapMailbox]:
    with ImapMailbox() as running:
        monkeypatch.setenv("BOUNCE_PASSWORD", running.password)
        yield running


@pytest.fixture
def server() -> Iterator[Sink]:
    with Sink() as sink:
        yield sink


@pytest.fixture
def shop(tmp_path: Path, capsys: pytest.CaptureFixture[str], server: Sink, box: ImapMailbox) -> Project:
    """Two unpaid orders of different buyers with a ladder of two reminders, the first of which went out."""
    project = Project(tmp_path, capsys)
    project.write(
        "sendplan.yaml",
        f"""\
shop: {{name: MeinShop, timezone: Europe/Berlin, country: DE}}
store: sqlite:///var/shop.db
languages: {{default: en}}
senders:
  main:
    from: MeinShop <shop@example.com>
    host: 127.0.0.1
    port: {server.port}
    security: none
    bounce_to: bounces@example.com
    mailbox:
      host: 127.0.0.1
      port: {box.port}
      security: none
      username: bounces@example.com
      password: ${{BOUNCE_PASSWORD}}
      plus_addresses: true
accounts: {{web: {{portal: shop}}}}
regions: {{domestic: [{{country: DE}}], abroad: any}}
""",
    )
    project.write(
        "rules/rules.yaml",
        """\
rules:
  - id: dunning
    title: Dunning
    trigger: not paid
    due: ordered + 1 day
    ladder:
      every: 7 days
      steps:
        - {id: first, template: mail}
        - {id: second, template: mail}
""",
    )
    project.write("templates/mail.en.md", "---\nsubject: Your order\n---\nHello.\n")
    orders(project, "b1@example.net")
    assert project("run", *NOON).code == Exit.DONE
    return project


def orders(project: Project, first: str) -> None:
    head = "id,account,email,country,total,ordered"
    rows = [f"N1,web,{first},DE,20.00,2026-08-20 10:00", "N2,web,b2@example.net,DE,20.00,2026-08-20 10:00"]
    file = project.write("orders.csv", "\n".join([head, *rows]) + "\n")
    assert project("import", str(file)).code == Exit.DONE


def bounce(server: Sink, name: str, to: str = "b1@example.net", *, claimed: str | None = None) -> bytes:
    """The report of a server about the mail that went to this buyer."""
    (mail,) = [each for each in received(server) if each["To"] == to][:1]
    digest = claimed or str(mail["Message-ID"])[1:33]
    text = (FOLDER / f"{name}.eml").read_text(encoding="utf-8").replace("@ID@", digest).replace("@TO@", to)
    return text.replace("\n", "\r\n").encode()


def suppressed(project: Project) -> dict[str, str]:
    with reader_for(load_settings(project.folder)) as reader:
        return {each.address: each.reason for each in reader.suppressions()}


def later(project: Project) -> list[str]:
    plan = project("plan", "--now", "2026-09-01 12:00", "--format", "json").json
    return [each["key"] for each in plan["entries"] if each["status"] == "send"]


def test_a_bounce_takes_the_buyer_out_of_the_next_plan(shop: Project, server: Sink, box: ImapMailbox) -> None:
    """The mailbox is read once, changed never; the story, `status` and the next plan's reason tell of the bounce."""
    box.add(bounce(server, "postfix"))
    box.add(bounce(server, "soft-full", "b2@example.net"))
    ran = shop("bounces")
    assert (ran.code, "1 hard, 1 soft" in ran.out) == (Exit.DONE, True), ran.out + ran.err
    assert suppressed(shop).keys() == {"b1@example.net"}
    assert "User unknown" in suppressed(shop)["b1@example.net"]
    assert later(shop) == ["N2/dunning/second"]
    assert "suppressed" in shop("explain", "N1", "--now", "2026-09-01 12:00").out
    for format_ in ("table", "markdown", "html"):
        plan = shop("plan", "--now", "2026-09-01 12:00", "--format", format_).out
        assert "1 message not listed: suppressed address" in plan, format_
    assert "not listed" not in shop("plan", "--now", "2026-08-26 12:00").out
    story = shop("explain", "--message", "N1/dunning/first")
    assert re.search(r"sending → sent .*\n.*bounced \(hard\)  .*User unknown", story.out)
    assert shop("explain", "--message", "N1/dunning/first", "--format", "json").json["bounces"][0]["status"] == "5.1.1"
    status = shop("status", "--now", "2026-09-01 12:00")
    assert "Last bounces (1 hard, 1 soft in all)" in status.out
    assert "no new mail" in shop("bounces").out
    assert not [each for each in box.commands if re.match(r"(?i)select|store|uid store|expunge|copy", each)]


def test_a_corrected_address_lets_the_ladder_go_on(shop: Project, server: Sink) -> None:
    """The address is suppressed, not the order: once the import brings another one, the next reminder leaves."""
    file = shop.folder / "back.eml"
    file.write_bytes(bounce(server, "exim"))
    assert shop("bounces", str(file)).code == Exit.DONE
    assert later(shop) == ["N2/dunning/second"]
    orders(shop, "right@example.net")
    assert later(shop) == ["N1/dunning/second", "N2/dunning/second"]


def test_a_file_that_is_no_mail_is_refused(shop: Project, server: Sink) -> None:
    """Files that are no mails are named, all of them, and nothing is read; a mail's own text may look like anything."""
    odd = shop.folder / "letter.eml"
    odd.write_bytes(b"From: buyer@example.net\n\nshop: Example\n")
    (shop.folder / "empty.eml").write_bytes(b"")
    ran = shop("bounces", str(odd), "sendplan.yaml", str(shop.folder / "empty.eml"))
    assert (ran.code, ran.err.count("is not a mail")) == (Exit.USAGE, 2)
    assert shop("bounces", str(odd)).out == "bounces: 1 other\n"


def test_a_file_counts_once(shop: Project, server: Sink, box: ImapMailbox) -> None:
    """The same mail by file and by IMAP is one bounce."""
    file = shop.folder / "back.eml"
    file.write_bytes(bounce(server, "gmail"))
    box.add(bounce(server, "gmail"))
    assert "1 hard" in shop("bounces", str(file)).out
    assert "1 repeated" in shop("bounces", "main").out
    assert shop("status", "--format", "json", *NOON).json["bounces"]["counts"] == {"hard": 1, "soft": 0}


def test_nobody_can_make_a_bounce_up(shop: Project, server: Sink) -> None:
    """Who knows order and address still lacks the message's id, and one's own id works for no other address."""
    import hashlib

    own = str(next(each for each in received(server) if each["To"] == "b2@example.net")["Message-ID"])[1:33]
    guesses = [hashlib.sha256(text.encode()).hexdigest()[:32] for text in ("N1/dunning/first", "N1")]
    for number, claimed in enumerate([*guesses, own]):
        file = shop.folder / f"{number}.eml"
        file.write_bytes(bounce(server, "postfix", claimed=claimed))
        ran = shop("bounces", str(file))
        assert "1 unmatched" in ran.out
    assert suppressed(shop) == {}
    assert later(shop) == ["N1/dunning/second", "N2/dunning/second"]


def test_the_envelope_sender_names_the_message(shop: Project, server: Sink) -> None:
    """With `plus_addresses` each mail has an envelope sender of its own; From stays the shop's."""
    senders = {each.sender for each in server.mails}
    assert all(re.fullmatch(r"bounces\+[0-9a-f]{32}@example\.com", each) for each in senders)
    assert len(senders) == len(server.mails) == 2
    assert {str(each["From"]) for each in received(server)} == {"MeinShop <shop@example.com>"}


def test_a_run_reads_the_mailbox_first(shop: Project, server: Sink, box: ImapMailbox) -> None:
    """What came back a minute ago keeps the next reminder in."""
    box.add(bounce(server, "exchange"))
    ran = shop("run", "--now", "2026-09-01 12:00")
    assert ran.code == Exit.DONE, ran.out + ran.err
    assert [str(each["To"]) for each in received(server)[2:]] == ["b2@example.net"]
    assert shop("run", "--now", "2026-09-01 12:00", "--format", "json").json["bounces"]["counts"]["hard"] == 0


def test_a_mailbox_that_cannot_be_read(shop: Project, server: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong password is told, keeps no mail from leaving, and the run says so by its exit code."""
    monkeypatch.setenv("BOUNCE_PASSWORD", "wrong")
    ran = shop("bounces")
    assert (ran.code, "mailbox-unreadable" in ran.err) == (Exit.FINDINGS, True)
    assert "wrong password" in ran.err
    ran = shop("run", "--now", "2026-09-01 12:00")
    assert (ran.code, "mailbox-unreadable" in ran.err) == (Exit.FINDINGS, True)
    assert len(server.mails) == 4
    monkeypatch.delenv("BOUNCE_PASSWORD")
    assert "missing-password" in shop("bounces").err


def test_a_mailbox_made_anew_is_read_from_the_start(shop: Project, server: Sink, box: ImapMailbox) -> None:
    """When the server numbers its mails afresh (UIDVALIDITY), nothing is skipped and nothing counts twice."""
    box.add(bounce(server, "postfix"))
    assert "1 hard" in shop("bounces").out
    box.validity, box.mails = 8, {1: bounce(server, "postfix"), 2: bounce(server, "yahoo", "b2@example.net")}
    assert "1 hard, 1 repeated" in shop("bounces").out


def test_a_mail_that_asks_to_unsubscribe_stops_advertising(shop: Project, server: Sink, box: ImapMailbox) -> None:
    """Who unsubscribes by the mail that the header names gets no more offers, and still the dunning; others both."""
    link = "unsubscribe: 'mailto:bounces@example.com?subject={token}'"
    shop.edit("sendplan.yaml", "name: MeinShop,", f"name: MeinShop, {link},")
    shop.edit("sendplan.yaml", "accounts:", "classes: {marketing: {unsubscribe: required}}\naccounts:")
    rule = "id: offers, title: Offers, trigger: not paid, due: ordered + 2 days, template: mail, class: marketing"
    offers = f"  - {{{rule}}}"
    shop.write("rules/offers.yaml", f"rules:\n{offers}\n")
    assert shop("run", *NOON).code == Exit.DONE
    (offer,) = [each for each in received(server) if each["To"] == "b1@example.net" and each["List-Unsubscribe"]]
    asked_by = urlsplit("".join(str(offer["List-Unsubscribe"]).split()).strip("<>"))
    (subject,) = parse_qs(asked_by.query)["subject"]
    asked = f"From: b1@example.net\r\nTo: {asked_by.path}\r\nSubject: {subject}\r\n\r\n"
    box.add(asked.encode())
    box.add(asked.replace(subject, subject[:-3] + "abc").encode())
    assert "1 unsubscribed" in shop("bounces").out
    head = "id,account,email,country,total,ordered"
    rows = [f"M{n},web,b{n}@example.net,DE,20.00,2026-08-20 10:00" for n in (1, 2)]
    assert shop("import", str(shop.write("more.csv", "\n".join([head, *rows]) + "\n"))).code == Exit.DONE
    plan = shop("plan", *NOON, "--format", "json").json
    sent = {each["key"] for each in plan["entries"] if each["status"] == "send"}
    assert sent == {"M1/dunning/first", "M2/dunning/first", "M2/offers"}
    assert "no mail of class marketing: unsubscribed" in shop("explain", "M1", *NOON).out
