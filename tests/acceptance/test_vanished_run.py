"""What a person can do about a run that vanished in the middle of a mail."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import time_machine
from projects import ROOT, Project

from sendplan.mail.smtp import Session
from sendplan.store.sql.ledger import SqlLedger

NOW = ("--now", "2026-08-24 12:00")


class Crash(BaseException):
    """The process dies here."""


@pytest.fixture
def left_in_flight(shop: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The key of a message whose process died right after the dot, an hour ago."""
    assert shop("import", str(ROOT / "fixtures" / "orders.csv")).code == 0

    def die(*arguments: object, **named: object) -> None:
        if isinstance(arguments[0], Session):
            arguments[0].close()  # As a process that ends does; else the server waits for the rest.
        raise Crash

    with monkeypatch.context() as patch, time_machine.travel("2026-08-24 10:00+00:00", tick=False):
        patch.setattr(Session, "_finish", die)
        patch.setattr(SqlLedger, "finish_plan", die)
        with pytest.raises(Crash):
            shop("run", *NOW)
    with time_machine.travel("2026-08-24 11:00+00:00", tick=False):
        (left, *_) = shop("status", *NOW, "--format", "json").json["unsettled"]
        assert left["state"] == "sending"
        yield left["key"]


def test_it_is_listed_only_once_its_lease_has_ended(shop: Project, left_in_flight: str) -> None:
    """A mail that a run is sending right now needs nobody; one that a vanished run left in flight does."""
    with time_machine.travel("2026-08-24 10:01:59+00:00", tick=False):
        assert shop("status", *NOW, "--format", "json").json["unsettled"] == []
    with time_machine.travel("2026-08-24 10:02:01+00:00", tick=False):
        unsettled = shop("status", *NOW, "--format", "json").json["unsettled"]
    assert (left_in_flight, "sending") in [(each["key"], each["state"]) for each in unsettled]


@pytest.mark.parametrize("outcome", ["sent", "drop"])
def test_it_can_be_settled_without_another_run(shop: Project, left_in_flight: str, outcome: str) -> None:
    """As soon as the lease has ended, a person may settle the message; no run has to come first."""
    assert shop("resolve", left_in_flight, outcome, "--at", "2026-08-24 12:30").code == 0
    assert all(each["key"] != left_in_flight for each in shop("status", *NOW, "--format", "json").json["unsettled"])


def test_it_can_be_sent_again_only_after_some_patience(shop: Project, left_in_flight: str) -> None:
    """Repeating waits until ten minutes after the lease, which an hour is."""
    assert shop("resolve", left_in_flight, "retry").code == 0


def test_too_early_a_repeat_says_from_when(shop: Project, left_in_flight: str) -> None:
    """Whoever is refused a retry is told when it will be possible."""
    with time_machine.travel("2026-08-24 10:05+00:00", tick=False):
        refused = shop("resolve", left_in_flight, "retry")
        many = shop("resolve", left_in_flight, "E-2050/feedback-reminder", "retry", "--format", "json")
    assert refused.code == many.code == 3
    assert "is uncertain: `retry` is possible from 2026-08-24T12:12:00+02:00" in refused.err
    assert (left_in_flight, "2026-08-24T12:12:00+02:00") in [
        (each["key"], each["from"]) for each in many.json["refused"]
    ]
