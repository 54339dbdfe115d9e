"""The owner hears of trouble: one mail a day by a sender that works, and metrics for Prometheus."""

from __future__ import annotations

import builtins
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from projects import Project, received, text_of
from prometheus_client.parser import text_string_to_metric_families

from sendplan.commands import run_command
from sendplan.sink import Say, Sink, at
from sendplan.sink import SmtpStep as Step

pytestmark = pytest.mark.usefixtures("impatient")

SETTINGS = """\
shop: {{name: MeinShop, timezone: Europe/Berlin, country: DE}}
store: sqlite:///var/shop.db
senders:
  main: {{from: MeinShop <meinshop@example.com>, host: 127.0.0.1, port: {main}, security: none}}
  office: {{from: Büro <office@example.com>, host: 127.0.0.1, port: {office}, security: none}}
accounts: {{web: {{portal: shop, sender: main}}}}
regions: {{domestic: [{{country: DE}}], abroad: any}}
alerts: owner@example.org
imports: {{web: {{file: web.jsonl}}}}
schedule: "* * * * *"
"""

RULES = """\
rules:
  - {id: thanks, title: Thanks, trigger: not cancelled, due: ordered + 1 day, template: mail}
"""


@pytest.fixture
def office() -> Iterator[Sink]:
    """The other sender's mail server."""
    with Sink() as server:
        yield server


@pytest.fixture
def watched(tmp_path: Path, capsys: pytest.CaptureFixture[str], sink: Sink, office: Sink) -> Project:
    """A shop with two due mails, two senders, and an owner who wants to know."""
    project = Project(tmp_path, capsys)
    project.write("sendplan.yaml", SETTINGS.format(main=sink.port, office=office.port))
    project.write("rules/rules.yaml", RULES)
    project.write("templates/mail.en.md", "---\nsubject: Hello\n---\nThank you.\n")
    order = {"account": "web", "country": "DE", "ordered": "2026-08-01"}
    rows = [order | {"id": f"E{number}", "email": f"buyer{number}@example.net"} for number in (1, 2)]
    project.write("web.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    return project


def on(day: str) -> tuple[str, str]:
    return ("--now", f"2026-08-{day}")


def test_the_owner_gets_one_mail_a_day_by_a_sender_that_works(watched: Project, sink: Sink, office: Sink) -> None:
    """While a server is down the other sender writes once a day, and no more once all is well."""
    sink.script = at(Step.CONNECT, Say("554 5.3.2 no service here"))
    for moment in ("10T10:00", "10T10:10", "10T23:50", "11T00:10", "11T10:00"):
        assert watched("run", *on(moment)).code == 4
    first, second = received(office)
    assert (first["To"], first["From"]) == ("owner@example.org", "Büro <office@example.com>")
    assert (first["Subject"], first["Auto-Submitted"]) == ("MeinShop: sendplan needs you", "auto-generated")
    assert first["Message-ID"] != second["Message-ID"]
    text = text_of(first)
    assert "Sender main cannot send since" in text
    assert "554 5.3.2 no service here" in text
    assert "buyer" not in text

    sink.script = None
    assert watched("run", *on("12T10:00")).code == 0
    assert (len(sink.mails), len(office.mails)) == (2, 2)


def test_an_alert_is_nobodys_message(watched: Project, office: Sink, sink: Sink) -> None:
    """Nothing of it is in the ledger, in a run's counts or in a sender's limits."""
    watched.edit("sendplan.yaml", f"port: {sink.port}", "port: 9")
    watched.edit(
        "sendplan.yaml",
        f"port: {office.port}, security: none",
        f"port: {office.port}, security: none, limits: {{per_day: 1}}",
    )
    ran = watched("run", *on("10"), "--format", "json")
    assert len(office.mails) == 1
    assert (ran.json["sent"], ran.json["open"]) == (0, 2)
    counts = watched("status", *on("10"), "--format", "json").json["counts"]
    assert sum(count for state, count in counts.items() if state != "orders") == 0
    watched.edit("sendplan.yaml", "sender: main", "sender: office")
    assert watched("run", *on("10"), "--format", "json").json["sent"] == 1


def test_a_bad_row_is_an_alert(watched: Project, sink: Sink, office: Sink) -> None:
    """Mail leaves, and the owner learns which row was refused; a run without trouble writes nothing."""
    assert watched("run", *on("10T09:00")).code == 0
    assert len(sink.mails) == 2
    with watched.path("web.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"id": "E9", "account": "web", "ordered": "owner9@example.net"}\n')
    assert watched("run", *on("10T10:00")).code == 1
    [alert] = received(sink)[2:]
    assert "Import web: 1 row refused, first web.jsonl:3:" in text_of(alert)
    assert "owner9@" not in text_of(alert)
    assert office.mails == []


def test_a_refused_run_is_an_alert(watched: Project, sink: Sink) -> None:
    """Too many mails at once: no buyer gets one, and the owner is asked."""
    watched.edit("sendplan.yaml", "alerts:", "limits: {per_run: 1}\nalerts:")
    assert watched("run", *on("10")).code == 3
    assert [mail["To"] for mail in received(sink)] == ["owner@example.org"]


def test_a_sender_that_cannot_carry_the_alert_is_passed_over(watched: Project, sink: Sink, office: Sink) -> None:
    """The next sender carries it; when none can, the run says so, and the next run tries again."""
    watched.edit("sendplan.yaml", "alerts:", "limits: {per_run: 1}\nalerts:")
    refusal = at(Step.MAIL, Say("550 5.7.60 SendAsDenied"))
    sink.script = office.script = refusal
    ran = watched("run", *on("10T10:00"))
    assert (ran.code, sink.mails, office.mails) == (3, [], [])
    assert "nobody could be alerted: main: " in ran.err
    assert watched("status", *on("10"), "--format", "json").json["needs_person"]["senders"] == 2
    office.script = None
    assert watched("smtp-test", "office").code == 0
    assert watched("run", *on("10T10:10")).code == 3
    assert [mail["To"] for mail in received(office)] == ["office@example.com", "owner@example.org"]


def test_a_staging_copy_alerts_nobody_but_its_redirect(watched: Project, sink: Sink) -> None:
    """Where every mail is redirected, the alert is too."""
    watched.edit("sendplan.yaml", "alerts:", "redirect: staging@example.org\nlimits: {per_run: 1}\nalerts:")
    assert watched("run", *on("10")).code == 3
    assert [mail["To"] for mail in received(sink)] == ["staging@example.org"]


# --- metrics


def metrics(text: str) -> dict[tuple[str, ...], float]:
    """(name, label values …) → value."""
    return {
        (sample.name.removeprefix("sendplan_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_text_file_tells_how_the_project_stands(watched: Project, sink: Sink) -> None:
    """node_exporter finds what is due, sent and open, the senders, the imports and the last run, without any buyer."""
    file = watched.path("sendplan.prom")
    sink.script = at(Step.CONNECT, Say("554 5.3.2 no service here"))
    assert watched("run", *on("10"), "--metrics-file", str(file)).code == 4
    told = metrics(file.read_text(encoding="utf-8"))
    assert (told["planned", "due"], told["messages", "sent"], told["last_run_messages", "open"]) == (2, 0, 2)
    assert (told["sender_up", "main"], told["sender_up", "office"], told["needs_person", "senders"]) == (0, 1, 1)
    assert (told["import_bad_rows", "web"], told["import_stored", "web"]) == (0, 1)
    assert told["last_run_timestamp_seconds",] >= told["import_timestamp_seconds", "web"] > 1.7e9
    assert {"held", "later", "error"} <= {name[1] for name in told if name[0] == "planned"}
    assert "buyer" not in file.read_text(encoding="utf-8")

    sink.script = None
    assert watched("run", *on("10"), "--metrics-file", str(file)).code == 0
    told = metrics(file.read_text(encoding="utf-8"))
    assert (told["planned", "due"], told["messages", "sent"], told["last_run_messages", "sent"]) == (0, 2, 2)
    assert (told["sender_up", "main"], told["needs_person", "senders"]) == (1, 0)
    assert ("sender_down_since_seconds", "main") not in told
    assert [path.name for path in watched.folder.glob("*.prom*")] == ["sendplan.prom"]


def test_a_port_answers_while_run_stays(watched: Project, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """`run --stay` runs at each time of the schedule, reads the files each time, and answers Prometheus in between."""
    port = free_port()
    scraped: list[dict[tuple[str, ...], float]] = []
    firings = 0

    def wait(moment: object, stop: object) -> bool:
        nonlocal firings
        firings += 1
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            scraped.append(metrics(answer.read().decode()))
        return firings > 2

    monkeypatch.setattr(run_command, "_wait_until", wait)
    assert watched("run", "--stay", "--metrics-port", str(port)).code == 0
    assert [each.get(("messages", "sent")) for each in scraped] == [None, 2, 2]
    assert len(sink.mails) == 2
    assert len(watched("status", "--format", "json").json["runs"]) == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--metrics-port", "9464"), "--metrics-port belongs to --stay"),
        (("--stay", "--metrics-port", "soon"), "`soon` is not a port"),
        (("--stay", "--metrics-port", "localhost"), "`localhost` is not a port"),
    ],
)
def test_a_wrong_port_is_told(watched: Project, options: tuple[str, ...], said: str) -> None:
    """A port that cannot be meant is a mistake of usage."""
    ran = watched("run", *options)
    assert (ran.code, said in ran.err) == (2, True)


def test_a_missing_package_is_told(watched: Project, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without prometheus-client the command says what to install, before anything is sent."""
    real = builtins.__import__

    def missing(name: str, *rest: Any, **named: Any) -> Any:
        if name == "sendplan.operating.metrics":
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", missing)
    ran = watched("run", *on("10"), "--metrics-file", "x.prom")
    assert (ran.code, "pip install 'sendplan[metrics]'" in ran.err, sink.mails) == (2, True, [])


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
