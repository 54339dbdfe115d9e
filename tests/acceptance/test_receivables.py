"""A whole year of invoices, replayed, against an independent calculation."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta

import invented_invoices
import pytest
from invoices import Invoice, Sample, invoices
from projects import ROOT, Project

MAPPING = ROOT / "fixtures" / "accounts-receivable.mapping.yaml"
FIRST, LAST = date(2013, 1, 1), date(2013, 12, 31)
YEAR = ("simulate", "--from", str(FIRST), "--to", str(LAST))
RULES = """\
rules:
  - id: dunning
    title: Dunning
    trigger: open_amount > 0
    due: payment_due + 7 days
    ladder:
      every: 7 days
      steps:
        - {id: reminder, template: reminder}
        - {id: first, template: reminder}
        - {id: second, template: reminder}
"""


def test_the_invented_invoices_are_the_ones_that_are_checked_in() -> None:
    """The invoices that everybody has can be made again, byte for byte, by the few lines that describe them."""
    assert invented_invoices.text() == invented_invoices.FILE.read_text(encoding="utf-8")


@pytest.fixture
def year(receivables: Project, sample: Sample) -> Project:
    """A project that reminds seven days after the due date, with every invoice imported."""
    receivables.write("rules/dunning.yaml", RULES)
    assert receivables("import", str(sample.path), "--mapping", str(MAPPING)).code == 0
    return receivables


def dunned(invoice: Invoice, wait: int = 7) -> Iterator[tuple[date, str]]:
    """The days on which an invoice is dunned, by arithmetic on its own dates.

    The reminder leaves `wait` days after the due date, or on the first day that there is a run for it; each later step
    a week after the one before. The money stops it on the day on which it comes; a dispute holds it for good.
    """
    day = max(invoice.due + timedelta(days=wait), invoice.issued, FIRST)
    for step in ("reminder", "first", "second"):
        if not invoice.disputed and day < invoice.settled and day <= LAST:
            yield day, step
        day += timedelta(days=7)


def expected(sample: Sample, wait: int) -> set[tuple[str, str, str]]:
    return {(str(day), each.number, step) for each in invoices(sample.path) for day, step in dunned(each, wait)}


@pytest.mark.parametrize("wait", [7, 0])
def test_every_mail_of_a_year(year: Project, sample: Sample, wait: int) -> None:
    """Each mail that a daily run sends in 2013 leaves on the day that plain arithmetic gives, and there is no other."""
    year.edit("rules/dunning.yaml", "payment_due + 7 days", f"payment_due + {wait} days")
    data = year(*YEAR, "--format", "json").json
    found = [(send["at"][:10], send["order"], send["step"]) for send in data["sends"]]
    assert len(found) == len(set(found))
    assert set(found) == expected(sample, wait)
    assert {send["at"][11:16] for send in data["sends"]} == {"06:00"}
    by_day = Counter(day for day, _, _ in expected(sample, wait))
    assert data["volumes"] == {
        "by_rule": {"dunning": len(found)},
        "by_day": dict(sorted(by_day.items())),
        "by_region": {"unknown": len(found)},
    }
    steps = Counter(step for _, _, step in found)
    assert steps["reminder"] == sample.reminders[wait] > steps["first"] > steps["second"] > 0


def test_a_disputed_invoice_is_never_dunned(year: Project, sample: Sample) -> None:
    """Disputed invoices get no mail in the whole year, although many of them are paid late."""
    disputed = {each.number for each in invoices(sample.path) if each.disputed}
    late = {
        each.number for each in invoices(sample.path) if each.disputed and list(dunned(each._replace(disputed=False)))
    }
    sends = year(*YEAR, "--format", "json").json["sends"]
    assert late
    assert disputed.isdisjoint(send["order"] for send in sends)


def test_ten_days_instead_of_seven(year: Project, sample: Sample) -> None:
    """Both rule sets are replayed over the same year, and each gives what the arithmetic says."""
    before = shutil.copytree(year.folder, year.folder / "before", ignore=shutil.ignore_patterns("var"))
    year.edit("rules/dunning.yaml", "payment_due + 7 days", "payment_due + 10 days")
    data = year(*YEAR, "--rules-from", str(before), "--format", "json").json
    for side, wait in ((data, 10), (data["rules_from"], 7)):
        assert {(send["at"][:10], send["order"], send["step"]) for send in side["sends"]} == expected(sample, wait)


def test_the_change_on_one_day(year: Project, sample: Sample) -> None:
    """What the change does to one day's mails: each one whose reminder was not due before moves to its new due date."""
    before = shutil.copytree(year.folder, year.folder / "before", ignore=shutil.ignore_patterns("var"))
    year.edit("rules/dunning.yaml", "payment_due + 7 days", "payment_due + 10 days")
    day = sample.moving
    data = year("diff", "--rules-from", str(before), "--now", f"{day}T06:00", "--format", "json").json
    open_ones = [each for each in invoices(sample.path) if each.issued <= day < each.settled and not each.disputed]
    moves = {
        each.number: str(each.due + timedelta(days=10))
        for each in open_ones
        if each.due + timedelta(days=7) <= day < each.due + timedelta(days=10)
    }
    kept = sum(each.due + timedelta(days=10) <= day for each in open_ones)
    sends = [each for each in data["changes"] if each["from"] == str(day)]
    assert len(moves) == 2
    assert {each["order"]: each["to"] for each in sends} == moves
    assert all(each["kind"] == "moved" and each["new"]["reason"] == "not_due" for each in sends)
    assert data["summary"]["kept"] >= kept == 2
