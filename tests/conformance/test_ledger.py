"""Leases, intents, outcomes and a person's moves: the same over every kind of store."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from stores import CALENDAR, KEY, NOW, Stores, intend, lease, order, plan, put, settle

from sendplan.ledger import MOVES, MessageKey, Snooze, SnoozeSubject, State
from sendplan.project.settings import Limits
from sendplan.store import Store
from sendplan.store.claims import ClaimStatus
from sendplan.store.records import Act, Approval, LeftOpen, PlanRecord

STEP: MessageKey = ("dunning", "payment-reminder")


@pytest.fixture
def token(store: Store) -> str:
    put(store, order("E1"), order("E2"), order("E3"))
    return lease(store)


def state(store: Store, order_id: str = "E1", key: MessageKey = KEY) -> State | None:
    record = store.histories([order_id]).get(order_id)
    return record.records[key].state if record and key in record.records else None


def bring_to(store: Store, token: str, wanted: State | None, order_id: str = "E1") -> None:
    """Bring a message into a state by legal moves."""
    if wanted is State.DROPPED:
        assert store.move(order_id, KEY, State.DROPPED, at=NOW)
    elif wanted is not None:
        assert intend(store, token, order_id).status is ClaimStatus.OK
        if wanted is not State.SENDING:
            assert settle(store, token, wanted, order_id)


def test_an_intent_is_recorded_before_its_outcome(store: Store, token: str) -> None:
    """An intent makes a `sending` row with its sender and attempt, and the outcome settles it with the reply."""
    assert intend(store, token).status is ClaimStatus.OK
    assert state(store) is State.SENDING

    assert settle(store, token, State.SENT, reply="250 queued as 4711", queue_id="4711", at=NOW + timedelta(seconds=2))
    record = store.histories(["E1"])["E1"].records[KEY]
    assert (record.state, record.attempts, record.sender) == (State.SENT, 1, "main")
    assert (record.reply, record.queue_id, record.at) == ("250 queued as 4711", "4711", NOW + timedelta(seconds=2))


def test_steps_of_a_ladder_are_kept_apart(store: Store, token: str) -> None:
    """Each step of a ladder, and each order, has a row of its own."""
    intend(store, token, key=STEP)
    intend(store, token, "E2", key=("dunning", "first-dunning"))

    histories = store.histories(["E1", "E2", "E3"])
    assert {each: list(history.records) for each, history in histories.items()} == {
        "E1": [STEP],
        "E2": [("dunning", "first-dunning")],
    }


def test_a_message_is_intended_once(store: Store, token: str) -> None:
    """A message in flight, sent, failed, uncertain or dropped is taken: nobody sends it again."""
    for order_id, wanted in (("E1", State.SENDING), ("E2", State.SENT), ("E3", State.DROPPED)):
        bring_to(store, token, wanted, order_id)
        assert intend(store, token, order_id).status is ClaimStatus.TAKEN


@pytest.mark.parametrize("outcome", [State.FAILED, State.UNCERTAIN])
def test_an_unresolved_message_waits_for_a_person(store: Store, token: str, outcome: State) -> None:
    """A failed or uncertain message is taken until a person opens it again."""
    bring_to(store, token, outcome)
    assert intend(store, token).status is ClaimStatus.TAKEN

    assert store.move("E1", KEY, None, at=NOW)
    assert intend(store, token).status is ClaimStatus.OK


def test_a_deferred_message_is_tried_again_when_its_time_has_come(store: Store, token: str) -> None:
    """A deferred message is taken before its next attempt, and counts its attempts after it."""
    intend(store, token)
    settle(store, token, State.DEFERRED, next_attempt=NOW + timedelta(minutes=5), reply="451 later")
    assert store.histories(["E1"])["E1"].records[KEY].next_attempt == NOW + timedelta(minutes=5)

    assert intend(store, token, at=NOW + timedelta(minutes=4)).status is ClaimStatus.TAKEN
    assert intend(store, token, at=NOW + timedelta(minutes=5)).status is ClaimStatus.OK
    assert store.histories(["E1"])["E1"].records[KEY].attempts == 2


def test_a_changed_order_stops_the_intent(store: Store, token: str) -> None:
    """When an import changed the order after the decision, or it is unknown, nothing is sent: decide again."""
    put(store, order("E1", total=Decimal(5)))

    assert intend(store, token).status is ClaimStatus.CHANGED
    assert intend(store, token, "unknown").status is ClaimStatus.CHANGED
    assert state(store) is None
    assert intend(store, token, version=2).status is ClaimStatus.OK


@pytest.mark.parametrize("name", ["main", "feedback-reminder", "*"])
def test_a_pause_stops_the_intent(store: Store, token: str, name: str) -> None:
    """A pause of the sender, of the rule or of everything counts up to the last moment."""
    store.pause(name, at=NOW)
    assert intend(store, token).status is ClaimStatus.PAUSED

    store.resume(name)
    assert intend(store, token).status is ClaimStatus.OK


def test_a_suppression_stops_the_intent(store: Store, token: str) -> None:
    """An address that was suppressed after the decision gets nothing, however it is written."""
    store.suppress("buyer@example.com", at=NOW)
    store.suppress("b@b\u00fccher.example", at=NOW)

    assert intend(store, token, address="Buyer@Example.COM").status is ClaimStatus.SUPPRESSED
    assert intend(store, token, address="b@xn--bcher-kva.example").status is ClaimStatus.SUPPRESSED
    assert intend(store, token, address="other@example.com").status is ClaimStatus.OK


@pytest.mark.parametrize(
    ("suppressed", "klass", "stopped"),
    [
        ("", "transactional", True),
        ("marketing", "marketing", True),
        ("marketing", "transactional", False),
        ("marketing", "service", False),
        ("gone", "service", True),
        ("gone", "transactional", False),
    ],
)
def test_an_unsubscribe_stops_its_class(
    store: Store, token: str, suppressed: str, klass: str, *, stopped: bool
) -> None:
    """An intent asks for the class; of one that is gone, all but transactional mail stops."""
    store.suppress("buyer@example.com", at=NOW, klass=suppressed)
    expected = ClaimStatus.SUPPRESSED if stopped else ClaimStatus.OK
    assert intend(store, token, klass=klass).status is expected


@pytest.mark.parametrize(
    ("subject", "name", "rule", "days", "stopped"),
    [
        (SnoozeSubject.ORDER, "E1", "", 1, True),
        (SnoozeSubject.ORDER, "E1", KEY[0], 1, True),
        (SnoozeSubject.ADDRESS, "buyer@example.com", "", 1, True),
        (SnoozeSubject.ORDER, "E1", "", 0, False),
        (SnoozeSubject.ORDER, "E1", "dunning", 1, False),
        (SnoozeSubject.ORDER, "buyer@example.com", "", 1, False),
        (SnoozeSubject.ADDRESS, "E1", "", 1, False),
    ],
)
def test_a_snooze_stops_the_intent(
    store: Store, token: str, subject: SnoozeSubject, name: str, rule: str, days: int, *, stopped: bool
) -> None:
    """An order or buyer that was snoozed after the decision gets nothing until the day begins."""
    store.snooze(Snooze(subject, name, CALENDAR.day(NOW) + timedelta(days=days), NOW, rule))
    expected = ClaimStatus.SNOOZED if stopped else ClaimStatus.OK
    assert intend(store, token, address="Buyer@example.com").status is expected


def test_a_minute_limit_counts_copies_and_frees_again(stores: Stores, store: Store, token: str) -> None:
    """A sender's limit per minute counts every recipient, tells how long to wait, and frees after that."""
    limits = Limits(per_minute=3)
    assert intend(store, token, "E1", recipients=2, limits=limits).status is ClaimStatus.OK
    stores.seconds += 20
    refused = intend(store, token, "E2", recipients=2, limits=limits)
    assert (refused.status, refused.wait) == (ClaimStatus.QUOTA, 40.0)
    assert intend(store, token, "E3", recipients=1, limits=limits).status is ClaimStatus.OK

    stores.seconds += refused.wait
    token = lease(store, "second")
    assert intend(store, token, "E2", recipients=2, limits=limits).status is ClaimStatus.OK


def test_a_day_limit_counts_failed_and_opened_messages(stores: Stores, store: Store, token: str) -> None:
    """What went over the wire counts for a day, whatever became of the message later."""
    limits = Limits(per_day=1)
    bring_to(store, token, State.FAILED)
    store.move("E1", KEY, None, at=NOW)

    stores.seconds += 3600
    token = lease(store, "second")
    refused = intend(store, token, "E2", limits=limits)
    assert (refused.status, refused.wait) == (ClaimStatus.QUOTA, 23 * 3600.0)
    assert intend(store, token, "E2", limits=limits, sender="other").status is ClaimStatus.OK


def test_a_limit_below_one_message_lets_single_ones_through(store: Store, token: str) -> None:
    """With a limit of one and a copy for the shop, messages still leave, one at a time."""
    limits = Limits(per_minute=1)

    assert intend(store, token, "E1", recipients=2, limits=limits).status is ClaimStatus.OK
    assert intend(store, token, "E2", recipients=2, limits=limits).status is ClaimStatus.QUOTA


def test_two_executors_race_for_one_message(stores: Stores) -> None:
    """However many executors want the same message at the same moment, one gets it."""
    setup = stores.store()
    put(setup, *(order(f"E{number}") for number in range(20)))
    start = threading.Barrier(4)
    answers: list[ClaimStatus] = []

    def execute(number: int) -> None:
        store = stores.store()
        token = lease(store, f"plan {number}")
        start.wait()
        answers.extend(intend(store, token, f"E{each}").status for each in range(20))
        store.close()

    stores.opened.clear()
    threads = [threading.Thread(target=execute, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    stores.opened[:] = [setup]

    assert sorted(answers) == sorted([ClaimStatus.OK] * 20 + [ClaimStatus.TAKEN] * 60)


@pytest.mark.parametrize("present", [None, *State])
@pytest.mark.parametrize("to", [State.SENT, State.DROPPED, None])
def test_a_person_makes_the_legal_moves_only(store: Store, token: str, present: State | None, to: State | None) -> None:
    """A person may record, open again or drop a message where the ledger allows it, and never one in flight."""
    bring_to(store, token, present)
    allowed = to in MOVES[present] and present is not State.SENDING

    assert store.move("E1", KEY, to, at=NOW, reply="told by phone") is allowed
    assert state(store) is (to if allowed else present)


def test_a_mail_sent_by_hand_counts_from_its_own_day(store: Store, token: str) -> None:
    """A mail that a person sent by hand is recorded with the day on which it went out, and no attempt."""
    sent = NOW - timedelta(days=9)
    assert store.move("E1", KEY, State.SENT, at=sent, reply="by hand")

    record = store.histories(["E1"])["E1"].records[KEY]
    assert (record.state, record.at, record.attempts, record.reply) == (State.SENT, sent, 0, "by hand")


def test_only_the_right_token_settles(store: Store, token: str) -> None:
    """An outcome without the intent's own token, or for a message that is settled, changes nothing."""
    assert not settle(store, token, State.SENT)
    intend(store, token)
    assert not settle(store, "another", State.SENT)
    assert state(store) is State.SENDING

    assert settle(store, token, State.SENT)
    assert not settle(store, token, State.FAILED)
    assert state(store) is State.SENT


def test_what_a_vanished_executor_left_becomes_uncertain(stores: Stores, store: Store, token: str) -> None:
    """A message whose executor's lease ended is uncertain; one under a live lease is left alone."""
    intend(store, token)
    assert store.recover(NOW) == ()

    stores.seconds += 61
    other = lease(store, "second")
    intend(store, other, "E2")
    recovered = store.recover(NOW)

    assert [(each.order, each.state, each.token) for each in recovered] == [("E1", State.UNCERTAIN, token)]
    assert state(store, "E2") is State.SENDING


def test_an_intent_needs_a_live_lease(stores: Stores, store: Store, token: str) -> None:
    """Whoever was held for longer than its lease sends nothing more, and a token that nobody has neither."""
    stores.seconds += 61
    for held in (token, "nobody's"):
        assert intend(store, held).status is ClaimStatus.LEASE_LOST
    assert store.histories(["E1"]) == {}


def test_a_renewed_lease_keeps_its_messages(stores: Stores, store: Store, token: str) -> None:
    """As long as an executor renews its lease, what it has in flight stays its own."""
    intend(store, token)
    stores.seconds += 50
    assert store.renew_lease(token, 60)
    stores.seconds += 50

    assert store.recover(NOW) == ()


@pytest.mark.parametrize("outcome", [State.SENT, State.DEFERRED, State.FAILED])
def test_a_late_reply_settles_an_uncertain_message(stores: Stores, store: Store, token: str, outcome: State) -> None:
    """A reply that reaches the original executor late still settles the message, until a person did."""
    intend(store, token)
    stores.seconds += 61
    store.recover(NOW)

    assert settle(store, token, outcome)
    assert state(store) is outcome
    assert store.histories(["E1"])["E1"].records[KEY].repeat_from is None


def test_a_vanished_message_is_not_repeated_too_early(stores: Stores, store: Store, token: str) -> None:
    """A person may repeat a recovered message ten minutes after its lease ended, and record it at once."""
    intend(store, token)
    intend(store, token, "E2")
    stores.seconds += 61
    store.recover(NOW)

    assert not store.move("E1", KEY, None, at=NOW)
    assert store.move("E2", KEY, State.SENT, at=NOW)
    repeat_from = store.histories(["E1"])["E1"].records[KEY].repeat_from
    assert repeat_from is not None
    assert repeat_from.timestamp() == stores.seconds - 1 + 600

    stores.seconds += 600
    assert store.move("E1", KEY, None, at=NOW)


def test_an_outcome_known_to_be_unknown_may_be_repeated_at_once(store: Store, token: str) -> None:
    """Where the executor itself lost the connection no late reply can come, so a person need not wait."""
    bring_to(store, token, State.UNCERTAIN)

    assert store.move("E1", KEY, None, at=NOW)


def test_an_opened_message_is_nobodys(store: Store, token: str) -> None:
    """A reply that comes after a person opened the message again does not touch it."""
    bring_to(store, token, State.UNCERTAIN)
    store.move("E1", KEY, None, at=NOW)

    assert not settle(store, token, State.SENT)
    assert state(store) is None


def test_the_history_of_a_message_is_complete(store: Store, token: str) -> None:
    """Every move of a message is told with its time, reply and actor, also after it was opened again."""
    intend(store, token)
    settle(store, token, State.FAILED, reply="554 no")
    store.move("E1", KEY, None, at=NOW + timedelta(hours=1), reply="address corrected")
    store.move("E1", KEY, State.SENT, at=NOW + timedelta(hours=2))

    plan_id = plan().id
    assert [(each.before, each.after, each.reply, each.actor) for each in store.moves("E1", KEY)] == [
        (None, State.SENDING, "", plan_id),
        (State.SENDING, State.FAILED, "554 no", plan_id),
        (State.FAILED, None, "address corrected", "person"),
        (None, State.SENT, "", "person"),
    ]
    assert [each.at for each in store.moves("E1", KEY)][2:] == [NOW + timedelta(hours=1), NOW + timedelta(hours=2)]
    assert store.moves("E2", KEY) == ()


def test_the_high_water_mark_rises_with_every_move(store: Store, token: str) -> None:
    """Every move raises the mark, also one that removes a row: a restored backup is lower."""
    marks = [store.high_water()]
    for move in (lambda: intend(store, token), lambda: settle(store, token, State.FAILED)):
        move()
        marks.append(store.high_water())
    store.move("E1", KEY, None, at=NOW)
    marks.append(store.high_water())

    assert marks == sorted(set(marks))


def test_records_of_a_state_come_oldest_first(store: Store, token: str) -> None:
    """What needs attention is listed by state, oldest first, and counted."""
    for order_id, days in (("E1", 1), ("E2", 3), ("E3", 2)):
        intend(store, token, order_id)
        settle(store, token, State.FAILED, order_id, at=NOW - timedelta(days=days))
    store.move("E3", KEY, State.DROPPED, at=NOW)

    assert [each.order for each in store.records([State.FAILED, State.UNCERTAIN])] == ["E2", "E1"]
    assert [each.order for each in store.records([State.FAILED, State.DROPPED])] == ["E2", "E1", "E3"]
    counts = store.counts()
    assert (counts["orders"], counts["failed"], counts["dropped"], counts["sent"]) == (3, 2, 1, 0)


def test_a_plan_is_executed_by_one_at_a_time(stores: Stores, store: Store, token: str) -> None:
    """A plan under a live lease is refused, with who has it; after the lease anyone may continue it."""
    refused = store.start_plan(plan(), "host-2", 60)
    assert isinstance(refused, PlanRecord)
    assert (refused.state, refused.owner) == ("executing", "host-1")

    stores.seconds += 60
    token_2 = store.start_plan(plan(), "host-2", 60)
    assert isinstance(token_2, str)
    assert not store.renew_lease(token, 60)
    assert intend(store, token).status is ClaimStatus.LEASE_LOST
    assert intend(store, token_2).status is ClaimStatus.OK


def test_an_expired_lease_is_not_renewed(stores: Stores, store: Store, token: str) -> None:
    """An executor that slept over the end of its lease has lost it, even if nobody else came."""
    stores.seconds += 61

    assert not store.renew_lease(token, 60)
    assert intend(store, token).status is ClaimStatus.LEASE_LOST


def test_a_lease_is_at_work_until_it_ends_or_is_given_back(stores: Stores, store: Store, token: str) -> None:
    """Whether an execution is at work can be told from its lease, which ends with it or by the clock."""
    other = lease(store, "second", seconds=30)
    start = datetime.fromtimestamp(stores.seconds, UTC)
    assert store.live_leases(start) == {token, other}
    assert store.live_leases(start + timedelta(seconds=30)) == {token}
    assert store.finish_plan(token, state="finished", sent=0, failed=0, uncertain=0)
    assert store.live_leases(start) == {other}


def test_a_finished_plan_is_never_executed_again(stores: Stores, store: Store, token: str) -> None:
    """A finished plan is refused for ever, with what it sent."""
    assert store.finish_plan(token, state="finished", sent=3, failed=1, uncertain=0)
    assert not store.finish_plan(token, state="finished", sent=3, failed=1, uncertain=0)
    stores.seconds += 10**6

    refused = store.start_plan(plan(), "host-2", 60)
    assert isinstance(refused, PlanRecord)
    assert (refused.state, refused.sent, refused.failed, refused.lease_until) == ("finished", 3, 1, None)


def test_an_interrupted_plan_is_continued_at_once(store: Store, token: str) -> None:
    """A plan that was interrupted in order may be continued without waiting, and its counts add up."""
    left = LeftOpen("stopped", "stopped by a person", 7, ("E1/reminder", "E2/reminder"))
    store.finish_plan(
        token, state="interrupted", sent=3, failed=0, uncertain=1, left_open=[left], copies_refused=["no"]
    )
    [record] = store.plan_records()
    assert (record.open, record.copies_refused) == ((left,), ("no",))

    again = store.start_plan(plan(), "host-2", 60)
    assert isinstance(again, str)
    store.finish_plan(again, state="finished", sent=2, failed=1, uncertain=0)

    [record] = store.plan_records()
    assert (record.state, record.sent, record.failed, record.uncertain) == ("finished", 5, 1, 1)
    assert (record.open, record.copies_refused) == ((), ())


def test_continuing_a_plan_keeps_what_its_predecessor_left(stores: Stores, store: Store, token: str) -> None:
    """Whoever continues a plan first makes the predecessor's message in flight uncertain, with its own waiting time."""
    intend(store, token)
    stores.seconds += 120
    lease(store)

    record = store.histories(["E1"])["E1"].records[KEY]
    assert record.state is State.UNCERTAIN
    assert record.repeat_from is not None
    assert record.repeat_from.timestamp() == stores.seconds - 60 + 600


def test_plans_are_kept_whole(stores: Stores, store: Store, token: str) -> None:
    """An executed plan can be read back as it was; the latest come first."""
    stores.seconds += 1
    lease(store, "second")

    assert store.plan(plan().id) == plan()
    assert store.plan("unknown") is None
    assert [each.id for each in store.plan_records()] == [plan("second").id, plan().id]
    assert len(store.plan_records(1)) == 1


def test_what_left_on_a_day_is_found(store: Store, stores: Stores) -> None:
    """The messages that went out between two moments, the latest first and counted by rule; the end is not included."""
    put(store, order("E1"), order("E2"), order("E3"))
    store.move("E1", KEY, State.SENT, at=NOW)
    store.move("E2", KEY, State.SENT, at=NOW + timedelta(hours=1))
    store.move("E2", STEP, State.SENT, at=NOW + timedelta(hours=2))
    store.move("E3", KEY, State.SENT, at=NOW + timedelta(hours=3))
    store.move("E3", STEP, State.DROPPED, at=NOW)
    end = NOW + timedelta(hours=3)
    for reader in (store, stores.reader()):
        assert [(each.order, each.rule) for each in reader.sent(NOW, end, 10)] == [
            ("E2", STEP[0]),
            ("E2", KEY[0]),
            ("E1", KEY[0]),
        ]
        assert [each.order for each in reader.sent(NOW, end, 1)] == ["E2"]
        assert reader.sent_by_rule(NOW, end) == {STEP[0]: 1, KEY[0]: 2}
        assert reader.sent_by_rule(end + timedelta(days=1), end + timedelta(days=2)) == {}


def test_approvals_and_acts_are_kept(store: Store, stores: Stores) -> None:
    """What people approved and changed by hand is there for whoever looks, the latest first."""
    first = Approval("p1", "d1", frozenset({"E1/rule", "Ä/rule"}), NOW, "Mia")
    second = Approval("p2", "d2", frozenset(), NOW + timedelta(hours=1), "Eve")
    store.approve(first)
    store.approve(second)
    store.note_act(Act(NOW, "Mia", "pause", "dunning"))
    store.note_act(Act(NOW, "Mia", "resolve", "E1/rule", "drop"))
    for reader in (store, stores.reader()):
        assert reader.approvals(NOW) == (second, first)
        assert reader.approvals(NOW + timedelta(minutes=1)) == (second,)
        assert [each.act for each in reader.acts(10)] == ["resolve", "pause"]
        assert [each.detail for each in reader.acts(1)] == ["drop"]
