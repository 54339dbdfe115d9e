"""Mail servers as they are: what becomes of the mails, what stops, what is kept, what to change, and the exit code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from projects import Project

from sendplan.commands.context import load_settings, reader_for
from sendplan.ledger import State
from sendplan.scopes import Scope
from sendplan.sink import Action, Cue, Say, Sink, at
from sendplan.sink import SmtpStep as Step

NOW = ("--now", "2026-08-24 12:00")
DUE = 12
"""Mails that are due then."""

Script = Callable[[Cue], Action | None]


SETTINGS = """\
shop: {{name: MeinShop, timezone: Europe/Berlin, country: DE}}
store: sqlite:///var/shop.db
languages: {{default: en}}
senders:
  main: {{from: MeinShop <shop@example.com>, host: 127.0.0.1, port: {port}, security: none{more}}}
accounts: {{web: {{portal: shop}}}}
regions: {{domestic: [{{country: DE}}], abroad: any}}
"""
RULES = """\
rules:
  - {id: reminder, title: Reminder, trigger: not paid, due: ordered + 1 days, template: mail}
"""


@pytest.fixture
def empty(tmp_path: Path, capsys: pytest.CaptureFixture[str], sink: Sink) -> Project:
    """A shop with one sender and one rule."""
    project = Project(tmp_path, capsys)
    settle(project, sink)
    project.write("rules/rules.yaml", RULES)
    project.write("templates/mail.en.md", "---\nsubject: Your order {{ order.name }}\n---\nHello.\n")
    return project


def settle(project: Project, sink: Sink, more: str = "") -> None:
    """Write the settings, with more keys for the sender."""
    project.write("sendplan.yaml", SETTINGS.format(port=sink.port, more=more))


@pytest.fixture
def filled(empty: Project) -> Project:
    """The same with orders that are due."""
    fill(empty, DUE)
    return empty


def fill(project: Project, number: int) -> None:
    rows = [f"N{n},web,b{n}@example.net,Mia,DE,20.00,2026-08-20 10:00" for n in range(number)]
    load(project, *rows)


def load(project: Project, *rows: str) -> None:
    file = project.write("orders.csv", "\n".join(["id,account,email,name,country,total,ordered", *rows]) + "\n")
    done = project("import", str(file))
    assert done.code == 0, done.err[:500]


@dataclass(frozen=True)
class Kept:
    """What the store holds after a run."""

    states: dict[str, int]
    suppressed: int
    paused: tuple[str, ...]
    reports: dict[str, Scope]


def kept(project: Project) -> Kept:
    with reader_for(load_settings(project.folder)) as reader:
        counts = reader.counts()
        return Kept(
            {state.value: counts[state.value] for state in State if counts[state.value]},
            len(reader.suppressions()),
            tuple(pause.name for pause in reader.pauses()),
            {each.sender: each.scope for each in reader.sender_reports()},
        )


def tried(sink: Sink) -> int:
    """How many mails were begun."""
    return sum(line.startswith("MAIL") for line in sink.commands)


UNOWNED = "553 5.7.1 <meinshop@example.com>: Sender address rejected: not owned by user shop"

SENDER_ROWS = [
    (Step.MAIL, UNOWNED, "as the From address"),
    (Step.RCPT, UNOWNED, "as the From address"),
    (
        Step.DOT,
        "554 5.2.252 SendAsDenied; shop@example.com not allowed to send as x",
        "as the From address",
    ),
    (Step.RCPT, "550 5.1.0 <x@example.com>: Sender address rejected: User unknown in local recipient table", "exist"),
    (Step.DOT, "550 5.7.60 SMTP; Client does not have permissions to send as this sender", "as the From address"),
    (Step.DOT, "550 5.1.8 Access denied, bad outbound sender", "blocked this mailbox"),
    (Step.DOT, "554 Message rejected: Email address is not verified.", "verify"),
    (Step.EHLO, "504 5.5.2 <pc>: Helo command rejected: need fully-qualified hostname", "ehlo"),
    (Step.RCPT, "504 5.5.2 <pc>: Helo command rejected: need fully-qualified hostname", "ehlo"),
]


@pytest.mark.parametrize(("step", "line", "advice"), SENDER_ROWS)
def test_a_refused_sender_stops_at_once_and_no_buyer_suffers(
    filled: Project, sink: Sink, step: Step, line: str, advice: str
) -> None:
    """Whenever the server does not take the From or our name: one try, nothing fails, nobody is suppressed."""
    sink.script = at(step, Say(line))
    ran = filled("run", *NOW, "--format", "json")
    assert (ran.code, tried(sink) <= 2, sink.mails) == (4, True, [])
    found = kept(filled)
    assert set(found.states) <= {"deferred"}
    assert sum(found.states.values()) <= 2  # One a sender, refused after its end; due again at once.
    assert (found.suppressed, found.paused, set(found.reports.values())) == (0, (), {Scope.SENDER})

    tested = filled("smtp-test", "main", "--format", "json")
    assert (tested.code, advice in tested.json["advice"], "--to" in tested.json["advice"]) == (1, True, False)

    sink.script = None
    assert filled("run", *NOW).code == 0
    assert (len(sink.mails), kept(filled).reports) == (DUE, {})


def by_number(line: str, *, every: int, step: Step = Step.RCPT) -> Script:
    """Refuse each buyer once whose turn it is, by the number of buyers seen."""
    seen: dict[str, int] = {}

    def play(moment: Cue) -> Action | None:
        if moment.step is not step:
            return None
        first = moment.argument not in seen
        number = seen.setdefault(moment.argument, len(seen))
        return Say(line) if first and number % every == 0 else None

    return play


@pytest.mark.parametrize("line", ["451 4.7.1 Greylisting in action, come back later", "450 4.2.0 Greylisted"])
def test_greylisted_buyers_hold_up_nobody_else(filled: Project, sink: Sink, line: str) -> None:
    """Half of the buyers are put off: the others get their mails in the same run, those a few minutes later."""
    sink.script = by_number(line, every=2)
    assert filled("run", *NOW).code == 0
    found = kept(filled)
    assert found.states == {"sent": DUE - 6, "deferred": 6}
    assert (found.reports, found.suppressed) == ({}, 0)
    assert filled("run", "--now", "2026-08-24 12:10").code == 0
    assert kept(filled).states == {"sent": DUE}


def test_a_server_that_knows_no_address_is_not_believed(filled: Project, sink: Sink) -> None:
    """Five unknown addresses in a row stop the sender; nobody stays suppressed, and later runs fail no more buyers."""
    sink.script = at(Step.RCPT, Say("550 5.1.1 User unknown"))
    assert filled("run", *NOW).code == 4
    found = kept(filled)
    assert found.states == {"failed": 5}
    assert (found.suppressed, found.reports, found.paused) == (0, {"main": Scope.ADDRESS}, ())

    assert filled("run", *NOW).code == 4
    assert kept(filled) == found

    sink.script = None
    assert filled("run", *NOW).code == 0
    assert kept(filled).reports == {}


def test_an_unknown_address_can_be_tried_again(filled: Project, sink: Sink) -> None:
    """`resolve retry` lifts the suppression that the refusal made, and no other."""
    sink.script = by_number("550 5.1.1 User unknown", every=100)
    assert filled("run", *NOW).code == 4
    with reader_for(load_settings(filled.folder)) as reader:
        (failed,) = reader.records([State.FAILED])
        (suppressed,) = reader.suppressions()
    key = "/".join(filter(None, (failed.order, failed.rule, failed.step)))
    assert filled("suppress", "someone@example.com").code == 0
    assert (suppressed.address, filled("resolve", key, "retry").code) == ("b0@example.net", 0)
    with reader_for(load_settings(filled.folder)) as reader:
        assert [each.address for each in reader.suppressions()] == ["someone@example.com"]
    assert filled("run", *NOW).code == 0
    assert kept(filled).states == {"sent": DUE}


def test_a_suppression_by_hand_survives_a_retry(filled: Project, sink: Sink) -> None:
    """Where a person suppressed the address, `resolve retry` opens the message and leaves the suppression."""
    sink.script = by_number("550 5.1.1 User unknown", every=100)
    filled("run", *NOW)
    with reader_for(load_settings(filled.folder)) as reader:
        (failed,) = reader.records([State.FAILED])
        (suppressed,) = reader.suppressions()
    filled("suppress", suppressed.address, "--remove")
    filled("suppress", suppressed.address)
    assert filled("resolve", "/".join(filter(None, (failed.order, failed.rule, failed.step))), "retry").code == 0
    assert kept(filled).suppressed == 1


@pytest.mark.parametrize("step", [Step.RCPT, Step.DATA, Step.DOT])
def test_the_fifth_equal_refusal_stops_the_rule(empty: Project, sink: Sink, step: Step) -> None:
    """Over a hundred mails and three connections, exactly five fail before the rule stops."""
    fill(empty, 100)
    settle(empty, sink, ", limits: {connections: 3}")
    sink.script = at(step, Say("554 5.7.1 no"))
    ran = empty("run", *NOW, "--format", "json")
    assert (ran.code, ran.json["failed"]) == (4, 5)
    found = kept(empty)
    assert (found.states["failed"], found.paused, found.reports) == (5, ("reminder",), {})


def test_a_refused_copy_is_told(filled: Project, sink: Sink) -> None:
    """The buyers get their mails, and `send` says that the copies were refused and why."""
    settle(filled, sink, ", copy_to: copies@example.com")
    sink.script = at(Step.RCPT, Say("452 4.5.3 Error: too many recipients"), containing="copies@")
    ran = filled("run", *NOW)
    assert (ran.code, kept(filled).states) == (0, {"sent": DUE})
    assert "copies were refused" in ran.out
    assert "452 4.5.3 Error: too many recipients" in ran.out


def test_a_refused_sender_ends_a_rehearsal(filled: Project, sink: Sink) -> None:
    """A rehearsal over a sender that is refused stops at its first mail, and says why."""
    sink.script = at(Step.RCPT, Say(UNOWNED))
    plan = str(filled.path("plan.json"))
    filled("plan", *NOW, "-o", plan)
    ran = filled("send", plan, *NOW, "--redirect", "me@example.com")
    assert (ran.code, tried(sink)) == (4, 1)
    assert "not owned by user" in ran.out + ran.err
    assert kept(filled).reports == {}


@pytest.mark.parametrize(
    ("login", "limits", "per_day"),
    [
        ("mia@gmail.com", "", 500),
        ("mia@GoogleMail.com", "", 500),
        ("mia@example.com", "", 2000),
        ("mia@gmail.com", ", limits: {per_day: 100}", 100),
    ],
)
def test_a_free_account_of_gmail_sends_fewer(empty: Project, login: str, limits: str, per_day: int) -> None:
    """An account at gmail.com may send 500 mails a day, one of Workspace 2,000; keys written out win."""
    more = f', provider: gmail, username: {login}, password: "${{SMTP_PASSWORD}}"{limits}'
    empty.write("sendplan.yaml", SETTINGS.format(port=587, more=more))
    assert load_settings(empty.folder).senders["main"].limits.per_day == per_day


@pytest.mark.parametrize("rehearsal", [("--redirect", "me@example.com"), ("--to-dir", "mails")])
def test_every_rehearsal_has_message_ids_of_its_own(filled: Project, sink: Sink, rehearsal: tuple[str, str]) -> None:
    """Two rehearsals and the real run share no Message-ID."""
    option, target = rehearsal
    plan = str(filled.path("plan.json"))
    filled("plan", *NOW, "-o", plan)
    ids: list[Any] = []
    for number in range(2):
        where = target if option == "--redirect" else str(filled.path(f"{target}{number}"))
        assert filled("send", plan, *NOW, option, where).code == 0
    ids += [header(path.read_bytes()) for path in sorted(filled.folder.glob("mails*/*.eml"))]
    assert filled("send", plan, *NOW).code == 0
    ids += [header(mail.content) for mail in sink.mails]
    assert len(ids) == len(set(ids)) == 3 * DUE


def header(content: bytes) -> bytes:
    return next(line for line in content.split(b"\r\n") if line.startswith(b"Message-ID:"))


def test_strange_names_and_addresses_in_a_plan(empty: Project, sink: Sink) -> None:
    """A name that no header could hold is cleaned and the mail leaves; a too long address is told in the plan."""
    load(
        empty,
        "N1,web,b1@example.net,=?UTF-8?Q?x?=,DE,20.00,2026-08-20 10:00",
        'N2,web,b2@example.net,"Mia\tMuster",DE,20.00,2026-08-20 10:00',
        'N3,web,b3@example.net,"Mia\nMuster",DE,20.00,2026-08-20 10:00',
        f"N4,web,{'b' * 65}@example.net,Mia,DE,20.00,2026-08-20 10:00",
    )
    assert "no_address" in empty("explain", "N4", *NOW).out
    assert empty("run", *NOW).code == 0
    assert sorted(mail.recipients[0] for mail in sink.mails) == [f"b{n}@example.net" for n in (1, 2, 3)]
