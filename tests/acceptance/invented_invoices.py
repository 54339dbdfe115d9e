"""Invented invoices in the form of the public sample data "Accounts Receivable"; the same ones in every run.

`python tests/acceptance/invented_invoices.py` writes them to `fixtures/accounts-receivable.csv`.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from random import Random

FILE = Path(__file__).parents[2] / "fixtures" / "accounts-receivable.csv"
COUNT = 300
CUSTOMERS = 40
HEADER = (
    "countryCode,customerID,PaperlessDate,invoiceNumber,InvoiceDate,DueDate,InvoiceAmount,Disputed,SettledDate,"
    "PaperlessBill,DaysToSettle,DaysLate"
)


def text() -> str:
    """The whole file: US dates, Yes and No, numbers with leading zeros, and buyers who pay early, late or very late."""
    random = Random(2013)
    customers = [_customer(random) for _ in range(CUSTOMERS)]
    return "".join(f"{line}\n" for line in [HEADER, *(_row(random, customers) for _ in range(COUNT))])


def _customer(random: Random) -> tuple[str, str, str, str]:
    letters = "".join(chr(ord("A") + _below(random, 26)) for _ in range(5))
    since = date(2012, 1, 1) + timedelta(days=_below(random, 700))
    country = ("391", "406", "770", "818", "897")[_below(random, 5)]
    return country, f"{_below(random, 10_000):04}-{letters}", _us(since), ("Paper", "Electronic")[_below(random, 2)]


def _row(random: Random, customers: list[tuple[str, str, str, str]]) -> str:
    country, customer, since, bill = customers[_below(random, CUSTOMERS)]
    issued = date(2012, 10, 1) + timedelta(days=_below(random, 430))
    due = issued + timedelta(days=30)
    # Most pay in time; of the others a few take so long that the whole ladder of reminders leaves.
    late = _below(random, 40) if random.random() < 0.5 else -_below(random, 25)
    settled = due + timedelta(days=late)
    number = f"{_below(random, 10**10):010}"
    amount = f"{5 + _below(random, 12_000) / 100:.2f}"
    disputed = "Yes" if random.random() < 0.2 else "No"
    days = (str((settled - issued).days), str(max(late, 0)))
    dates = (_us(issued), _us(due))
    return ",".join([country, customer, since, number, *dates, amount, disputed, _us(settled), bill, *days])


def _below(random: Random, limit: int) -> int:
    """A number from 0 up to the limit; `random()` alone is promised to stay the same in every Python."""
    return int(random.random() * limit)


def _us(day: date) -> str:
    return f"{day.month}/{day.day}/{day.year}"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
