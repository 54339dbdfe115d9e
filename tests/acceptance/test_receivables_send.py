"""Invoices, from the CSV file to the mails in a server's mailbox."""

from __future__ import annotations

import re
from datetime import timedelta
from email.message import EmailMessage

import pytest
from invoices import Sample, invoices, walk
from projects import ROOT, Project, received, text_of

from sendplan.sink import Sink

MAPPING = ROOT / "fixtures" / "accounts-receivable.mapping.yaml"


@pytest.fixture
def imported(receivables: Project, sample: Sample) -> Project:
    """The project with all invoices imported."""
    result = receivables("import", str(sample.path), "--mapping", str(MAPPING), "--format", "json")
    assert (result.code, result.json["inserted"], result.json["bad"]) == (0, sample.invoices, 0)
    return receivables


def subject_of(mail: EmailMessage) -> tuple[str, str]:
    """The step and the invoice of a mail."""
    found = re.fullmatch(r"(\w+): invoice (\d+)", mail["Subject"])
    assert found is not None
    return found[1], found[2]


def test_the_mailbox_holds_exactly_what_was_planned(imported: Project, sample: Sample, sink: Sink) -> None:
    """A plan for one day is sent whole: each mail has its step, amount and date, and no other mail leaves."""
    plan_file = imported.path("plan.json")
    plan = imported("plan", "--now", str(sample.sending), "-o", str(plan_file), "--format", "json").json
    sends = [entry for entry in plan["entries"] if entry["status"] == "send"]
    sent = imported("send", str(plan_file), "--now", str(sample.sending))
    assert sent.code == 0, sent.out
    amounts = {invoice.number: f"{float(invoice.amount):.2f}" for invoice in invoices(sample.path)}
    dues = {invoice.number: invoice.due for invoice in invoices(sample.path)}
    found = []
    for mail in received(sink):
        step, number = subject_of(mail)
        body = " ".join(text_of(mail).split())
        due = dues[number].strftime("%B %-d, %Y")
        assert f"over €{amounts[number]} was due on {due}." in body
        found.append((number, step))
    expected = {(each.number, each.step) for each in walk(invoices(sample.path), sample.sending, sample.sending)}
    assert sorted(found) == sorted((entry["order"], entry["step"]) for entry in sends)
    assert set(found) == expected
    assert len(found) == len(set(found)) == 8


def test_disputed_invoices_are_held_and_listed(imported: Project, sample: Sample) -> None:
    """Every disputed invoice that would be dunned is in the plan as held, with the hold's reason."""
    plan = imported("plan", "--now", str(sample.sending), "--format", "json").json
    held = {entry["order"] for entry in plan["entries"] if entry["reason"] == "held"}
    undisputed = [each._replace(disputed=False) for each in invoices(sample.path) if each.disputed]
    assert held == {each.number for each in walk(undisputed, sample.sending, sample.sending)} != set()


def test_a_plan_is_sent_once_and_the_next_one_is_empty(imported: Project, sample: Sample, sink: Sink) -> None:
    """Sending the same plan again exits with 3, and a new plan for the same time sends nothing."""
    plan_file = imported.path("plan.json")
    imported("plan", "--now", str(sample.sending), "-o", str(plan_file))
    assert imported("send", str(plan_file), "--now", str(sample.sending)).code == 0
    mails = len(sink.mails)
    again = imported("send", str(plan_file), "--now", str(sample.sending))
    assert (again.code, len(sink.mails)) == (3, mails)
    assert "has already been executed" in again.err
    assert imported("plan", "--now", str(sample.sending), "--format", "json").json["summary"]["send"] == 0


def test_three_weeks_of_daily_runs_send_what_a_few_lines_of_python_say(
    imported: Project, sample: Sample, sink: Sink
) -> None:
    """A run on each day sends the ladder's steps on exactly the days of an independent calculation."""
    last = sample.sending + timedelta(days=20)
    expected = walk(invoices(sample.path), sample.sending, last)
    found = []
    for offset in range(21):
        day = sample.sending + timedelta(days=offset)
        before = len(sink.mails)
        assert imported("run", "--now", str(day)).code == 0
        for mail in received(sink)[before:]:
            step, number = subject_of(mail)
            found.append((day, number, step))
    assert sorted(found) == sorted(expected)
    assert {"reminder", "first"} <= {each.step for each in expected}
