"""The dispatcher's small parts: retries, breaker, pace, journal, lanes, passwords, log lines."""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendplan.dispatch.circuit_breaker import Breaker
from sendplan.dispatch.commits import Commits
from sendplan.dispatch.lane import Lane
from sendplan.dispatch.minute_pace import Pace
from sendplan.dispatch.model import Cause, Pauses
from sendplan.dispatch.refusals_in_a_row import RefusalCounted, Streaks
from sendplan.dispatch.reports import Reports
from sendplan.dispatch.retries import GIVE_UP, SCHEDULE, delay, next_attempt
from sendplan.events import emit
from sendplan.ledger import History, MessageKey, Move, Record, State
from sendplan.mail.credentials import password_of
from sendplan.mail.replies import Reply
from sendplan.plan import Entry, Reason, Status
from sendplan.problems import UserError
from sendplan.project.settings import Limits, Sender
from sendplan.secret import Secret
from sendplan.store import Store
from sendplan.store.claims import Settlement
from sendplan.store.journal import Journal, lacking, line_of, replay, settlement_of

NOW = datetime(2026, 8, 24, 10, 0, tzinfo=UTC)
PAUSES = Pauses(after_failure=1.0, probes=(15.0, 60.0))
SENDER = Sender("main", "shop@example.com", "smtp.example.com", 587, "starttls", "shop", Secret("SHOP_PASSWORD"))

REPORTS = Reports(Commits(cast("Store", None), lambda high_water: None), ())
"""Of lanes in which nothing is reported."""
STREAKS = Streaks(cast("Store", None), (), ())


def entry(order: str, rule: str = "reminder") -> Entry:
    return Entry(f"{order}/{rule}", Status.SEND, Reason.SEND, "due", rule, None, order, sender="main")


# --- refusals in a row


def test_the_fifth_refusal_is_the_last_and_those_behind_it_are_too_late() -> None:
    """Of mails that are on their way together, four refusals are borne, the fifth stops the rule, and no more count."""
    streaks = Streaks(cast("Store", None), (), ())
    heard = [streaks.refused("reminder", Reply(554, "5.7.1 no")) for _ in range(8)]
    assert [heard.count(each) for each in RefusalCounted] == [4, 1, 3]


# --- retries


@given(st.text(), st.integers(1, 50))
def test_a_retry_keeps_to_the_schedule_within_a_fifth(key: str, attempts: int) -> None:
    """Every wait is the schedule's ± 20 %, and the same whenever it is asked for."""
    scheduled = SCHEDULE[min(attempts, len(SCHEDULE)) - 1]
    assert 0.8 * scheduled <= delay(key, attempts) <= 1.2 * scheduled
    assert delay(key, attempts) == delay(key, attempts)


def test_messages_refused_together_do_not_come_back_together() -> None:
    """A thousand messages refused at once are spread over the whole span."""
    waits = [delay(f"E{number}/reminder", 1) / SCHEDULE[0] for number in range(1000)]
    assert min(waits) < 0.82
    assert max(waits) > 1.18


def test_retries_end_with_the_rule_or_after_five_days() -> None:
    """No attempt is planned behind the rule's end or five days after the first."""
    assert next_attempt("k", 1, at=NOW, first=NOW, expires_at=None) == NOW + delay("k", 1)
    assert next_attempt("k", 1, at=NOW, first=NOW, expires_at=NOW + timedelta(minutes=3)) is None
    assert next_attempt("k", 9, at=NOW + GIVE_UP - timedelta(hours=1), first=NOW, expires_at=None) is None


# --- breaker


def test_three_failures_open_the_breaker_and_a_probe_closes_it() -> None:
    """After three failures in a row one connection probes after a rest; an answer makes everything normal again."""
    breaker = Breaker(PAUSES)
    breaker.reached()
    for now in (0.0, 1.0):
        breaker.failed(now)
        assert (breaker.probing, breaker.resume_at) == (False, now + 1.0)
    breaker.failed(2.0)
    assert (breaker.probing, breaker.resume_at, breaker.given_up) == (True, 17.0, False)
    breaker.succeeded()
    assert (breaker.probing, breaker.working) == (False, True)


def test_a_server_that_stays_away_is_given_up_after_its_probes() -> None:
    """Two probes that fail end it."""
    breaker = Breaker(PAUSES)
    breaker.reached()
    rests = []
    while not breaker.given_up:
        breaker.failed(0.0)
        rests.append(breaker.resume_at)
    assert rests == [1.0, 1.0, 15.0, 60.0, 0.0]


def test_a_server_that_never_answered_is_not_probed() -> None:
    """A server that was never reached is given up after three failures."""
    breaker = Breaker(PAUSES)
    for _ in range(3):
        assert not breaker.given_up
        breaker.failed(0.0)
    assert breaker.given_up


# --- pace


def test_a_pace_waits_for_its_minute() -> None:
    """The mail over the limit waits until the first one is a minute old."""
    pace = Pace(2)
    pace.sent(10.0, 1)
    assert pace.wait(20.0) == 0.0
    pace.sent(20.0, 1)
    assert pace.wait(30.0) == 40.0
    assert pace.wait(70.0) == 0.0


def test_no_limit_never_waits() -> None:
    """A sender without `per_minute` is not slowed down."""
    pace = Pace(None)
    pace.sent(0.0, 1000)
    assert pace.wait(0.0) == 0.0


# --- lanes


def test_one_order_is_in_one_hand() -> None:
    """While a mail to a buyer is on its way, the next one to take is another order's."""
    lane = Lane(SENDER, [entry("E1", "a"), entry("E1", "b"), entry("E2", "a")], PAUSES, REPORTS, STREAKS)
    first, second = lane.take(0), lane.take(0)
    assert [each.key for each in (first, second) if each] == ["E1/a", "E2/a"]
    assert first is not None
    lane.done(first)
    third = lane.take(0)
    assert third is not None
    assert third.key == "E1/b"


def test_a_stopped_lane_gives_nothing_and_tells_what_is_left() -> None:
    """After a stop nothing more is taken, the first reason stands, and the rest is known."""
    lane = Lane(SENDER, [entry("E1"), entry("E2")], PAUSES, REPORTS, STREAKS)
    lane.take(0)
    lane.stop(Cause.LOGIN, "wrong password")
    lane.stop(Cause.STOPPED, "stopped")
    assert (lane.take(0), lane.stopped) == (None, (Cause.LOGIN, "wrong password"))
    assert [each.key for each in lane.rest()] == ["E2/reminder"]


def test_a_lane_never_opens_more_connections_than_its_limit() -> None:
    """No more connections than `limits.connections` allows, nor than there are mails."""
    many = Sender("main", "shop@example.com", "smtp.example.com", 587, "starttls", limits=Limits(connections=5))
    assert Lane(many, [entry("E1"), entry("E2")], PAUSES, REPORTS, STREAKS).connections == 2
    assert Lane(SENDER, [entry("E1"), entry("E2")], PAUSES, REPORTS, STREAKS).connections == 1


def test_a_waiting_connection_wakes_when_the_last_one_is_done() -> None:
    """A connection that waits for another's order ends as soon as nothing is left."""
    lane = Lane(
        Sender("main", "shop@example.com", "smtp.example.com", 587, "starttls", limits=Limits(connections=2)),
        [entry("E1", "a"), entry("E1", "b")],
        PAUSES,
        REPORTS,
        STREAKS,
    )
    first = lane.take(0)
    taken: list[Entry | None] = []
    waiting = threading.Thread(target=lambda: taken.append(lane.take(1)))
    waiting.start()
    assert first is not None
    lane.done(first)
    waiting.join(5)
    assert [each.key if each else None for each in taken] == ["E1/b"]


# --- journal


class Settled:
    """A store that only settles, the messages of the orders that it knows."""

    def __init__(self, *known: str) -> None:
        self.keys: list[str] = []
        self._known = known

    def settle(self, outcomes: list[Settlement]) -> tuple[bool, ...]:
        self.keys += [each.order for each in outcomes]
        return tuple(each.order in self._known for each in outcomes)

    def histories(self, orders: list[str]) -> dict[str, History]:
        sent = {each: Record("reminder", "", each, State.SENT, NOW) for each in orders if each in self._known}
        return {order: History({("reminder", ""): record}) for order, record in sent.items()}

    def moves(self, order: str, key: MessageKey) -> tuple[Move, ...]:
        return ()


def settlement(order: str) -> Settlement:
    return Settlement(order, ("reminder", ""), "token", State.SENT, NOW, "250 ok", "4711")


@given(st.text(), st.text(), st.text(), st.sampled_from(State), st.text(), st.none() | st.just(NOW), st.booleans())
def test_a_journal_line_says_the_same_again(
    order: str, rule: str, reply: str, to: State, queue_id: str, again: datetime | None, charged: bool
) -> None:
    """Whatever a server answered, its line is one line and reads back as it was."""
    one = Settlement(order, (rule, ""), "token", to, NOW, reply, queue_id, again, charged)
    line = line_of(one)
    assert line.count(b"\n") == 1
    assert settlement_of(line) == one


def test_the_journal_of_a_dead_owner_is_replayed_once(tmp_path: Path) -> None:
    """What a vanished process had heard reaches the ledger, a torn last line does not hinder, and the file goes."""
    journal = Journal(tmp_path, "token")
    journal.write(settlement("E1"))
    journal.write(settlement("E2"))
    journal.close(settled=False)
    with (tmp_path / "token.journal").open("ab") as file:
        file.write(line_of(settlement("E3"))[:20])
    store = Settled("E1", "E2")
    assert replay(tmp_path, store) == 2  # type: ignore[arg-type]
    assert store.keys == ["E1", "E2"]
    assert list(tmp_path.iterdir()) == []


def test_a_journal_that_knows_more_than_the_store_is_kept(tmp_path: Path) -> None:
    """What was sent and is unknown to the store stays written down, for as long as nobody has looked at it."""
    journal = Journal(tmp_path, "token")
    journal.write(settlement("E1"))
    journal.write(settlement("E2"))
    journal.close(settled=False)
    store = Settled("E1")
    for _ in range(2):
        replay(tmp_path, store)  # type: ignore[arg-type]
        assert [name for name, _ in lacking(tmp_path, store)] == ["token.journal"]  # type: ignore[arg-type]


def test_what_was_heard_of_an_earlier_try_does_not_settle_a_later_one(tmp_path: Path) -> None:
    """A message that left again after a lost connection is unknown when the process dies, not `deferred`."""
    journal = Journal(tmp_path, "token")
    for order in ("E1", "E2"):
        journal.in_flight_again(order, ("reminder", ""), "token", NOW)
        journal.write(replace(settlement(order), to=State.DEFERRED))
        journal.in_flight_again(order, ("reminder", ""), "token", NOW)
    journal.write(settlement("E2"))
    journal.close(settled=False)
    store = Settled("E1", "E2")
    assert replay(tmp_path, store) == 1  # type: ignore[arg-type]
    assert store.keys == ["E2"]


def test_a_line_that_the_disk_took_half_of_hides_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk is full for one line, it is an error, and the next one begins anew."""
    journal = Journal(tmp_path, "token")
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda file, line, write=os.write: write(file, line[:30]))
        with pytest.raises(OSError, match="No space left"):
            journal.write(settlement("E1"))
    journal.write(settlement("E2"))
    journal.close(settled=False)
    store = Settled("E1", "E2")
    assert replay(tmp_path, store) == 1  # type: ignore[arg-type]
    assert store.keys == ["E2"]


def test_the_journal_of_a_living_owner_is_left_alone(tmp_path: Path) -> None:
    """A process that still sends settles its own mails."""
    journal = Journal(tmp_path, "token")
    journal.write(settlement("E1"))
    assert replay(tmp_path, Settled()) == 0  # type: ignore[arg-type]
    journal.close(settled=True)
    assert list(tmp_path.iterdir()) == []


# --- passwords and logs


def test_a_password_comes_from_the_environment() -> None:
    """The password is read from the sender's variable, and one that nobody set is named."""
    assert password_of(SENDER, {"SHOP_PASSWORD": "secret"}) == "secret"
    assert password_of(Sender("open", "shop@example.com", "localhost", 25, "none"), {}) is None
    with pytest.raises(UserError, match="SHOP_PASSWORD is not set"):
        password_of(SENDER, {"SHOP_PASSWORD": ""})


def test_a_password_comes_from_a_file(tmp_path: Path) -> None:
    """A service manager hands secrets over in files; a line's end is not part of it, a file that is gone is told."""
    file = tmp_path / "smtp"
    sender = replace(SENDER, password=Secret(file=file))
    with pytest.raises(UserError, match="cannot be read or is empty"):
        password_of(sender)
    file.write_text(" correct horse \n", encoding="utf-8")
    assert password_of(sender) == " correct horse "


def test_a_log_line_is_one_line_of_names_and_values(caplog: pytest.LogCaptureFixture) -> None:
    """An event is one line for people, and its values are there for machines."""
    with caplog.at_level(logging.INFO, "sendplan"):
        emit("sent", order="2024/17", step=None, why="two\nwords")
    (record,) = caplog.records
    assert record.getMessage() == r'sent order=2024/17 why="two\nwords"'
    assert record.fields == {"order": "2024/17", "why": "two\nwords"}  # type: ignore[attr-defined]
