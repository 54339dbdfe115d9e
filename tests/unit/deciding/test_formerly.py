"""Rules that are renamed, merged, split, or made into ladders and back: nobody is mailed again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from small_projects import loaded, write_project

from sendplan.deciding.decide import decide
from sendplan.deciding.decision import Decision, Situation
from sendplan.deciding.facts import facts_of
from sendplan.ledger import History, Record, State

NOON = datetime(2026, 8, 24, 10, tzinfo=UTC)
SENT_AT = NOON - timedelta(days=30)


def plain(id_: str, formerly: str = "[]") -> str:
    """A rule with one message."""
    return f"{{id: {id_}, title: T, trigger: not cancelled, due: ordered, template: mail, formerly: {formerly}}}"


def ladder(id_: str, formerly: str, *steps: str) -> str:
    """A ladder; a step is an id, or its keys."""
    written = ", ".join(f"{{id: {each}, template: mail}}" for each in steps)
    return (
        f"{{id: {id_}, title: T, trigger: not cancelled, due: ordered, formerly: {formerly},"
        f" ladder: {{every: 7 days, steps: [{written}]}}}}"
    )


def decided(folder: Path, rule: str, rows: Mapping[str, State], *, others: tuple[str, ...] = ()) -> Decision:
    """The first rule's decision on an order with these ledger rows, a day apart."""
    project = loaded(write_project(folder, "rules:\n" + "".join(f"  - {each}\n" for each in (rule, *others))))
    chosen = next(each for each in project.rules if f"id: {each.id}," in rule)
    facts = facts_of(
        {"id": "A", "account": "web", "email": "b@example.com", "country": "DE", "ordered": date(2026, 7, 1)},
        project.settings,
        version=1,
        hide_after=None,
    )
    assert facts is not None
    records = {}
    for number, (name, state) in enumerate(rows.items()):
        key = (name.partition("/")[0], name.partition("/")[2])
        records[key] = Record(*key, "A", state, SENT_AT + timedelta(days=number))
    return decide(chosen, project.settings, Situation(NOON, facts, History(records)))


@pytest.mark.parametrize(
    ("rule", "sent", "expected"),
    [
        # renamed
        (plain("hello", "[welcome]"), ["welcome"], "already_sent"),
        (ladder("dunning", "[reminders]", "a", "b"), ["reminders/a"], "send b"),
        (ladder("dunning", "[reminders]", "a", "b"), ["reminders/a", "reminders/b"], "already_sent"),
        (ladder("dunning", "[]", "a, formerly: [hint]", "b"), ["dunning/hint"], "send b"),
        (ladder("dunning", "[reminders]", "a, formerly: [hint]", "b"), ["reminders/hint"], "send b"),
        # a rule becomes a ladder
        (ladder("dunning", "[payment-reminder]", "payment-reminder", "first"), ["payment-reminder"], "send first"),
        (ladder("dunning", "[payment-reminder]", "a", "first"), ["payment-reminder"], "send first"),
        (ladder("dunning", "[first]", "a", "first"), ["first"], "already_sent"),
        (ladder("dunning", "[]", "a", "b"), ["dunning"], "send b"),
        (ladder("dunning", "[]", "a", "b, formerly: [payment-reminder/]"), ["payment-reminder"], "already_sent"),
        (ladder("dunning", "[payment-reminder/]", "a", "b"), ["payment-reminder"], "send b"),
        # a ladder becomes a rule
        (plain("reminder", "[dunning]"), ["dunning/b"], "already_sent"),
        (plain("dunning"), ["dunning/b"], "already_sent"),
        (plain("reminder", "[dunning/a]"), ["dunning/b"], "send"),
        (plain("reminder", "[dunning/a]"), ["dunning/a"], "already_sent"),
        # two rules are merged
        (plain("hello", "[welcome, greeting]"), ["greeting"], "already_sent"),
        (
            ladder("dunning", "[]", "a, formerly: [payment-reminder/]", "b, formerly: [last-warning/]"),
            ["last-warning"],
            "already_sent",
        ),
        (ladder("dunning", "[]", "a, formerly: [old/x, older/y]", "b"), ["older/y"], "send b"),
        # moved between rules
        (ladder("dunning", "[]", "a", "b, formerly: [warnings/last]"), ["warnings/last"], "already_sent"),
        (ladder("dunning", "[warnings/b]", "a", "b"), ["warnings/b"], "already_sent"),
        # what was never sent is sent
        (plain("hello", "[welcome]"), [], "send"),
        (plain("hello", "[welcome/a]"), ["welcome"], "send"),
        (ladder("dunning", "[reminders]", "a", "b"), ["other/a"], "send a"),
    ],
)
def test_nobody_is_mailed_again(tmp_path: Path, rule: str, sent: list[str], expected: str) -> None:
    """What was sent under earlier names counts as what `formerly` says it is."""
    decision = decided(tmp_path, rule, dict.fromkeys(sent, State.SENT))
    assert f"{decision.reason} {decision.key[1]}".strip() == expected or decision.reason.value == expected


def test_several_rules_may_claim_one_earlier_message(tmp_path: Path) -> None:
    """A rule that is split in two stays silent in both halves for whoever had its mail."""
    halves = (plain("home", "[welcome]"), plain("abroad", "[welcome]"))
    for number in range(2):
        mine, other = halves[number], halves[1 - number]
        assert decided(tmp_path, mine, {"welcome": State.SENT}, others=(other,)).reason.value == "already_sent"


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ({"welcome": State.DROPPED, "greeting": State.SENT}, "already_sent"),
        ({"welcome": State.DEFERRED, "greeting": State.UNCERTAIN}, "unresolved"),
        ({"welcome": State.DROPPED, "greeting": State.SENDING}, "in_flight"),
        ({"welcome": State.FAILED}, "unresolved"),
        ({"greeting": State.DROPPED}, "already_sent"),
    ],
)
def test_what_may_have_left_speaks_first(tmp_path: Path, rows: Mapping[str, State], reason: str) -> None:
    """Of several earlier messages the one that was sent decides, then one that may have been sent."""
    assert decided(tmp_path, plain("hello", "[welcome, greeting]"), rows).reason.value == reason


def test_what_was_sent_last_is_what_a_ladder_counts_from(tmp_path: Path) -> None:
    """A step that continues two messages counts from the later of them."""
    rows = {"one": State.SENT, "two": State.SENT}
    decision = decided(tmp_path, ladder("dunning", "[]", "a, formerly: [two/, one/]", "b"), rows)
    assert decision.due == (SENT_AT + timedelta(days=8)).date()
