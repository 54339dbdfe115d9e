# ruff: noqa: E501 - tables read best with one case a line
"""One named reason for every order and rule: each at least once, and which of two comes first (docs/language.md#reasons)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from small_projects import loaded, write_project

from sendplan.deciding.decide import decide
from sendplan.deciding.decision import Decision, Situation
from sendplan.deciding.facts import facts_of
from sendplan.expressions import Expression
from sendplan.ledger import History, MessageKey, Overrides, Record, Standing, State
from sendplan.plan import Reason
from sendplan.planning.planner import Clock, decide_order
from sendplan.project.project import Project
from sendplan.store.records import StoredOrder

SETTINGS = """\
shop: {name: MeinShop, timezone: Europe/Berlin, country: DE}
store: sqlite:///var/shop.db
params: {big: 100}
senders:
  main: {from: MeinShop <shop@example.com>, host: smtp.example.com}
  office: {from: MeinShop <office@example.com>, host: smtp.example.org}
accounts:
  web: {portal: shop}
  b2b: {portal: shop, sender: office, skip: [everything]}
regions:
  island:
    - {country: DE, postcode: "25980-25999"}
  domestic:
    - {country: DE}
  swiss:
    - {country: CH}
classes:
  marketing: {requires: consent}
windows:
  office-hours: {days: mon-fri, hours: 08:00-18:00}
  never: {cron: "* * 30 2 *"}
holds:
  parked: {when: parked, reason: Parked orders wait for a person}
  dear: {when: total > params.big, reason: Dear orders are looked at}
fresh_within: {paid: 36 hours}
"""
RULES = """\
rules:
  - {id: thanks, title: Thanks, trigger: not cancelled, due: shipped + 7 days, template: mail}
  - id: everything
    title: A rule with all there is
    trigger: not paid and items < 10
    due: shipped + 7 days
    regions: [island, domestic]
    class: marketing
    template: mail
    window: office-hours
    expires: 14 days
    lookback: 3 months
    orders_from: 2026-07-01
    formerly: [all]
  - {id: off, title: Off, enabled: false, trigger: not cancelled, due: ordered, template: mail}
  - {id: shut, title: Shut, trigger: not cancelled, due: ordered, template: mail, window: never}
  - {id: offers, title: Offers, trigger: not cancelled, due: ordered, template: mail, class: marketing}
  - {id: hours, title: Hours, trigger: not cancelled, due: ordered + 2 hours, template: mail, expires: 3 hours}
  - id: dunning
    title: Dunning
    trigger: open_amount >= 1.00 and not cancelled
    due: payment_due + 7 days
    ladder:
      every: 7 days
      steps:
        - {id: reminder, template: mail, formerly: [hint]}
        - {id: first, template: mail, trigger: items > 1}
        - {id: second, template: mail, after: 2 business days, regions: [domestic]}
    lookback: 3 months
  - {id: reader, title: Reader, trigger: not cancelled, due: 'max(ordered, sent("thanks") if set) + 2 days', template: mail}
  - {id: follower, title: Follower, trigger: not cancelled, due: 'sent("dunning/reminder") + 1 day', template: mail}
  - {id: silent, title: Silent, trigger: 'not sent("thanks")', due: ordered, template: mail}
"""
ORDER: Mapping[str, Any] = {
    "email": "b@example.com",
    "country": "DE",
    "postcode": "50667",
    "items": 2,
    "total": Decimal("20.00"),
    "consent": True,
    "ordered": date(2026, 8, 10),
    "shipped": date(2026, 8, 13),
}
NOON = datetime(2026, 8, 24, 10, tzinfo=UTC)
"""Monday noon in Berlin."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A shop whose rules show every reason."""
    return loaded(write_project(tmp_path_factory.mktemp("shop"), RULES, settings=SETTINGS))


class Desk:
    """Decides one rule for one order."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def __call__(
        self,
        rule: str,
        *,
        now: str | datetime = NOON,
        sent: Mapping[str, str] | None = None,
        records: tuple[Record, ...] = (),
        imported: str | None = "2026-08-24T11:00",
        overrides: Overrides = Overrides(),  # noqa: B008 - it is frozen
        account: str = "web",
        without: tuple[str, ...] = (),
        **changes: Any,
    ) -> Decision:
        """`sent` maps keys such as `dunning/reminder` to local times; `without` names fields that are missing."""
        calendar = self.project.settings.calendar
        instant = calendar.parse(now) if isinstance(now, str) else now
        assert instant is not None
        given = {"id": "E1", "account": account, **ORDER, **changes}
        stored = {name: value for name, value in given.items() if name not in without}
        facts = facts_of(stored, self.project.settings, version=1, hide_after=None)
        assert facts is not None
        rows = {
            _key(key): Record(*_key(key), "E1", State.SENT, _at(calendar.parse(at))) for key, at in (sent or {}).items()
        }
        rows |= {(record.rule, record.step): record for record in records}
        came = {"paid": _at(calendar.parse(imported))} if imported else {}
        chosen = next(each for each in self.project.rules_for(account) if each.id == rule)
        return decide(chosen, self.project.settings, Situation(instant, facts, History(rows), came, overrides))

    def reasons(
        self, *rules: str, records: tuple[Record, ...] = (), recheck: bool = False, **changes: Any
    ) -> list[str]:
        """The reasons of several rules, decided after each other as a plan does."""
        values = {"id": "E1", "account": "web", **ORDER, **changes}
        history = History({(record.rule, record.step): record for record in records})
        imported = {"web": {"paid": NOON}}
        order = StoredOrder("E1", "web", 1, {name: each for name, each in values.items() if each is not None})
        decided = decide_order(
            self.project, order, history, Standing(imported), Clock(NOON), rules=rules, recheck=recheck
        )
        assert decided is not None
        found = {decision.rule.id: decision.reason.value for decision in decided.decisions}
        return [found[rule] for rule in rules]


def _at(moment: datetime | None) -> datetime:
    assert moment is not None
    return moment


def _key(text: str) -> MessageKey:
    rule, _, step = text.partition("/")
    return rule, step


def row(key: str, state: State, *, at: datetime = NOON - timedelta(days=1), retry: datetime | None = None) -> Record:
    """A ledger row of the order."""
    return Record(*_key(key), "E1", state, at, attempts=2, next_attempt=retry)


def deferred(key: str, *, hours: int) -> Record:
    """A row of a message that the server deferred for so long."""
    return row(key, State.DEFERRED, retry=NOON + timedelta(hours=hours))


def paused(*names: str) -> Overrides:
    """Somebody paused these."""
    return Overrides(paused=frozenset(names))


def suppressed(address: str, *classes: str) -> Overrides:
    """An address that gets no mail, or none of some classes."""
    return Overrides(suppressed={address: dict.fromkeys(classes or ("",), "")})


@pytest.fixture(scope="module")
def desk(project: Project) -> Desk:
    """The one who decides."""
    return Desk(project)


def says(decision: Decision) -> tuple[str, str]:
    return decision.reason.value, decision.why


# --- each reason ---


def test_send(desk: Desk) -> None:
    """Due, and nothing against it."""
    decision = desk("everything")
    assert says(decision) == ("send", "due 2026-08-20: shipped + 7 days")
    assert (decision.due, decision.send_at, decision.region) == (date(2026, 8, 20), NOON, "domestic")
    assert decision.facts == {
        "consent": True,
        "country": "DE",
        "items": 2,
        "ordered": date(2026, 8, 10),
        "paid": None,
        "parked": False,
        "postcode": "50667",
        "shipped": date(2026, 8, 13),
        "total": Decimal("20.00"),
    }


@pytest.mark.parametrize(
    ("rule", "changes", "reason", "why"),
    [
        ("thanks", {"account": "old"}, "error", "account `old` is not in sendplan.yaml"),
        ("everything", {"account": "b2b"}, "account_skips_rule", "account b2b skips this rule"),
        ("off", {}, "disabled", "the rule is switched off"),
        ("thanks", {"sent": {"thanks": "2026-08-21T09:00"}}, "already_sent", "sent on 2026-08-21"),
        ("thanks", {"records": (row("thanks", State.DROPPED),)}, "already_sent", "a person dropped this message"),
        ("thanks", {"records": (row("thanks", State.SENDING),)}, "in_flight", "the message is being sent right now"),
        ("thanks", {"records": (row("thanks", State.FAILED),)}, "unresolved", "the message failed and waits for `sendplan resolve`"),
        ("thanks", {"records": (row("thanks", State.UNCERTAIN),)}, "unresolved", "the message has an unknown outcome and waits for `sendplan resolve`"),
        ("dunning", {"records": (row("dunning/reminder", State.DROPPED),)}, "predecessor_unsent", "the earlier step reminder was dropped"),
        ("everything", {"ordered": date(2026, 6, 30)}, "before_start", "ordered on 2026-06-30, the rule begins with orders from 2026-07-01"),
        ("everything", {"ordered": date(2026, 7, 1), "shipped": date(2026, 7, 1), "now": "2026-10-02T12:00"}, "too_old", "ordered on 2026-07-01, the rule looks back 3 months to 2026-07-02"),
        ("everything", {"items": 10}, "trigger_false", "`items < 10` is not true"),
        ("everything", {"without": ("items",)}, "trigger_unknown", "`items` is missing"),
        ("everything", {"country": "CH"}, "region_excluded", "swiss is not among domestic, island"),
        ("everything", {"country": "US"}, "region_excluded", "no region matches this address"),
        ("everything", {"without": ("country",)}, "region_excluded", "the region is unknown: `country` is missing"),
        ("everything", {"without": ("postcode",)}, "region_excluded", "the region is unknown: `postcode` is missing"),
        ("everything", {"consent": False}, "class_blocked", "class marketing requires `consent`"),
        ("thanks", {"overrides": suppressed("b@example.com")}, "suppressed", "the address is on the suppression list"),
        ("thanks", {"without": ("email",)}, "no_address", "`email` is missing"),
        ("thanks", {"email": "b@@example.com"}, "no_address", "`email` is not a valid address"),
        ("thanks", {"without": ("shipped",)}, "waiting", "the due date waits for `shipped`"),
        ("thanks", {"shipped": date(2026, 8, 18)}, "not_due", "due 2026-08-25"),
        ("everything", {"shipped": date(2026, 8, 3)}, "expired", "it expired 2026-08-24T00:00:00+02:00, 14 days after it was due"),
        ("thanks", {"parked": True}, "held", "Parked orders wait for a person"),
        ("thanks", {"without": ("total",)}, "held", "Dear orders are looked at (unknown: total is missing)"),
        ("thanks", {"overrides": paused("thanks")}, "paused", "the rule thanks is paused until `sendplan resume`"),
        ("thanks", {"overrides": paused("main")}, "paused", "the sender main is paused until `sendplan resume`"),
        ("thanks", {"overrides": paused("*")}, "paused", "everything is paused until `sendplan resume`"),
        ("everything", {"imported": "2026-08-22T23:59"}, "stale_data", "`paid` was last imported 2026-08-22T23:59:00+02:00, more than 36 hours ago"),
        ("everything", {"imported": None}, "stale_data", "`paid` was never imported for this account"),
        ("thanks", {"records": (deferred("thanks", hours=1),)}, "retry_later", "the server said later; next attempt 2026-08-24T13:00:00+02:00"),
        ("everything", {"now": "2026-08-22T12:00"}, "outside_window", "window office-hours opens 2026-08-24T08:00:00+02:00"),
        ("shut", {}, "outside_window", "window never never opens again"),
    ],
)  # fmt: skip
def test_reasons(desk: Desk, rule: str, changes: dict[str, Any], reason: str, why: str) -> None:
    """Each reason comes with one sentence for a person."""
    assert says(desk(rule, **changes)) == (reason, why)


def test_a_date_beyond_the_calendar(desk: Desk) -> None:
    """An order whose dates cannot be added to is in error, and the others go on."""
    assert desk("thanks", shipped=date(9999, 12, 30)).reason is Reason.ERROR


# --- which comes first ---

LADDER_OF_REASONS: list[tuple[str, dict[str, Any]]] = [
    ("account_skips_rule", {"account": "b2b"}),
    ("already_sent", {"records": (row("everything", State.SENT),)}),
    ("before_start", {"ordered": date(2026, 5, 1)}),
    ("trigger_false", {"items": 12}),
    ("region_excluded", {"country": "CH"}),
    ("class_blocked", {"consent": False}),
    ("suppressed", {"overrides": Overrides(suppressed={"b@@example.com": {"": ""}}, paused=frozenset({"*"}))}),
    ("no_address", {"email": "b@@example.com"}),
    ("waiting", {"without": ("shipped",)}),
    ("held", {"parked": True}),
    ("paused", {"overrides": paused("*")}),
    ("stale_data", {"imported": None}),
    ("outside_window", {"now": "2026-08-23T12:00"}),
]
"""Reasons of one rule in the order of the closed list, each with what brings it about beside all the later ones."""


@pytest.mark.parametrize("first", range(len(LADDER_OF_REASONS)))
def test_the_first_that_applies_wins(desk: Desk, first: int) -> None:
    """With everything from one reason on against a message, that reason is named."""
    changes: dict[str, Any] = {}
    for _, each in reversed(LADDER_OF_REASONS[first:]):
        changes |= each
    assert desk("everything", **changes).reason == LADDER_OF_REASONS[first][0]


def test_the_sample_keeps_the_order_of_the_list() -> None:
    """The reasons above stand in the order of the closed list."""
    order = list(Reason)
    positions = [order.index(Reason(reason)) for reason, _ in LADDER_OF_REASONS]
    assert all(before < after for before, after in pairwise(positions))


@pytest.mark.parametrize(
    ("rule", "changes", "reason"),
    [
        ("thanks", {"account": "old", "sent": {"thanks": "2026-08-21"}}, "error"),
        ("off", {"sent": {"off": "2026-08-21"}}, "disabled"),
        ("everything", {"ordered": date(2026, 6, 30), "now": "2026-12-01"}, "before_start"),
        ("everything", {"ordered": date(2026, 7, 1), "now": "2026-12-01", "items": 12}, "too_old"),
        ("everything", {"paid": date(2026, 8, 20), "without": ("items",)}, "trigger_false"),
        ("everything", {"without": ("items", "country")}, "trigger_unknown"),
        ("hours", {"ordered": datetime(2026, 8, 24, 9, tzinfo=UTC), "parked": True}, "not_due"),
        ("hours", {"ordered": datetime(2026, 8, 24, 5, tzinfo=UTC), "parked": True}, "expired"),
        ("thanks", {"parked": True, "records": (deferred("thanks", hours=24),)}, "held"),
        ("everything", {"now": "2026-08-23T12:00", "imported": "2026-08-23", "records": (deferred("everything", hours=0),)}, "retry_later"),
    ],
)  # fmt: skip
def test_neighbours(desk: Desk, rule: str, changes: dict[str, Any], reason: str) -> None:
    """Of two reasons that apply, the earlier of the list is named."""
    assert desk(rule, **changes).reason == reason


# --- dates and windows ---


def test_due_counts_from_local_midnight(desk: Desk) -> None:
    """A date is due when its day begins in the shop's zone, not a minute earlier."""
    assert desk("thanks", now="2026-08-19T23:59:59").reason is Reason.NOT_DUE
    assert desk("thanks", now="2026-08-20T00:00").reason is Reason.SEND


def test_expiry_ends_at_its_moment(desk: Desk) -> None:
    """A message may go out while now is before due + expires."""
    ordered = datetime(2026, 8, 24, 4, tzinfo=UTC)
    limit = ordered + timedelta(hours=5)
    assert desk("hours", ordered=ordered, now=limit - timedelta(seconds=1)).reason is Reason.SEND
    assert desk("hours", ordered=ordered, now=limit).reason is Reason.EXPIRED


def test_expired_when_the_window_opens_too_late(desk: Desk) -> None:
    """What would have expired by the time its window opens has no use to wait."""
    decision = desk("everything", shipped=date(2026, 8, 2), now="2026-08-22T12:00")
    assert says(decision) == ("expired", "it expires 2026-08-23T00:00:00+02:00, before window office-hours opens")


def test_expired_before_the_next_attempt(desk: Desk) -> None:
    """What would have expired by its next attempt is expired."""
    retry = NOON + timedelta(hours=4)
    ordered = datetime(2026, 8, 24, 7, tzinfo=UTC)
    decision = desk("hours", ordered=ordered, records=(row("hours", State.DEFERRED, retry=retry),))
    assert says(decision) == ("expired", "it expires 2026-08-24T14:00:00+02:00, before the next attempt")


def test_send_at(desk: Desk) -> None:
    """Later messages say when; held ones do not."""
    retry = NOON + timedelta(hours=1)
    assert desk("everything", now="2026-08-22T12:00").send_at == datetime(2026, 8, 24, 6, tzinfo=UTC)
    assert desk("thanks", records=(row("thanks", State.DEFERRED, retry=retry),)).send_at == retry
    assert desk("thanks", parked=True).send_at is None
    assert desk("shut").send_at is None


def test_an_attempt_that_is_due_again(desk: Desk) -> None:
    """A deferred message is sent from its next attempt on."""
    assert desk("thanks", records=(deferred("thanks", hours=0),)).reason is Reason.SEND


@pytest.mark.parametrize(
    ("ordered", "reason"),
    [(date(2026, 5, 23), "too_old"), (date(2026, 5, 24), "send"), (datetime(2026, 5, 23, 22, 30, tzinfo=UTC), "send")],
)
def test_lookback_counts_days(desk: Desk, ordered: date, reason: str) -> None:
    """A rule may begin for orders of the day three months ago, in the shop's zone, and of every later one."""
    assert desk("dunning", ordered=ordered).reason == reason


def test_orders_from_includes_its_day(desk: Desk) -> None:
    """The rule begins with the orders of that very day."""
    assert desk("everything", ordered=date(2026, 7, 1)).reason is Reason.SEND


# --- regions, classes, addresses ---


def test_an_unknown_region_passes_all(desk: Desk) -> None:
    """A rule for all regions does not ask where the order goes."""
    assert desk("thanks", without=("country", "postcode")).reason is Reason.SEND
    assert desk("thanks", country="US").reason is Reason.SEND


def test_class_condition_must_be_true(desk: Desk) -> None:
    """Advertising without consent does not leave, whatever the rule says."""
    assert desk("offers").reason is Reason.SEND
    assert desk("offers", without=("consent",)).reason is Reason.CLASS_BLOCKED


@pytest.mark.parametrize("email", ["B@B\u00fccher.example", "b@xn--bcher-kva.example", "b@bu\u0308cher.example"])
def test_suppression_is_of_a_mailbox(desk: Desk, email: str) -> None:
    """An address is suppressed however the buyer wrote it."""
    overrides = suppressed("b@b\u00fccher.example")
    assert desk("thanks", email=email, overrides=overrides).reason is Reason.SUPPRESSED


def test_pauses_of_others_do_not_count(desk: Desk) -> None:
    """Another rule's or sender's pause leaves this one alone."""
    assert desk("thanks", overrides=paused("dunning", "office")).reason is Reason.SEND


# --- freshness ---


@pytest.mark.parametrize(("imported", "reason"), [("2026-08-23T00:00", "send"), ("2026-08-22T23:59:59", "stale_data")])
def test_fresh_until_its_limit(desk: Desk, imported: str, reason: str) -> None:
    """Data is fresh up to the very limit: 36 hours before noon."""
    assert desk("everything", imported=imported).reason == reason


def test_derived_fields_read_what_they_are_made_of(desk: Desk) -> None:
    """A rule about the open amount depends on fresh payments."""
    assert desk("dunning", imported=None).reason is Reason.STALE_DATA
    assert desk("thanks", imported=None).reason is Reason.SEND


# --- ladders ---


def test_the_first_step_is_due_at_due(desk: Desk) -> None:
    """The ladder begins with its first step."""
    decision = desk("dunning")
    assert decision.step is not None
    assert (decision.key, decision.step.id, decision.due) == (("dunning", "reminder"), "reminder", date(2026, 8, 17))


def test_later_steps_count_from_the_day_the_previous_one_went_out(desk: Desk) -> None:
    """Seven days after the day of the reminder, however late that was, so that downtime never makes a burst."""
    late = {"dunning/reminder": "2026-08-17T23:30"}
    assert desk("dunning", sent=late, now="2026-08-23T23:59").reason is Reason.NOT_DUE
    decision = desk("dunning", sent=late, now="2026-08-24T00:00")
    assert (decision.key, decision.reason, decision.due) == (("dunning", "first"), Reason.SEND, date(2026, 8, 24))


def test_a_step_may_have_its_own_distance(desk: Desk) -> None:
    """`after` replaces `every`: two business days after a Friday are a Tuesday."""
    sent = {"dunning/reminder": "2026-08-10", "dunning/first": "2026-08-21T15:00"}
    assert desk("dunning", sent=sent).due == date(2026, 8, 25)


def test_the_next_step_follows_the_furthest_sent(desk: Desk) -> None:
    """A step that was sent by hand moves the ladder on, also when the earlier ones never left."""
    assert desk("dunning", sent={"dunning/first": "2026-08-21T15:00"}).key == ("dunning", "second")


def test_a_finished_ladder_was_sent(desk: Desk) -> None:
    """After the last step there is nothing left."""
    sent = {"dunning/reminder": "2026-08-01", "dunning/first": "2026-08-08", "dunning/second": "2026-08-12"}
    assert says(desk("dunning", sent=sent)) == ("already_sent", "sent on 2026-08-12")


def test_a_step_shut_out_stops_the_ladder(desk: Desk) -> None:
    """A step that is off for this order is never skipped."""
    sent = {"dunning/reminder": "2026-08-10"}
    assert says(desk("dunning", sent=sent, items=1)) == ("trigger_false", "`items > 1` is not true")
    both = sent | {"dunning/first": "2026-08-17"}
    assert desk("dunning", sent=both, country="CH").reason is Reason.REGION_EXCLUDED


def test_a_ladder_once_begun_is_finished(desk: Desk) -> None:
    """The lookback decides whether the ladder may begin, not whether it goes on."""
    old = date(2026, 1, 1)
    assert desk("dunning", ordered=old).reason is Reason.TOO_OLD
    assert desk("dunning", ordered=old, sent={"dunning/reminder": "2026-08-10"}).reason is Reason.SEND


@pytest.mark.parametrize("state", [State.FAILED, State.UNCERTAIN, State.SENDING])
def test_a_ladder_waits_while_a_step_is_unresolved(desk: Desk, state: State) -> None:
    """Nobody gets the second dunning before it is known what became of the first."""
    decision = desk("dunning", sent={"dunning/reminder": "2026-08-10"}, records=(row("dunning/first", state),))
    assert decision.reason in (Reason.UNRESOLVED, Reason.IN_FLIGHT)
    assert decision.key == ("dunning", "first")


def test_a_dropped_step_stops_the_ladder(desk: Desk) -> None:
    """What a person dropped is not followed by the next step; with the last one dropped the ladder is at its end."""
    dropped = (row("dunning/first", State.DROPPED),)
    decision = desk("dunning", sent={"dunning/reminder": "2026-08-10"}, records=dropped)
    assert (decision.reason, decision.key) == (Reason.PREDECESSOR_UNSENT, ("dunning", "second"))
    sent = {"dunning/reminder": "2026-08-01", "dunning/first": "2026-08-08"}
    last = desk("dunning", sent=sent, records=(row("dunning/second", State.DROPPED),))
    assert says(last) == ("already_sent", "a person dropped this message")


def test_steps_narrow_and_replace(project: Project) -> None:
    """A step's trigger and regions narrow the rule's, its other keys replace them."""
    rule = project.rule("dunning")
    assert rule is not None
    assert [len(step.triggers) for step in rule.written] == [1, 2, 1]
    assert [step.regions for step in rule.written] == [None, None, frozenset({"domestic"})]
    assert [str(step.after) for step in rule.written] == ["7 days", "7 days", "2 business days"]


# --- formerly ---


@pytest.mark.parametrize("rule", ["everything", "all"])
def test_a_renamed_rule_mails_nobody_again(desk: Desk, rule: str) -> None:
    """What was sent under an earlier id counts."""
    assert desk("everything", sent={rule: "2026-08-21"}).reason is Reason.ALREADY_SENT


def test_a_renamed_step_counts_too(desk: Desk) -> None:
    """The ladder goes on after a step that was sent under its earlier id."""
    decision = desk("dunning", sent={"dunning/hint": "2026-08-17"})
    assert (decision.key, decision.due) == (("dunning", "first"), date(2026, 8, 24))


# --- reading what others sent ---


def test_sent_counts_at_now_within_a_plan(desk: Desk) -> None:
    """What this plan sends counts as sent right now, so its reader is due two days later."""
    assert desk.reasons("thanks", "reader") == ["send", "not_due"]


def test_right_before_a_mail_only_the_ledger_counts(desk: Desk) -> None:
    """A message that the plan meant to send first and that has not gone out yet keeps its reader waiting."""
    assert desk.reasons("thanks", "reader", recheck=True) == ["send", "waiting"]


@pytest.mark.parametrize(
    ("changes", "records", "first"),
    [
        ({"parked": True}, (), "held"),
        ({}, (deferred("thanks", hours=1),), "retry_later"),
        ({}, (row("thanks", State.SENDING),), "in_flight"),
        ({}, (row("thanks", State.UNCERTAIN),), "unresolved"),
    ],
)
def test_a_reader_waits_while_the_message_may_still_leave(
    desk: Desk, changes: dict[str, Any], records: tuple[Record, ...], first: str
) -> None:
    """While a message is held, deferred or in doubt, the rule that reads it waits, even with `if set`."""
    assert desk.reasons("thanks", "reader", records=records, **changes) == [first, "waiting"]


@pytest.mark.parametrize(
    ("changes", "records", "first"),
    [
        ({"shipped": None}, (), "waiting"),
        ({"shipped": date(2026, 8, 22)}, (), "not_due"),
        ({}, (row("thanks", State.FAILED),), "unresolved"),
        ({}, (row("thanks", State.DROPPED),), "already_sent"),
    ],
)
def test_a_reader_goes_on_without_a_message_that_does_not_leave(
    desk: Desk, changes: dict[str, Any], records: tuple[Record, ...], first: str
) -> None:
    """With `if set` a message that is not due, failed or was dropped is left out."""
    assert desk.reasons("thanks", "reader", records=records, **changes) == [first, "send"]


def test_a_reader_without_if_set_waits(desk: Desk) -> None:
    """A rule that follows a message is due after it went out, never before."""
    assert desk.reasons("dunning", "follower", paid=date(2026, 8, 12)) == ["trigger_false", "waiting"]
    sent = (row("dunning/reminder", State.SENT, at=NOON - timedelta(days=1)),)
    assert desk.reasons("follower", records=sent) == ["send"]


def test_a_trigger_may_ask_what_was_sent(desk: Desk) -> None:
    """`not sent(…)` is true until it went out, and waits while it may still leave."""
    assert desk.reasons("thanks", "silent", shipped=None) == ["waiting", "send"]
    assert desk.reasons("thanks", "silent") == ["send", "trigger_false"]
    assert desk.reasons("thanks", "silent", parked=True) == ["held", "waiting"]


# --- the explanation ---


def test_the_checks_are_the_explanation(desk: Desk) -> None:
    """Every question that was asked is kept in its order, the last one being decisive."""
    decision = desk("everything", parked=True)
    assert [(check.reason.value, check.passed) for check in decision.checks] == [
        ("error", True),
        ("already_sent", True),
        ("before_start", True),
        ("too_old", True),
        ("trigger_false", True),
        ("region_excluded", True),
        ("class_blocked", True),
        ("no_address", True),
        ("waiting", True),
        ("not_due", True),
        ("expired", True),
        ("held", False),
    ]
    expression = decision.checks[4].evaluated[0]
    assert (expression.text, decision.traced(expression).value) == ("not paid and items < 10", True)


def test_personal_fields_are_no_facts(desk: Desk) -> None:
    """Name, e-mail and street never enter what a decision records."""
    decision = desk("thanks", name="B", street="Weg 1")
    assert not {"name", "email", "street"} & set(decision.facts)


def test_deciding_is_repeatable(desk: Desk) -> None:
    """The same situation gives the same decision."""
    first, second = desk("everything"), desk("everything")
    assert replace(first, checks=()) == replace(second, checks=())
    assert [(each.reason, each.why) for each in first.checks] == [(each.reason, each.why) for each in second.checks]


def test_a_sentence_that_nobody_reads_is_not_put_together(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Why a message does not leave is worded when somebody asks, and reads the same then."""
    worded = desk("dunning", cancelled=date(2026, 8, 1)).why
    traced: list[str] = []
    monkeypatch.setattr(Expression, "traced", lambda *_: traced.append("traced"))
    decision = desk("dunning", cancelled=date(2026, 8, 1))
    assert not traced
    monkeypatch.undo()
    assert decision.why == decision.checks[-1].why == worded == "`not cancelled` is not true"
