"""Real invoices, from the CSV file to the mails in a server's mailbox."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from invoices import invoices, walk
from projects import DATA, ROOT, Project, received, text_of

from sendplan.sink import Sink

DAY = date(2013, 6, 10)
MAPPING = ROOT / "fixtures" / "accounts-receivable.mapping.yaml"


@pytest.fixture
def imported(receivables: Project) -> Project:
    """The project with all invoices imported."""
    result = receivables("import", str(DATA), "--mapping", str(MAPPING), "--format", "json")
    assert (result.code, result.json["inserted"], result.json["bad"]) == (0, 2466, 0)
    return receivables


def test_the_mailbox_holds_exactly_what_was_planned(imported: Project, sink: Sink) -> None:
    """A plan for 10 June 2013 is sent whole: each mail has its step, amount and date, and no other mail leaves."""
    plan_file = imported.path("plan.json")
    plan = imported("plan", "--now", str(DAY), "-o", str(plan_file), "--format", "json").json
    sends = [entry for entry in plan["entries"] if entry["status"] == "send"]
    sent = imported("send", str(plan_file), "--now", str(DAY))
    assert sent.code == 0, sent.out
    amounts = {invoice.number: f"{float(invoice.amount):.2f}" for invoice in invoices(DATA)}
    dues = {invoice.number: invoice.due for invoice in invoices(DATA)}
    found = []
    for mail in received(sink):
        step, number = re.fullmatch(r"(\w+): invoice (\d+)", mail["Subject"]).groups()
        body = " ".join(text_of(mail).split())
        due = dues[number].strftime("%B %-d, %Y")
        assert f"over €{amounts[number]} was due on {due}." in body
        found.append((number, step))
    expected = {(each.number, each.step) for each in walk(invoices(DATA), DAY, DAY)}
    assert sorted(found) == sorted((entry["order"], entry["step"]) for entry in sends)
    assert set(found) == expected
    assert len(found) == len(set(found)) == 8


def test_disputed_invoices_are_held_and_listed(imported: Project) -> None:
    """Every disputed invoice that would be dunned is in the plan as held, with the hold's reason."""
    plan = imported("plan", "--now", str(DAY), "--format", "json").json
    held = {entry["order"] for entry in plan["entries"] if entry["reason"] == "held"}
    undisputed = [each._replace(disputed=False) for each in invoices(DATA) if each.disputed]
    assert held == {each.number for each in walk(undisputed, DAY, DAY)} != set()


def test_a_plan_is_sent_once_and_the_next_one_is_empty(imported: Project, sink: Sink) -> None:
    """Sending the same plan again exits with 3, and a new plan for the same time sends nothing."""
    plan_file = imported.path("plan.json")
    imported("plan", "--now", str(DAY), "-o", str(plan_file))
    assert imported("send", str(plan_file), "--now", str(DAY)).code == 0
    mails = len(sink.mails)
    again = imported("send", str(plan_file), "--now", str(DAY))
    assert (again.code, len(sink.mails)) == (3, mails)
    assert "executed already" in again.err
    assert imported("plan", "--now", str(DAY), "--format", "json").json["summary"]["send"] == 0


def test_three_weeks_of_daily_runs_send_what_a_few_lines_of_python_say(imported: Project, sink: Sink) -> None:
    """A run on each day sends the ladder's steps on exactly the days of an independent calculation."""
    last = DAY + timedelta(days=20)
    expected = walk(invoices(DATA), DAY, last)
    found = []
    for offset in range(21):
        day = DAY + timedelta(days=offset)
        before = len(sink.mails)
        assert imported("run", "--now", str(day)).code == 0
        for mail in received(sink)[before:]:
            step, number = re.fullmatch(r"(\w+): invoice (\d+)", mail["Subject"]).groups()
            found.append((day, number, step))
    assert sorted(found) == sorted(expected)
    assert {each.step for each in expected} == {"reminder", "first"}
