"""What is large is told or done within bounds, and Ctrl-C ends at once what sends nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import pytest
from projects import ROOT, Project, received

from sendplan.addresses import address_error, mask_all, names_several
from sendplan.calendar import Calendar
from sendplan.commands import run_command
from sendplan.fields import catalogue
from sendplan.importing.conversion import ConversionError, Notation, converter
from sendplan.mail.message import MessageError, mailbox
from sendplan.problems import Problem
from sendplan.sink import Sink
from sendplan.store.claims import ClaimResult, Intent
from sendplan.store.records import StoreError
from sendplan.store.sql.ledger import SqlLedger

NOW = ("--now", "2026-08-24 12:00")


@pytest.fixture
def filled(shop: Project) -> Project:
    """The example shop with its orders."""
    assert shop("import", str(ROOT / "fixtures" / "orders.csv")).code == 0
    return shop


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("phase", ["prepare", "make_plan"])
def test_a_signal_ends_a_run_that_sends_nothing_yet(
    filled: Project, sink: Sink, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, phase: str
) -> None:
    """While it imports or plans, Ctrl-C and a service's stop end it at once, with a word; nothing leaves."""
    before = signal.getsignal(number)

    def interrupted(*arguments: object, **options: object) -> None:
        os.kill(os.getpid(), number)
        raise AssertionError("it went on")

    monkeypatch.setattr(run_command, phase, interrupted)
    ran = filled("run", *NOW)
    word = "terminated" if number is signal.SIGTERM else "interrupted"
    assert (ran.code, ran.err.splitlines()[-1]) == (128 + number, word)
    assert received(sink) == []
    assert signal.getsignal(number) is before


def test_a_store_that_is_busy_in_the_middle_ends_a_run_with_its_report(
    filled: Project, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When no intent can be written any more, the run says what it sent and that the next one sends the rest."""
    claim, claimed = SqlLedger.claim, list[int]()

    def busy(ledger: SqlLedger, intents: Sequence[Intent]) -> tuple[ClaimResult, ...]:
        claimed.append(len(intents))
        if len(claimed) > 2:
            raise StoreError(Problem("store-busy", "the store is being written to all the time"))
        return claim(ledger, intents)

    monkeypatch.setattr(SqlLedger, "claim", busy)
    ran = filled("run", *NOW)
    sent = len(received(sink))
    assert sent > 0
    assert f": {sent} sent, " in ran.out
    assert "the run broke off: the store is being written to all the time" in ran.out + ran.err
    assert ran.code != 0
    monkeypatch.undo()
    filled("run", *NOW)
    assert len({str(each["Message-ID"]) for each in received(sink)}) == len(received(sink)) > sent


def test_a_store_that_is_busy_after_the_import_still_tells_what_was_read(
    shop: Project, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files that were read are told, whatever comes after them."""
    shop.write("orders.csv", (ROOT / "fixtures" / "orders.csv").read_text(encoding="utf-8"))
    shop.edit("sendplan.yaml", "store:", "imports: {all: {file: orders.csv}}\nstore:")

    def busy(*arguments: object) -> None:
        raise StoreError(Problem("store-busy", "the store is being written to all the time"))

    monkeypatch.setattr(run_command, "prepare", busy)
    ran = shop("run", *NOW)
    assert "orders.csv: " in ran.out
    assert "store-busy" in ran.err
    assert received(sink) == []


def test_many_columns_without_a_field_are_counted(filled: Project) -> None:
    """Twenty are told one by one, the others as a number."""
    names = ",".join(f"column {n}" for n in range(16_000))
    filled.write("wide.csv", f"id,account,ordered,{names}\nC-1,shop-de,2026-08-24{',' * 16_000}\n")
    ran = filled("import", str(filled.path("wide.csv")))
    assert ran.err.count("warning[unknown-column]") == 21
    assert "15,980 more columns belong to no field" in ran.err
    assert len(ran.err) < 100_000 + 21 * 200


def test_business_days_beyond_centuries_are_not_counted(filled: Project) -> None:
    """A rule that waits for ten million business days is in error, and every other rule is planned."""
    filled.edit(
        "rules/marketing.yaml", "due: shipped + params.cross_selling_wait", "due: shipped + 10000000 business days"
    )
    entries = filled("plan", *NOW, "--format", "json").json["entries"]
    assert {each["rule"] for each in entries if each["status"] == "send"} >= {"dunning", "first-contact"}
    assert "cross-selling" not in {each["rule"] for each in entries if each["status"] == "send"}


@pytest.mark.parametrize("text", ["a" * 300_000 + " @", '"' * 300_000 + "@", "a." * 150_000 + " b@example.com"])
def test_a_long_text_is_searched_for_addresses_once(text: str) -> None:
    """However long a server's answer is, masking it takes no more than reading it."""
    assert mask_all(text).count("b…@example.com") == text.count("b@example.com")


@pytest.mark.parametrize("part", [" ", '"\\', "<", "1 ", "a@"])
def test_a_value_as_long_as_a_file_is_refused_as_fast_as_it_is_read(part: str) -> None:
    """A cell of a megabyte is no number, date or country, and no address; none is searched again from each letter."""
    text = part * (500_000 // len(part))
    notation = Notation(dates=("%d.%m.%Y", "rfc2822"), thousands=".", decimal=",")
    for name in ("total", "ordered", "country"):
        with pytest.raises(ConversionError):
            converter(catalogue()[name], Calendar(ZoneInfo("Europe/Berlin"), "DE"), notation)(f"x{text}x")
    with pytest.raises(MessageError):
        mailbox(f"{text}x")
    assert not names_several(text)
    assert address_error(text)


def test_an_address_is_masked_wherever_it_stands() -> None:
    """At the beginning, in brackets, behind a colon, and with a quoted local part."""
    text = 'mia@example.com <otto@example.com>, to:eva@example.com "a b"@example.org'
    assert mask_all(text) == 'm…@example.com <o…@example.com>, to:e…@example.com "…@example.org'
