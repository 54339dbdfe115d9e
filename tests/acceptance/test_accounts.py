"""Accounts that are renamed or closed: their orders stay, with everything that is known of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from projects import Project

from sendplan.sink import Sink

SETTINGS = """\
shop: {name: Shop, timezone: Europe/Berlin, country: DE}
store: sqlite:///var/shop.db
senders:
  main: {from: Shop <shop@example.com>, host: 127.0.0.1, port: 9, security: none}
accounts:
  webshop: {portal: shop}
regions:
  domestic:
    - {country: DE}
fresh_within: {paid: 36 hours}
"""
RULES = """\
rules:
  - {id: thanks, title: Thanks, trigger: account == "web" and not paid, due: ordered + 1 day, template: mail}
  - {id: note, title: Note, trigger: customer == "webshop a@example.com", due: ordered + 1 day, template: mail}
"""
ORDER = {"account": "webshop", "email": "a@example.com", "country": "DE", "ordered": "2026-01-05", "paid": None}
NOW = "2026-01-06 12:00"


@pytest.fixture
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Project:
    """A shop that imported an order while its account was called webshop, and calls it web since."""
    found = Project(tmp_path, capsys)
    found.write("sendplan.yaml", SETTINGS)
    found.write("rules/rules.yaml", RULES)
    found.write("templates/mail.en.md", "---\nsubject: Hello\n---\n{{ order.number }}\n")
    found.write("templates/webshop/mail.en.md", "---\nsubject: Web\n---\n{{ order.number }}\n")
    take(found, "A")
    found.edit("sendplan.yaml", "  webshop: {portal: shop}", "  web: {portal: shop, formerly: [webshop]}")
    return found


def take(project: Project, *ids: str, **changes: object) -> str:
    """Import these orders; what the command printed."""
    rows = [{"id": each, **ORDER, **changes} for each in ids]
    ran = project("import", str(project.write("orders.json", json.dumps(rows))))
    return ran.out + ran.err


def planned(project: Project) -> dict[str, str]:
    entries = project("plan", "--now", NOW, "--format", "json").json["entries"]
    assert {each["account"] for each in entries} <= {"web"}
    return {each["key"]: each["reason"] for each in entries}


def test_stored_orders_keep_their_history_under_the_new_name(project: Project) -> None:
    """Conditions see the present name; data that came under the old one is fresh; the customer keeps its value."""
    assert planned(project) == {"A/thanks": "send", "A/note": "send"}
    assert project("plan", "--now", NOW, "--account", "webshop", "--format", "json").json["summary"]["send"] == 2


def test_files_may_name_the_account_as_before_or_as_now(project: Project) -> None:
    """An order of the renamed account is updated under either name, and new ones are taken under both."""
    assert "1 new" in take(project, "B", account="web")
    assert "1 new" in take(project, "B", "C")
    assert "0 bad" in take(project, "A", account="web", paid="2026-01-05")
    assert planned(project) == {"A/note": "send", "B/thanks": "send", "C/thanks": "send"}


def test_templates_of_the_old_name_are_found(project: Project) -> None:
    """The account's own variant is used, in its old folder too, and `check` does not call it unused."""
    assert "Subject: Web" in project("preview", "A/thanks", "--now", NOW).out
    assert "webshop" not in project("check").out
    assert planned(project)


def test_mail_sent_before_the_change_of_name_is_not_sent_again(project: Project, sink: Sink) -> None:
    """A message that left under the old name is known under the new one, and what is due now leaves, once."""
    project.edit("sendplan.yaml", "port: 9", f"port: {sink.port}")
    project.edit("sendplan.yaml", "  web: {portal: shop, formerly: [webshop]}", "  webshop: {portal: shop}")
    assert project("run", "--now", NOW).code == 0
    assert len(sink.mails) == 1
    project.edit("sendplan.yaml", "  webshop: {portal: shop}", "  web: {portal: shop, formerly: [webshop]}")
    assert planned(project) == {"A/thanks": "send"}
    assert [project("run", "--now", NOW).code, len(sink.mails)] == [0, 2]
    assert [project("run", "--now", NOW).code, len(sink.mails)] == [0, 2]


def test_a_closed_account_gets_no_mail(project: Project) -> None:
    """Its orders stay in the store, and every rule says that the account is closed."""
    project.edit(
        "sendplan.yaml", "{portal: shop, formerly: [webshop]}", "{portal: shop, formerly: [webshop], closed: true}"
    )
    assert planned(project) == {}
    decisions = project("explain", "A", "--now", NOW, "--format", "json").json["decisions"]
    assert {(each["reason"], each["why"]) for each in decisions} == {("account_skips_rule", "account web is closed")}
    assert "0 bad" in take(project, "D", account="web")
