"""An independent calculation of who is dunned when, on the sample data; it shares nothing with sendplan."""

from __future__ import annotations

import csv
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

STEPS = ("reminder", "first", "second")
ROOT = Path(__file__).parents[2]


class Sample(NamedTuple):
    """A file of invoices, with what is counted in it."""

    path: Path
    invoices: int
    reminders: dict[int, int]
    """Days after the due date → invoices that get a reminder in 2013."""
    moving: date
    """A day on which ten days instead of seven move two reminders and leave two mails."""
    sending: date
    """A day on which eight mails leave."""


SAMPLES = (
    Sample(ROOT / "fixtures" / "accounts-receivable.csv", 300, {7: 67, 0: 89}, date(2013, 5, 12), date(2013, 7, 5)),
    Sample(
        ROOT.parent / "shared" / "data" / "accounts-receivable.csv",
        2466,
        {7: 79, 0: 222},
        date(2013, 1, 29),
        date(2013, 6, 10),
    ),
)
"""Invented invoices, and the larger public data set where somebody has put it beside the repository."""


class Invoice(NamedTuple):
    """One line of the sample data."""

    number: str
    amount: str
    issued: date
    due: date
    settled: date
    disputed: bool


class Sent(NamedTuple):
    """One mail."""

    day: date
    number: str
    step: str


def invoices(path: Path) -> list[Invoice]:
    """Every invoice of the sample data."""

    def day(text: str) -> date:
        return datetime.strptime(text, "%m/%d/%Y").date()

    with path.open(encoding="utf-8-sig", newline="") as file:
        return [
            Invoice(
                row["invoiceNumber"],
                row["InvoiceAmount"],
                day(row["InvoiceDate"]),
                day(row["DueDate"]),
                day(row["SettledDate"]),
                row["Disputed"] == "Yes",
            )
            for row in csv.DictReader(file)
        ]


def walk(found: list[Invoice], first: date, last: date) -> list[Sent]:
    """What one run a day sends from `first` to `last`: the reminder on the due date, then a step every 7 days."""
    sent: list[Sent] = []
    history: dict[str, list[date]] = {}
    for offset in range((last - first).days + 1):
        today = first + timedelta(days=offset)
        for invoice in found:
            days = history.get(invoice.number, [])
            if invoice.disputed or not invoice.issued <= today < invoice.settled or len(days) == len(STEPS):
                continue
            if today >= (days[-1] + timedelta(days=7) if days else invoice.due):
                sent.append(Sent(today, invoice.number, STEPS[len(days)]))
                history.setdefault(invoice.number, []).append(today)
    return sent
