"""`status` names whatever keeps due mail from leaving, and exits with 1 unless the merchant chose so."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from projects import Project

from sendplan.sink import Say, Sink, at
from sendplan.sink import SmtpStep as Step

pytestmark = pytest.mark.usefixtures("impatient")

NOW = ("--now", "2026-08-10T10:00")

SETTINGS = """\
shop: {{name: MeinShop, timezone: Europe/Berlin, country: DE}}
store: sqlite:///var/shop.db
senders:
  main: {{from: MeinShop <meinshop@example.com>, host: 127.0.0.1, port: {port}, security: none}}
accounts: {{web: {{portal: shop}}}}
regions: {{domestic: [{{country: DE}}], abroad: any}}
windows: {{night: {{hours: 02:00-03:00}}}}
fields: {{vip: text}}
"""

RULES = """\
rules:
  - {id: thanks, title: Thanks, trigger: not cancelled, due: ordered + 1 day, template: mail}
"""


@pytest.fixture
def small(tmp_path: Path, capsys: pytest.CaptureFixture[str], sink: Sink) -> Project:
    """A shop with three orders whose one mail is due."""
    project = Project(tmp_path, capsys)
    project.write("sendplan.yaml", SETTINGS.format(port=sink.port))
    project.write("rules/rules.yaml", RULES)
    project.write("templates/mail.en.md", "---\nsubject: Hello\n---\nThank you.\n")
    project.write("orders.jsonl", "".join(json.dumps(row(f"E{number}")) + "\n" for number in (1, 2, 3)))
    assert project("import", str(project.path("orders.jsonl"))).code == 0
    return project


def row(id_: str, **values: object) -> dict[str, object]:
    order = {
        "id": id_,
        "account": "web",
        "country": "DE",
        "ordered": "2026-08-01",
        "email": f"{id_.lower()}@example.com",
    }
    return order | values


def needs(project: Project) -> Any:
    """What `status` says that needs a person, as JSON; its exit code must agree."""
    status = project("status", *NOW, "--format", "json")
    assert status.code == (1 if status.json["needs_person"] else 0)
    return status.json["needs_person"]


def test_nothing_needs_anybody(small: Project) -> None:
    """Mails that are due and wait for the next run need nobody."""
    assert needs(small) == {}
    assert small("status", *NOW).code == 0


# --- senders


def test_a_server_that_is_down_is_seen(small: Project, sink: Sink) -> None:
    """Nobody answers: `run` exits with 4, `status` names the sender, since when and why, and what stayed open."""
    small.edit("sendplan.yaml", f"port: {sink.port}", "port: 9")
    assert small("run", *NOW).code == 4
    assert needs(small) == {"senders": 1}
    shown = small("status", *NOW)
    assert re.search(r"main  since 20\d\d-\d\d-\d\d \d\d:\d\d: no answer from 127.0.0.1 port 9", shown.out)
    assert "sendplan smtp-test main" in shown.out
    [run] = small("status", *NOW, "--format", "json").json["runs"]
    assert (run["sent"], run["open"]) == (0, 3)
    [left] = run["left_open"]
    assert (left["reason"], left["count"], sorted(left["keys"])) == (
        "sender_down",
        3,
        ["E1/thanks", "E2/thanks", "E3/thanks"],
    )


def test_a_plan_file_meets_a_server_that_is_down(small: Project, sink: Sink) -> None:
    """`send` exits with 4 like `run`, and the same plan's mails leave with the next one."""
    sink.script = at(Step.CONNECT, Say("421 4.3.2 down for maintenance"))
    plan = str(small.path("plan.json"))
    assert small("plan", *NOW, "-o", plan).code == 0
    assert small("send", plan, *NOW).code == 4
    assert needs(small) == {"senders": 1}
    sink.script = None
    assert small("run", *NOW).code == 0
    assert (needs(small), len(sink.mails)) == ({}, 3)


def test_a_wrong_password_is_seen_until_it_is_right(
    small: Project, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The login's reply and what to change are shown; a test mail that works ends it."""
    monkeypatch.setenv("SMTP_PASSWORD", "wrong")
    sink.logins = {"shop": "right"}
    small.edit("sendplan.yaml", "security: none", 'security: none, username: shop, password: "${SMTP_PASSWORD}"')
    assert small("run", *NOW).code == 4
    assert needs(small) == {"senders": 1}
    [sender] = small("status", *NOW, "--format", "json").json["senders"]
    assert (sender["sender"], sender["scope"], "SMTP_PASSWORD" in sender["advice"]) == ("main", "login", True)
    assert "535" in sender["reply"]
    monkeypatch.setenv("SMTP_PASSWORD", "right")
    assert small("smtp-test", "main").code == 0
    assert needs(small) == {}


@pytest.mark.parametrize(
    ("step", "reply", "scope"),
    [
        (Step.MAIL, "454 4.7.0 too many connections, try again later", "account_rate"),
        (Step.MAIL, "550 5.4.5 daily quota exceeded", "account_quota"),
    ],
)
def test_a_provider_that_takes_no_more_is_seen(small: Project, sink: Sink, step: Step, reply: str, scope: str) -> None:
    """A provider's rate or quota keeps mail from leaving: exit codes 4 and 1, with the reply."""
    sink.script = at(step, Say(reply))
    assert small("run", *NOW).code == 4
    assert needs(small) == {"senders": 1}
    [sender] = small("status", *NOW, "--format", "json").json["senders"]
    assert (sender["scope"], reply[:9] in sender["reply"]) == (scope, True)


def test_an_own_limit_is_a_choice(small: Project) -> None:
    """What the sender's own limits leave for later needs nobody."""
    small.edit("sendplan.yaml", "security: none", "security: none, limits: {per_day: 2}")
    assert small("run", *NOW).code == 0
    assert needs(small) == {}
    [run] = small("status", *NOW, "--format", "json").json["runs"]
    assert (run["sent"], run["open"], run["left_open"][0]["reason"]) == (2, 1, "limits")


def test_a_copy_that_is_refused_is_told(small: Project, sink: Sink) -> None:
    """The buyers get their mails, and status tells why the merchant's copies do not arrive."""
    small.edit("sendplan.yaml", "security: none", "security: none, copy_to: archive@example.org")
    sink.script = at(Step.RCPT, Say("452 4.5.3 one recipient only"), containing="archive@")
    assert small("run", *NOW).code == 0
    assert needs(small) == {}
    assert "copies were refused, the buyers got their mails: 452 4.5.3" in small("status", *NOW).out


# --- what holds mail back


def test_a_hold_that_is_true_is_a_choice(small: Project) -> None:
    """A hold that applies needs nobody; one that cannot be answered does, for nobody chose it."""
    settings = small.path("sendplan.yaml").read_text(encoding="utf-8")
    small.write("sendplan.yaml", settings + 'holds: {vip: {when: vip == "yes"}}\n')
    rows = [row("E1", vip="yes"), row("E2", vip="yes"), row("E3", vip="yes")]
    take(small, *rows)
    assert needs(small) == {}
    take(small, rows[0], row("E2", vip=None), rows[2])
    assert needs(small) == {"kept": 1}
    held = small("status", *NOW, "--format", "json").json["held"]
    assert {each["key"]: each["chosen"] for each in held} == {"E1/thanks": True, "E2/thanks": False, "E3/thanks": True}


@pytest.mark.parametrize("name", ["thanks", "main", "*"])
def test_a_pause_by_hand_is_a_choice(small: Project, name: str) -> None:
    """Who paused it knows; nobody else needs to be called."""
    assert small("pause", *([] if name == "*" else [name])).code == 0
    assert needs(small) == {}


def test_a_pause_that_nobody_made_needs_a_person(small: Project, sink: Sink) -> None:
    """A rule that was stopped after refusals in a row holds its other messages: a person is called for them too."""
    take(small, *(row(f"E{number}") for number in range(1, 9)))
    sink.script = at(Step.DOT, Say("554 5.6.0 not accepted"))
    assert small("run", *NOW).code == 4
    failed = small("status", *NOW, "--format", "json").json["counts"]["failed"]
    for each in small("status", *NOW, "--format", "json").json["unsettled"]:
        small("resolve", each["key"], "drop")
    assert needs(small) == {"kept": 8 - failed}
    assert small("resume", "thanks").code == 0
    assert needs(small) == {}


def test_old_data_needs_a_person(small: Project) -> None:
    """Messages that wait for fresh data need somebody who brings it."""
    settings = small.path("sendplan.yaml").read_text(encoding="utf-8")
    small.write("sendplan.yaml", settings + "fresh_within: {cancelled: 36 hours}\n")
    assert needs(small) == {"kept": 3}


def test_a_closed_window_is_a_choice(small: Project) -> None:
    """Mail that waits for its window needs nobody."""
    small.edit("rules/rules.yaml", "template: mail}", "template: mail, window: night}")
    assert needs(small) == {}


# --- imports


def test_bad_rows_are_shown_until_the_next_good_import(small: Project) -> None:
    """The last import of each file is told with its bad rows and their places, without addresses."""
    small.write("sendplan.yaml", SETTINGS.format(port=9) + "imports: {web: {file: in/web.jsonl}}\n")
    good = json.dumps(row("E1")) + "\n"
    small.write("in/web.jsonl", good + json.dumps(row("E9", ordered="e9@example.com")) + "\n")
    assert small("import").code == 1
    assert needs(small) == {"imports": 1}
    [web, by_hand] = small("status", *NOW, "--format", "json").json["imports"]
    assert (web["source"], web["bad"], web["stored"]) == ("web", 1, True)
    assert web["refused"][0]["place"].startswith("in/web.jsonl:2:")
    assert (by_hand["source"], by_hand["bad"]) == (None, 0)
    shown = small("status", *NOW).out
    assert "in/web.jsonl:2:" in shown
    assert "e9@" not in shown
    small.write("in/web.jsonl", good)
    assert small("import").code == 0
    assert needs(small) == {}


def test_a_file_that_vanished_is_shown(small: Project) -> None:
    """A file that is not there any more needs a person, until `imports` no longer names it."""
    small.write("sendplan.yaml", SETTINGS.format(port=9) + "imports: {web: {file: gone.csv}}\n")
    assert small("import").code == 1
    assert needs(small) == {"imports": 1}
    assert "import `web`: there is no file `gone.csv`" in small("status", *NOW).out
    small.write("sendplan.yaml", SETTINGS.format(port=9))
    assert needs(small) == {}


# --- stores of earlier versions


def test_status_reads_a_store_that_nothing_has_brought_up_to_date(small: Project) -> None:
    """Looking at a store of an earlier version works before any command writes to it."""
    import sqlite3

    assert small("run", *NOW).code == 0
    with sqlite3.connect(small.path("var/shop.db")) as store:
        for table, column in (
            ("plans", "left_open"),
            ("plans", "copies_refused"),
            ("import_runs", "source"),
            ("import_runs", "stored"),
            ("import_runs", "refused"),
            ("pauses", "automatic"),
        ):
            store.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        store.execute("DELETE FROM _sqlite_migrations WHERE name = 'told_by_status'")
    store.close()
    assert needs(small) == {}
    assert small("status", *NOW, "--format", "json").json["runs"][0]["sent"] == 3
    assert small("pause", "thanks").code == 0
    assert needs(small) == {}


def take(project: Project, *rows: dict[str, object]) -> None:
    """Import these orders."""
    project.write("more.jsonl", "".join(json.dumps(each) + "\n" for each in rows))
    assert project("import", str(project.path("more.jsonl"))).code == 0
