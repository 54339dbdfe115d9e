"""A plan is executed exactly once, over a real store and a real mail server, whatever the server does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sendplan.calendar import Calendar
from sendplan.deciding.facts import Facts
from sendplan.dispatch import (
    Cause,
    DispatchReport,
    Ending,
    Pauses,
    Services,
    Verdict,
    execute,
    recover,
    rehearse_to_address,
    rehearse_to_folder,
)
from sendplan.dispatch.stopping import Stop
from sendplan.fields import Value, catalogue
from sendplan.ledger import Record, State
from sendplan.mail.dialing import Timeouts
from sendplan.mail.message import Message
from sendplan.plan import Entry, Plan, Reason, Status
from sendplan.problems import Exit, Problem, UserError
from sendplan.project.settings import Limits, Sender
from sendplan.scopes import Scope
from sendplan.secret import Secret
from sendplan.sink import Action, Cue, Drop, Say, Sink, Stall, at
from sendplan.sink import SmtpStep as Step
from sendplan.store import Store, open_store

NOW = datetime(2026, 8, 24, 10, 0, tzinfo=UTC)
CALENDAR = Calendar(ZoneInfo("Europe/Berlin"), "DE")
IMPATIENT = Pauses(after_failure=0.0, probes=(0.0, 0.0), rate=(0.0, 0.0), quota=1.0)


@dataclass
class Shop:
    """A store, a mail server and the dispatcher between them."""

    folder: Path
    sink: Sink
    limits: Limits = field(default_factory=Limits)
    now: datetime = NOW
    before_mail: Callable[[Entry], None] = lambda entry: None
    """What happens between the decision and the mail."""
    stop: Stop = field(default_factory=Stop)
    results: list[str] = field(default_factory=list)
    pauses: Pauses = IMPATIENT
    copy: str | None = None
    seconds: float = 1_787_565_600.0

    def store(self) -> Store:
        return open_store("sqlite:///shop.db", self.folder, catalogue(), CALENDAR, clock=lambda: self.seconds)

    def put(self, *ids: str, **values: Value) -> None:
        """Import these orders."""
        order = {"account": "web", "ordered": NOW - timedelta(days=9), **values}
        store = self.store()
        with store.importing("orders.csv", self.now) as run:
            for line, id_ in enumerate(ids):
                named: dict[str, Value | None] = {"id": id_, "email": f"{id_.lower()}@example.org", **order}
                run.upsert(tuple(named), [(line, tuple(named.values()))])
            run.finish(0)
        store.close()

    def decide_again(self, store: Store, entry: Entry) -> Verdict:
        """Sends until the order is paid, and respects the ledger."""
        assert entry.order is not None
        (order,) = store.orders_by_id([entry.order])
        if "paid" in order.values:
            return Verdict(Reason.TRIGGER_FALSE, "it was paid")
        history = store.histories([entry.order]).get(entry.order)
        record = history.records.get((entry.rule, "")) if history else None
        if record is not None and record.state is not State.DEFERRED:
            return Verdict(Reason.ALREADY_SENT, record.state)
        if entry.rule in store.overrides().paused:
            return Verdict(Reason.PAUSED, "paused")
        return Verdict(Reason.SEND, "due", Facts(order.id, order.account, order.version, order.values))

    def compose(self, verdict: Verdict) -> Message:
        return Message(
            head=b"Subject: hello\r\n\r\nDear buyer\r\n",
            envelope_from="shop@example.com",
            recipients=(verdict.address,),
            copy=self.copy,
            message_id="<1@example.com>",
            needs_smtputf8=False,
        )

    def sender(self) -> Sender:
        return Sender("main", "shop@example.com", "127.0.0.1", self.sink.port, "none", limits=self.limits)

    def send(self, plan: Plan, **changed: Any) -> DispatchReport:
        def decide_again(store: Store, entry: Entry) -> Verdict:
            verdict = self.decide_again(store, entry)
            self.before_mail(entry)
            return verdict

        services = Services(
            open_store=self.store,
            decide_again=decide_again,
            compose=self.compose,
            senders={"main": self.sender()},
            journals=self.folder / "replies",
            clock=lambda: self.now,
            timeouts=Timeouts(connect=5, command=5, data=5, body=5, result=5),
            pauses=self.pauses,
        )
        services = replace(services, **changed)
        report = self.results.append
        return execute(plan, services, stop=self.stop, progress=lambda result: report(result.key))

    def record(self, order: str, rule: str = "reminder") -> Record | None:
        store = self.store()
        history = store.histories([order]).get(order)
        store.close()
        return history.records.get((rule, "")) if history else None

    def state(self, order: str, rule: str = "reminder") -> State | None:
        record = self.record(order, rule)
        return record.state if record else None

    def reports(self) -> dict[str, Scope]:
        """What the store says of the senders that cannot send."""
        store = self.store()
        reports = {each.sender: each.scope for each in store.sender_reports()}
        store.close()
        return reports

    def mailed(self) -> list[str]:
        """Buyers in the order in which the server accepted their mails."""
        return [mail.recipients[0].partition("@")[0].upper() for mail in self.sink.mails]


@pytest.fixture
def script() -> list[Callable[[Cue], Action | None]]:
    """What the server does wrong; a test puts its script in."""
    return []


@pytest.fixture
def shop(tmp_path: Path, script: list[Callable[[Cue], Action | None]]) -> Iterator[Shop]:
    with Sink(lambda moment: script[0](moment) if script else None) as sink:
        yield Shop(tmp_path, sink)


def entry(order: str, rule: str = "reminder", sender: str = "main") -> Entry:
    return Entry(
        key=f"{order}/{rule}",
        status=Status.SEND,
        reason=Reason.SEND,
        why="due",
        rule=rule,
        step=None,
        order=order,
        account="web",
        sender=sender,
    )


def plan(*entries: Entry, name: str = "rules") -> Plan:
    return Plan("2026-08-24T12:00:00+02:00", "Europe/Berlin", name, entries).identified()


def endings(report: DispatchReport) -> dict[str, Ending]:
    return {result.key.partition("/")[0]: result.ending for result in report.results}


def causes(report: DispatchReport) -> dict[str, object]:
    return {result.key.partition("/")[0]: result.cause for result in report.open}


# --- the main job


def test_a_plan_is_sent_and_recorded(shop: Shop) -> None:
    """Every entry of the plan is one mail and one line in the ledger with the server's reply and queue id."""
    shop.put("E1", "E2", "E3")
    report = shop.send(plan(entry("E1"), entry("E2"), entry("E3")))
    assert shop.mailed() == ["E1", "E2", "E3"]
    assert endings(report) == dict.fromkeys(("E1", "E2", "E3"), Ending.SENT)
    assert (report.exit_code, report.interrupted, shop.results) == (
        Exit.DONE,
        False,
        ["E1/reminder", "E2/reminder", "E3/reminder"],
    )
    record = shop.record("E2")
    assert record is not None
    assert (record.state, record.queue_id, record.at, record.sender) == (State.SENT, "SINK2", NOW, "main")
    assert shop.sink.connections == 1
    assert list((shop.folder / "replies").iterdir()) == []


def test_a_finished_plan_is_never_executed_again(shop: Shop) -> None:
    """Sending the same plan a second time is refused and sends nothing."""
    shop.put("E1")
    shop.send(plan(entry("E1")))
    with pytest.raises(UserError, match="has already been executed") as caught:
        shop.send(plan(entry("E1")))
    assert caught.value.exit_code is Exit.REFUSED
    assert shop.mailed() == ["E1"]


def test_two_executors_of_one_plan_send_once(shop: Shop) -> None:
    """While one process executes a plan, another is told so and sends nothing."""
    shop.put("E1")
    refused: list[UserError] = []

    def start_a_second(entry: Entry) -> None:
        with pytest.raises(UserError, match="is being executed by") as caught:
            replace(shop, before_mail=lambda entry: None).send(plan(entry))
        refused.append(caught.value)

    shop.before_mail = start_a_second
    shop.send(plan(entry("E1")))
    assert (shop.mailed(), [error.exit_code for error in refused]) == (["E1"], [Exit.REFUSED])


def test_two_plans_with_the_same_message_send_it_once(shop: Shop) -> None:
    """A message that another plan sent a moment ago, after the decision, is left alone."""
    shop.put("E1")
    other = replace(shop, before_mail=lambda entry: None)

    def send_another_plan(entry: Entry) -> None:
        other.send(plan(entry, name="other"))

    shop.before_mail = send_another_plan
    report = shop.send(plan(entry("E1")))
    assert (shop.mailed(), causes(report), report.exit_code) == (["E1"], {"E1": Cause.TAKEN}, Exit.DONE)


def test_paid_between_plan_and_mail_sends_nothing(shop: Shop) -> None:
    """An order that was paid after the plan gets no mail, and the report says why."""
    shop.put("E1", "E2")
    planned = plan(entry("E1"), entry("E2"))
    shop.put("E1", paid=NOW)
    report = shop.send(planned)
    assert (shop.mailed(), causes(report), report.exit_code) == (["E2"], {"E1": Reason.TRIGGER_FALSE}, Exit.DONE)
    assert shop.state("E1") is None


def test_paid_while_the_mail_is_on_its_way_sends_nothing(shop: Shop) -> None:
    """A payment that comes in after the last decision is noticed at the intent, and the dot is never sent."""
    shop.put("E1")
    shop.before_mail = lambda entry: shop.put("E1", paid=NOW)
    report = shop.send(plan(entry("E1")))
    assert (shop.mailed(), causes(report)) == ([], {"E1": Reason.TRIGGER_FALSE})
    assert shop.state("E1") is None


def test_an_order_that_keeps_changing_is_left_open(shop: Shop) -> None:
    """An order that changes at every try is left for a later plan."""
    shop.put("E1")
    totals = iter(range(10))
    shop.before_mail = lambda entry: shop.put("E1", items=next(totals))
    assert causes(shop.send(plan(entry("E1")))) == {"E1": Cause.CHANGING}
    assert shop.mailed() == []


@pytest.mark.parametrize("paused", ["reminder", "main", "*"])
def test_a_pause_holds_before_the_next_dot(shop: Shop, paused: str) -> None:
    """A pause of the rule, of the sender or of everything stops a mail that is already on its way."""
    shop.put("E1")

    def pause(entry: Entry) -> None:
        store = shop.store()
        store.pause(paused, at=NOW)
        store.close()

    shop.before_mail = pause
    assert causes(shop.send(plan(entry("E1")))) == {"E1": Reason.PAUSED}
    assert shop.mailed() == []


@pytest.mark.parametrize("connections", [1, 4])
@pytest.mark.parametrize("paused", ["reminder", "main", "*"])
def test_after_a_pause_each_connection_ends_at_most_one_mail(
    shop: Shop, script: list[object], connections: int, paused: str
) -> None:
    """A pause in the middle of a run lets only mails through whose end was already allowed, one a connection."""
    before: list[int] = []

    def pause_at_the_twentieth(moment: Cue) -> None:
        if moment.step is Step.STORED and moment.mails == 20 and not before:
            store = shop.store()
            store.pause(paused, at=NOW)
            store.close()
            before.append(len(shop.sink.mails))

    script.append(pause_at_the_twentieth)
    shop.limits = Limits(connections=connections)
    orders = [f"E{number}" for number in range(60)]
    shop.put(*orders)
    report = shop.send(plan(*map(entry, orders)))
    assert 0 <= len(shop.sink.mails) - before[0] <= connections
    assert set(causes(report).values()) == {Reason.PAUSED}
    assert report.count(Ending.SENT) == len(shop.sink.mails)


def test_a_mail_that_cannot_be_written_stays_open(shop: Shop) -> None:
    """A template error concerns one mail only; it stays open and the exit code tells."""
    shop.put("E1", "E2", "E3")

    def compose(verdict: Verdict) -> Message:
        if verdict.address.startswith("e1"):
            raise UserError(Problem("template", "`loyalty` is missing"))
        if verdict.address.startswith("e2"):
            raise ZeroDivisionError
        return shop.compose(verdict)

    report = shop.send(plan(entry("E1"), entry("E2"), entry("E3")), compose=compose)
    assert (shop.mailed(), causes(report)) == (["E3"], {"E1": Cause.RENDERING, "E2": Cause.RENDERING})
    assert [result.why for result in report.open] == ["`loyalty` is missing", "internal error: ZeroDivisionError"]
    assert report.exit_code is Exit.SOME_FAILED


def test_mails_of_one_order_leave_in_plan_order(shop: Shop) -> None:
    """With several connections, two mails to one buyer never overtake each other."""
    shop.limits = Limits(connections=4)
    orders = [f"E{number}" for number in range(8)]
    shop.put(*orders)
    report = shop.send(plan(*(entry(order, rule) for rule in ("first", "second", "third") for order in orders)))
    assert report.count(Ending.SENT) == 24
    for order in orders:
        times = [shop.record(order, rule) for rule in ("first", "second", "third")]
        numbers = [int(record.queue_id.removeprefix("SINK")) for record in times if record]
        assert numbers == sorted(numbers)
        assert len(numbers) == 3


# --- what the server says


def test_a_temporary_refusal_is_deferred(shop: Shop, script: list[object]) -> None:
    """A buyer's server that says later gets another try after about five minutes, and not before."""
    script.append(at(Step.RCPT, Say("450 4.2.1 mailbox busy"), None))
    shop.put("E1", "E2")
    report = shop.send(plan(entry("E1"), entry("E2")))
    assert (endings(report), report.exit_code) == ({"E1": Ending.DEFERRED, "E2": Ending.SENT}, Exit.DONE)
    record = shop.record("E1")
    assert record is not None
    assert record.next_attempt is not None
    assert timedelta(minutes=4) <= record.next_attempt - NOW <= timedelta(minutes=6)

    assert causes(shop.send(plan(entry("E1"), name="too early"))) == {"E1": Cause.TAKEN}
    shop.now = NOW + timedelta(minutes=6)
    assert endings(shop.send(plan(entry("E1"), name="in time"))) == {"E1": Ending.SENT}
    assert shop.mailed() == ["E2", "E1"]


@pytest.mark.parametrize("step", [Step.RCPT, Step.DOT], ids=["at RCPT", "after the dot"])
def test_a_message_deferred_for_five_days_has_failed(shop: Shop, script: list[object], step: Step) -> None:
    """Retries follow the schedule and end after five days, when a person has to look at the message."""
    script.append(at(step, Say("451 4.3.0 later")))
    shop.put("E1")
    waits: list[timedelta] = []
    while shop.state("E1") in (None, State.DEFERRED):
        shop.send(plan(entry("E1"), name=f"run {len(waits)}"))
        record = shop.record("E1")
        assert record is not None
        if record.next_attempt is not None:
            waits.append(record.next_attempt - shop.now)
            shop.now = record.next_attempt
    hours = [wait / timedelta(hours=1) for wait in waits]
    planned = [1 / 12, 1 / 4, 1, 3, 6, 12, 24, 24, 24, 24]
    assert len(hours) in (9, 10, 8)
    assert all(0.8 * wanted <= given <= 1.2 * wanted for given, wanted in zip(hours, planned, strict=False))
    assert shop.state("E1") is State.FAILED
    assert shop.now - NOW < timedelta(days=5)


def test_an_unknown_address_fails_and_is_suppressed(shop: Shop, script: list[object]) -> None:
    """An address that does not exist is never mailed again."""
    script.append(at(Step.RCPT, Say("550 5.1.1 no such user"), None))
    shop.put("E1", "E2")
    report = shop.send(plan(entry("E1"), entry("E2")))
    assert (endings(report), report.exit_code) == ({"E1": Ending.FAILED, "E2": Ending.SENT}, Exit.SOME_FAILED)
    store = shop.store()
    assert [each.address for each in store.suppressions()] == ["e1@example.org"]
    store.close()


def test_five_equal_refusals_pause_the_rule(shop: Shop, script: list[object]) -> None:
    """A rule whose mails are all refused in the same way is held before it does more harm."""
    script.append(at(Step.DOT, Say("554 5.7.1 looks like spam")))
    orders = [f"E{number}" for number in range(8)]
    shop.put(*orders)
    report = shop.send(plan(*map(entry, orders)))
    assert (report.count(Ending.FAILED), set(causes(report).values())) == (5, {Reason.PAUSED})
    store = shop.store()
    assert [each.name for each in store.pauses()] == ["reminder"]
    store.close()


def test_equal_refusals_are_counted_across_runs(shop: Shop, script: list[object]) -> None:
    """Five equal refusals pause a rule also when they come from several runs; resuming it begins a new count."""
    script.append(at(Step.DOT, Say("554 5.7.1 looks like spam")))
    orders = [f"E{number}" for number in range(12)]
    shop.put(*orders)
    for first in (0, 2):
        shop.send(plan(*map(entry, orders[first : first + 2]), name=f"run {first}"))
    store = shop.store()
    assert store.pauses() == ()
    assert set(causes(shop.send(plan(*map(entry, orders[4:6]), name="third"))).values()) == {Reason.PAUSED}
    assert [each.name for each in store.pauses()] == ["reminder"]
    store.resume("reminder")
    report = shop.send(plan(*map(entry, orders[6:10]), name="fourth"))
    assert (report.count(Ending.FAILED), store.pauses()) == (4, ())
    store.close()


def test_a_sent_mail_ends_a_row_of_refusals(shop: Shop, script: list[object]) -> None:
    """Refusals with a sent mail among them, or with different codes, pause nothing."""
    spam, other = Say("554 5.7.1 looks like spam"), Say("554 5.6.0 not so")
    script.append(at(Step.DOT, spam, spam, spam, spam, None, spam, spam, spam, spam, other, spam, None))
    orders = [f"E{number}" for number in range(12)]
    shop.put(*orders)
    report = shop.send(plan(*map(entry, orders)))
    assert (report.count(Ending.FAILED), report.count(Ending.SENT)) == (10, 2)


def test_the_copys_refusal_changes_nothing_for_the_buyer(shop: Shop, script: list[object]) -> None:
    """A copy-to-me address that is refused is mentioned, and the buyer's mail counts as sent."""
    script.append(at(Step.RCPT, Say("550 5.1.1 no such user"), containing="copies"))
    shop.copy = "copies@example.com"
    shop.put("E1")
    report = shop.send(plan(entry("E1")))
    assert (endings(report), shop.state("E1")) == ({"E1": Ending.SENT}, State.SENT)
    assert "the copy was refused: 550 5.1.1" in report.results[0].why
    store = shop.store()
    assert store.suppressions() == ()
    store.close()


def test_a_failed_login_stops_the_sender_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong password is tried once, everything of this sender stays open, and the report says so."""
    monkeypatch.setenv("SMTP_PASSWORD", "wrong horse")
    with Sink(logins={"shop": "right"}) as sink:
        shop = Shop(tmp_path, sink)
        shop.put("E1", "E2")
        sender = replace(shop.sender(), username="shop", password=Secret("SMTP_PASSWORD"))
        report = shop.send(plan(entry("E1"), entry("E2")), senders={"main": sender})
        assert (causes(report), report.exit_code) == (dict.fromkeys(("E1", "E2"), Cause.LOGIN), Exit.SOME_FAILED)
        assert sink.commands.count("AUTH ***") == 1
        assert report.stopped["main"].startswith("535 5.7.8")
        assert "wrong horse" not in repr(report)


def test_a_password_that_cannot_be_read_stops_its_sender_alone(shop: Shop) -> None:
    """The other senders' mails go, the store keeps what is not set, and a later run that has it clears that."""
    shop.put("E1", "E2")
    lost = replace(shop.sender(), name="lost", username="shop", password=Secret("NO_SUCH_PASSWORD"))
    senders = {"main": shop.sender(), "lost": lost}
    report = shop.send(plan(entry("E1"), replace(entry("E2"), sender="lost")), senders=senders)
    assert endings(report) == {"E1": Ending.SENT, "E2": Ending.OPEN}
    assert (causes(report)["E2"], report.exit_code) == (Cause.LOGIN, Exit.SOME_FAILED)
    assert shop.sink.connections == 1
    assert shop.reports() == {"lost": Scope.CREDENTIALS}
    assert "NO_SUCH_PASSWORD is not set" in report.stopped["lost"]
    again = plan(replace(entry("E2"), sender="lost"), name="again")
    assert endings(shop.send(again, senders={"lost": replace(lost, username=None)})) == {"E2": Ending.SENT}
    assert shop.reports() == {}


def test_a_password_missing_here_keeps_what_others_found_out(shop: Shop) -> None:
    """A login that a server refused is still tried at most hourly by those who can, whoever cannot try at all."""
    shop.put("E1")
    store = shop.store()
    store.report_sender("main", Scope.LOGIN, "535 5.7.8 wrong")
    store.close()
    sender = replace(shop.sender(), username="shop", password=Secret("NO_SUCH_PASSWORD"))
    shop.send(plan(entry("E1")), senders={"main": sender})
    assert shop.reports() == {"main": Scope.LOGIN}


def test_a_server_that_is_down_is_given_up_after_three_tries(shop: Shop, script: list[object]) -> None:
    """A server that never answers is tried three times; every message stays open and is not charged."""
    script.append(at(Step.CONNECT, Say("421 too busy")))
    shop.put("E1", "E2")
    report = shop.send(plan(entry("E1"), entry("E2")))
    assert (causes(report), report.exit_code) == (dict.fromkeys(("E1", "E2"), Cause.SENDER_DOWN), Exit.SOME_FAILED)
    assert (shop.sink.connections, shop.state("E1"), report.interrupted) == (3, None, False)
    assert "421 too busy" in report.stopped["main"]


def test_a_server_that_comes_back_goes_on(shop: Shop, script: list[object]) -> None:
    """A server that went away after some mails is probed, and gets the rest when it is back."""
    script.append(at(Step.MAIL, None, Drop(), Drop(), Drop(), Drop(), None))
    shop.put("E1", "E2", "E3")
    report = shop.send(plan(entry("E1"), entry("E2"), entry("E3")))
    assert (shop.mailed(), causes(report)) == (["E1", "E3"], {"E2": Cause.SENDER_DOWN})
    assert report.stopped == {}


@pytest.mark.parametrize("connections", [1, 3])
def test_a_message_that_kills_connections_does_not_block_the_others(
    shop: Shop, script: list[object], connections: int
) -> None:
    """A mail at which the server hangs up each time is left open after three tries; the others are sent."""
    script.append(at(Step.RCPT, Drop(), containing="e1@"))
    shop.limits = Limits(connections=connections)
    orders = [f"E{number}" for number in range(1, 9)]
    shop.put(*orders)
    report = shop.send(plan(*map(entry, orders)))
    assert causes(report) == {"E1": Cause.SENDER_DOWN}
    assert (shop.state("E1"), sorted(shop.mailed())) == (None, orders[1:])


def test_too_fast_means_fewer_connections_and_a_rest(shop: Shop, script: list[object]) -> None:
    """A server that finds us too fast gets a rest and fewer connections, and no message is charged."""
    script.append(at(Step.MAIL, Say("450 4.7.28 slow down"), None))
    shop.limits = Limits(connections=2)
    shop.put("E1", "E2")
    report = shop.send(plan(entry("E1"), entry("E2")))
    assert report.count(Ending.SENT) == 2
    assert [shop.record(order).attempts for order in ("E1", "E2")] == [1, 1]  # type: ignore[union-attr]


def test_a_used_up_quota_leaves_the_rest_open(shop: Shop, script: list[object]) -> None:
    """When the provider's daily limit is reached, no message fails; the rest is left for later."""
    script.append(at(Step.RCPT, None, Say("550 5.4.5 Daily user sending limit exceeded")))
    shop.put("E1", "E2", "E3")
    report = shop.send(plan(entry("E1"), entry("E2"), entry("E3")))
    assert endings(report) == {"E1": Ending.SENT, "E2": Ending.OPEN, "E3": Ending.OPEN}
    assert (set(causes(report).values()), report.exit_code) == ({Cause.QUOTA}, Exit.SOME_FAILED)


def test_our_own_daily_limit_counts_copies(shop: Shop) -> None:
    """A limit of four recipients a day is two mails with copies; the third is left open."""
    shop.limits, shop.copy = Limits(per_day=4), "copies@example.com"
    shop.put("E1", "E2", "E3")
    report = shop.send(plan(entry("E1"), entry("E2"), entry("E3")))
    assert (shop.mailed(), causes(report)) == (["E1", "E2"], {"E3": Cause.LIMITS})
    assert (report.exit_code, shop.reports()) == (Exit.DONE, {})


def test_logs_hold_no_addresses_bodies_or_passwords(
    shop: Shop, script: list[object], caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever happens, no log line holds an address, a line of a mail or what the server said about them."""
    script.append(at(Step.RCPT, Say("450 4.2.1 <e1@example.org> is busy"), Say("550 5.1.1 <e2@example.org> no"), None))
    shop.put("E1", "E2", "E3")
    with caplog.at_level("DEBUG"):
        shop.send(plan(entry("E1"), entry("E2"), entry("E3")))
    lines = [record.getMessage() for record in caplog.records]
    assert [line.split()[0] for line in lines] == ["started", "deferred", "failed", "sent", "ended"]
    assert not any("@" in line or "buyer" in line for line in lines)


# --- what is kept of a sender that cannot send


@pytest.mark.parametrize(
    ("step", "line", "scope"),
    [
        (Step.CONNECT, "421 too busy", Scope.HOST),
        (Step.MAIL, "530 5.7.57 Client not authenticated to send mail", Scope.LOGIN),
        (Step.MAIL, "450 4.7.28 slow down", Scope.ACCOUNT_RATE),
        (Step.RCPT, "421 4.7.0 [TSS04] Messages temporarily deferred", Scope.ACCOUNT_RATE),
        (Step.RCPT, "554 5.7.1 Client host [192.0.2.1] blocked using zen.example.org", Scope.HOST),
        (Step.RCPT, "550 5.4.5 Daily user sending limit exceeded", Scope.ACCOUNT_QUOTA),
        (Step.DOT, "550 5.4.5 Daily user sending limit exceeded", Scope.ACCOUNT_QUOTA),
    ],
)
def test_a_sender_that_stopped_is_kept_and_tried_with_one_mail(
    shop: Shop, script: list[object], step: Step, line: str, scope: Scope
) -> None:
    """Whatever stopped a sender is kept with its reply; the next run tries one mail, and the rest after it."""
    script.append(at(step, Say(line)))
    shop.limits = Limits(connections=3)
    orders = [f"E{number}" for number in range(6)]
    shop.put(*orders)
    report = shop.send(plan(*map(entry, orders)))
    assert (report.exit_code, shop.mailed()) == (Exit.SOME_FAILED, [])
    store = shop.store()
    (kept,) = store.sender_reports()
    assert (kept.sender, kept.scope, line in kept.reply) == ("main", scope, True)
    store.clear_sender("main")
    store.report_sender("main", Scope.ACCOUNT_QUOTA, line)
    store.close()

    shop.now += timedelta(hours=1)
    at_once: list[int] = []

    def watch(moment: Cue) -> None:
        if moment.step is Step.CONNECT:
            at_once.append(moment.mails)

    script[:] = [watch]
    report = shop.send(plan(*map(entry, orders), name="later"))
    assert (report.exit_code, sorted(shop.mailed()), shop.reports()) == (Exit.DONE, orders, {})
    assert at_once[0] == 0
    assert all(at_once[1:])


def test_a_reported_sender_that_still_refuses_gets_one_mail_a_run(shop: Shop, script: list[object]) -> None:
    """A run that finds the sender as it was has tried one mail, keeps the rest open, and says so by its exit code."""
    script.append(at(Step.MAIL, Say("550 5.4.5 Daily user sending limit exceeded")))
    shop.limits = Limits(connections=3)
    orders = [f"E{number}" for number in range(6)]
    shop.put(*orders)
    shop.send(plan(*map(entry, orders)))
    before = len([line for line in shop.sink.commands if line.startswith("MAIL")])
    report = shop.send(plan(*map(entry, orders), name="later"))
    assert len([line for line in shop.sink.commands if line.startswith("MAIL")]) == before + 1
    assert (set(causes(report).values()), report.exit_code) == ({Cause.QUOTA}, Exit.SOME_FAILED)


def test_a_refused_login_is_tried_once_an_hour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs every few minutes do not lock the account: they leave everything open, say why, and try again hourly."""
    monkeypatch.setenv("SMTP_PASSWORD", "wrong horse")
    with Sink(logins={"shop": "right"}) as sink:
        shop = Shop(tmp_path, sink)
        shop.put("E1", "E2")
        sender = replace(shop.sender(), username="shop", password=Secret("SMTP_PASSWORD"))
        for minutes in (0, 10, 49, 1, 10):
            shop.seconds += 60 * minutes
            report = shop.send(plan(entry("E1"), entry("E2"), name=str(shop.seconds)), senders={"main": sender})
            assert (set(causes(report).values()), report.exit_code) == ({Cause.LOGIN}, Exit.SOME_FAILED)
        assert sink.commands.count("AUTH ***") == 2
        assert "535 5.7.8" in report.stopped["main"]
        assert "sendplan smtp-test main" in report.stopped["main"]

        monkeypatch.setenv("SMTP_PASSWORD", "right")
        shop.seconds += 3600
        assert shop.send(plan(entry("E1"), entry("E2"), name="last"), senders={"main": sender}).exit_code is Exit.DONE
        assert shop.reports() == {}


# --- what nobody knows


def test_a_connection_lost_after_the_dot_is_uncertain_and_never_repeated(shop: Shop, script: list[object]) -> None:
    """A mail whose answer was lost is shown to a person and never sent again on its own."""
    script.append(at(Step.STORED, Drop(), None))
    shop.put("E1", "E2")
    report = shop.send(plan(entry("E1"), entry("E2")))
    assert endings(report) == {"E1": Ending.UNCERTAIN, "E2": Ending.SENT}
    assert (shop.state("E1"), report.exit_code) == (State.UNCERTAIN, Exit.SOME_UNKNOWN)
    assert causes(shop.send(plan(entry("E1"), name="again"))) == {"E1": Reason.ALREADY_SENT}
    assert shop.mailed() == ["E1", "E2"]


@pytest.mark.parametrize("step", [Step.MAIL, Step.RCPT, Step.DATA])
def test_a_connection_lost_before_the_dot_is_open(shop: Shop, script: list[object], step: Step) -> None:
    """A mail whose connection broke before its end was not sent, is not charged, and goes out when the server works."""
    script.append(at(step, Drop()))
    shop.put("E1")
    assert endings(shop.send(plan(entry("E1")))) == {"E1": Ending.OPEN}
    assert shop.state("E1") is None
    script.clear()
    assert endings(shop.send(plan(entry("E1"), name="later"))) == {"E1": Ending.SENT}
    assert shop.mailed() == ["E1"]


def test_a_host_that_refuses_after_the_dot_is_not_the_messages_fault(shop: Shop, script: list[object]) -> None:
    """421 after the dot is a certain no: the message is deferred and the attempt is not charged."""
    script.append(at(Step.DOT, Say("421 4.3.2 shutting down")))
    shop.put("E1")
    assert endings(shop.send(plan(entry("E1")))) == {"E1": Ending.DEFERRED}
    record = shop.record("E1")
    assert record is not None
    assert (record.state, record.attempts) == (State.DEFERRED, 0)


class Crash(BaseException):
    """The process dies here."""


def test_an_answer_in_the_journal_survives_a_crash(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that died between the server's answer and the ledger leaves nothing uncertain."""
    from sendplan.store.sql.ledger import SqlLedger

    shop.put("E1")
    with monkeypatch.context() as patch:
        patch.setattr(SqlLedger, "settle", _crash)
        with pytest.raises(Crash):
            shop.send(plan(entry("E1")))
    assert shop.state("E1") is State.SENDING
    report = shop.send(plan(entry("E1")))
    assert (shop.state("E1"), causes(report), shop.mailed()) == (
        State.SENT,
        {"E1": Reason.ALREADY_SENT},
        ["E1"],
    )
    assert list((shop.folder / "replies").iterdir()) == []


def test_an_intent_without_an_answer_becomes_uncertain(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that died right after the dot leaves a message that nobody repeats; a person is told."""
    from sendplan.mail.smtp import Session

    def die(session: Session, *arguments: object) -> None:
        session.close()
        raise Crash

    shop.put("E1")
    with monkeypatch.context() as patch:
        patch.setattr(Session, "_finish", die)
        with pytest.raises(Crash):
            shop.send(plan(entry("E1")))
    shop.seconds += 3600
    report = shop.send(plan(entry("E1")))
    assert (shop.state("E1"), causes(report)) == (State.UNCERTAIN, {"E1": Reason.ALREADY_SENT})


def test_a_late_answer_settles_what_was_uncertain(shop: Shop, script: list[object]) -> None:
    """A process that was held longer than its lease still brings in the answer that it gets when it goes on."""
    states: list[State | None] = []

    def recover_meanwhile(moment: Cue) -> None:
        if moment.step is Step.STORED and not states:
            shop.seconds += 3600
            store = shop.store()
            recover(store, shop.folder / "replies", NOW)
            store.close()
            states.append(shop.state("E1"))

    script.append(recover_meanwhile)
    shop.put("E1", "E2")
    report = shop.send(plan(entry("E1"), entry("E2")))
    assert (states, shop.state("E1"), shop.mailed()) == ([State.UNCERTAIN], State.SENT, ["E1"])
    assert (endings(report)["E2"], report.interrupted) == (Ending.OPEN, True)


def _crash(*arguments: object, **named: object) -> bool:
    raise Crash


# --- stopping and rehearsing


def test_a_stop_leaves_the_rest_open_and_the_plan_can_be_continued(shop: Shop) -> None:
    """After SIGTERM the mail past its intent is finished, the rest stays open, and the plan may be continued."""
    shop.put("E1", "E2", "E3")

    def stop_before_the_second(entry: Entry) -> None:
        if entry.order == "E3":  # Prepared while the second waits for its end.
            shop.stop.set()

    shop.before_mail = stop_before_the_second
    report = shop.send(plan(entry("E1"), entry("E2"), entry("E3")))
    assert shop.mailed() == ["E1"]
    assert (causes(report), report.interrupted) == (dict.fromkeys(("E2", "E3"), Cause.STOPPED), True)

    shop.stop = Stop()
    shop.before_mail = lambda entry: None
    report = shop.send(plan(entry("E1"), entry("E2"), entry("E3")))
    assert shop.mailed() == ["E1", "E2", "E3"]
    assert (causes(report), report.interrupted) == ({"E1": Reason.ALREADY_SENT}, False)


def test_a_decision_that_grew_old_is_made_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes its time over the mail before does not make a mail leave on what was known a minute ago."""
    from sendplan.dispatch import worker

    monkeypatch.setattr(worker, "FRESH_SECONDS", 0.0)
    decided: list[str | None] = []
    shop.before_mail = lambda entry: decided.append(entry.order)
    shop.put("E1")
    report = shop.send(plan(entry("E1")))
    assert (shop.mailed(), causes(report)) == ([], {"E1": Cause.CHANGING})
    assert len(decided) > 1


def test_a_stop_after_the_intent_finishes_the_mail(shop: Shop, script: list[object]) -> None:
    """SIGTERM between the dot and its answer waits for the answer."""

    def stop(moment: Cue) -> None:
        if moment.step is Step.DOT:
            shop.stop.set()

    script.append(stop)
    shop.put("E1", "E2")
    report = shop.send(plan(entry("E1"), entry("E2")))
    assert (endings(report), shop.state("E1")) == ({"E1": Ending.SENT, "E2": Ending.OPEN}, State.SENT)


@pytest.mark.parametrize(
    ("step", "ending", "state"),
    [(Step.MAIL, Ending.OPEN, None), (Step.RCPT, Ending.OPEN, None), (Step.STORED, Ending.UNCERTAIN, State.UNCERTAIN)],
)
def test_a_second_signal_waits_for_no_answer(
    shop: Shop, script: list[Callable[[Cue], Action | None]], step: Step, ending: Ending, state: State | None
) -> None:
    """A server that says nothing keeps nobody: what had not ended stays open, what had is uncertain in the ledger."""

    def stop(moment: Cue) -> Action | None:
        if moment.step is not step:
            return None
        shop.stop.hurry()
        return Stall()

    script.append(stop)
    shop.put("E1", "E2")
    report = shop.send(plan(entry("E1"), entry("E2")), timeouts=Timeouts())
    assert (endings(report), shop.state("E1")) == ({"E1": ending, "E2": Ending.OPEN}, state)
    assert report.interrupted
    assert shop.reports() == {}  # Nothing is held against the sender.


def test_a_rehearsal_reaches_only_its_address(shop: Shop) -> None:
    """A redirected plan goes to the test address alone, leaves no trace in the ledger, and the plan stays unused."""
    shop.put("E1", "E2")
    planned = plan(entry("E1"), entry("E2"))

    def redirected(verdict: Verdict) -> Message:
        message = shop.compose(verdict)
        return message if verdict.address.startswith("e2") else replace(message, recipients=("test@example.net",))

    store = shop.store()
    report = rehearse_to_address(
        planned,
        "Test <test@example.net>",
        store=store,
        decide_again=shop.decide_again,
        compose=redirected,
        senders={"main": shop.sender()},
    )
    store.close()
    assert shop.mailed() == ["TEST"]
    assert endings(report) == {"E1": Ending.SENT, "E2": Ending.OPEN}
    assert (shop.state("E1"), shop.state("E2")) == (None, None)
    assert shop.send(planned).count(Ending.SENT) == 2


def test_a_rehearsal_without_a_valid_address_sends_nothing(shop: Shop) -> None:
    """A redirect to something that is no address stops before any mail."""
    shop.put("E1")
    store = shop.store()
    with pytest.raises(UserError):
        rehearse_to_address(
            plan(entry("E1")),
            "",
            store=store,
            decide_again=shop.decide_again,
            compose=shop.compose,
            senders={"main": shop.sender()},
        )
    store.close()
    assert shop.sink.connections == 0


def test_a_rehearsal_into_a_folder_uses_no_network(shop: Shop) -> None:
    """Every mail becomes a numbered file whose name is safe, and nothing is sent or recorded."""
    shop.put("2024/17", "E2")
    store = shop.store()
    report = rehearse_to_folder(
        plan(entry("2024/17"), entry("E2")),
        shop.folder / "mails",
        store=store,
        decide_again=shop.decide_again,
        compose=shop.compose,
    )
    store.close()
    assert report.count(Ending.SENT) == 2
    files = sorted(path.name for path in (shop.folder / "mails").iterdir())
    assert files == ["001-2024_17_reminder.eml", "002-E2_reminder.eml"]
    assert (shop.sink.connections, shop.state("E2")) == (0, None)
