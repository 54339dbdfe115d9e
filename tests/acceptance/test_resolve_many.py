"""A person settles many messages with one word."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from projects import Project

from sendplan.commands.context import load_settings, reader_for, store_for
from sendplan.ledger import State
from sendplan.store.adoption import checked

AT = datetime(2026, 3, 8, tzinfo=UTC)
ORDERS = "id,account,number,email,total,ordered\n" + "".join(
    f"E{number},shop-de,2026/{number},b{number}@example.com,20.00,2026-03-01\n" for number in range(4)
)
FAILED = {
    ("E0", ("first-contact", "")): "main",
    ("E0", ("dunning", "payment-reminder")): "office",
    ("E1", ("first-contact", "")): "office",
    ("E2", ("first-contact", "")): "main",
}


@pytest.fixture
def failed(shop: Project) -> Project:
    """Four messages of two rules, two senders and three orders have failed, one for its address."""
    shop.write("orders.csv", ORDERS)
    assert shop("import", str(shop.path("orders.csv"))).code == 0
    settings = load_settings(shop.folder)
    with store_for(settings) as store, checked(settings, store) as marks:
        for (order, key), sender in FAILED.items():
            store.refuse(order, key, State.FAILED, token="", sender=sender, at=AT, reply="550 5.1.1 unknown")
        marks.rise(store.high_water())
        store.suppress("b1@example.com", at=AT, reason="550 5.1.1 unknown")
    return shop


def states(shop: Project) -> dict[str, str]:
    with reader_for(load_settings(shop.folder)) as reader:
        return {f"{each.order}/{each.rule}": each.state.value for each in reader.records(State)}


@pytest.mark.parametrize(
    ("chosen", "settled"),
    [
        (("E0/first-contact", "E2/first-contact"), {"E0/first-contact", "E2/first-contact"}),
        (("E0",), {"E0/first-contact", "E0/dunning"}),
        (("2026/0", "E1"), {"E0/first-contact", "E0/dunning", "E1/first-contact"}),
        (("b2@example.com",), {"E2/first-contact"}),
        (("--sender", "office"), {"E0/dunning", "E1/first-contact"}),
        (("--rule", "first-contact"), {"E0/first-contact", "E1/first-contact", "E2/first-contact"}),
        (("--rule", "first-contact", "--sender", "main"), {"E0/first-contact", "E2/first-contact"}),
        (("--state", "failed"), {"E0/first-contact", "E0/dunning", "E1/first-contact", "E2/first-contact"}),
        (("--state", "uncertain"), set()),
    ],
)
def test_many_are_settled_at_once(failed: Project, chosen: tuple[str, ...], settled: set[str]) -> None:
    """Messages and orders by name, or all of a sender, a rule or a state; the others stay as they are."""
    told = failed("resolve", *chosen, "drop", "--format", "json")
    assert told.code == 0
    assert {key for key, state in states(failed).items() if state == "dropped"} == settled
    assert {key for key, state in states(failed).items() if state == "failed"} == states(failed).keys() - settled


def test_opening_again_lifts_what_stands_against_it(failed: Project) -> None:
    """A retry takes the refused address off the list of suppressed ones, for all at once."""
    told = failed("resolve", "--rule", "first-contact", "retry")
    assert told.code == 0
    assert told.out.splitlines()[-1] == "3 messages settled"
    assert states(failed) == {"E0/dunning": "failed"}
    with reader_for(load_settings(failed.folder)) as reader:
        assert reader.suppressions() == ()


def test_what_is_not_possible_is_told_and_stops_no_other(failed: Project) -> None:
    """Of several messages those are settled that can be; the rest is named, and the exit code says so."""
    told = failed("resolve", "E0/first-contact", "E3/first-contact", "retry")
    assert told.code == 3
    assert "E0/first-contact may be sent again" in told.out
    assert "1 message settled, 1 not possible" in told.out
    assert "E3/first-contact is not sent: `retry` is not possible" in told.err


def test_an_order_without_anything_to_settle(failed: Project) -> None:
    """An order of which nothing waits is said to be one, and nothing is settled."""
    told = failed("resolve", "E3", "drop")
    assert told.code == 3
    assert "nothing of E3 waits for a person" in told.err


def test_a_refused_row_is_settled_before_messages(failed: Project) -> None:
    """`drop` on an order that a refused row holds lets its mail go on; its messages stay as they are."""
    failed.write("bad.csv", "id,account,total,ordered\nE0,shop-de,much,2026-03-01\nX9,shop-de,much,2026-03-01\n")
    failed("import", str(failed.path("bad.csv")))
    assert failed("resolve", "E0", "drop", "--format", "json").json == {"order": "E0", "outcome": "drop"}
    assert set(states(failed).values()) == {"failed"}
    told = failed("resolve", "E0", "X9", "drop")
    assert told.code == 0
    assert "X9 is no longer held by a refused row" in told.out
    assert states(failed)["E0/dunning"] == "dropped"


def test_wrong_names_settle_nothing(failed: Project) -> None:
    """All names are checked before anything is settled, and all wrong ones are told."""
    told = failed("resolve", "E0/first-contact", "E9", "E0/first-contract", "drop")
    assert told.code == 2
    assert told.err.count("error[unknown-message]") == 2
    assert set(states(failed).values()) == {"failed"}


def test_what_is_gone_is_settled_by_the_name_it_had(failed: Project) -> None:
    """A message whose step or rule is gone by now is settled, and its history told, by the key that `status` shows."""
    text = failed.path("rules/dunning.yaml").read_text(encoding="utf-8")
    failed.write("rules/dunning.yaml", text.replace("payment-reminder", "gentle-reminder"))
    first = failed.path("rules/first-contact.yaml").read_text(encoding="utf-8")
    failed.write("rules/first-contact.yaml", first.replace("id: first-contact\n", "id: hello\n"))
    for path in failed.path("rules").glob("*.yaml"):
        path.write_text(path.read_text(encoding="utf-8").replace('sent("first-contact")', 'sent("hello")'), "utf-8")
    failed.edit("sendplan.yaml", "skip: [first-contact]", "skip: [hello]")
    keys = [each["key"] for each in failed("status", "--format", "json").json["unsettled"]]
    assert {"E0/dunning/payment-reminder", "E1/first-contact"} <= set(keys)
    assert "open → failed" in failed("explain", "--message", "E1/first-contact").out
    assert failed("resolve", *keys, "retry").code == 0
    assert states(failed) == {}
    assert failed("resolve", "E0/dunning/payment-reminder", "drop").code == 2


def test_a_renamed_message_is_settled_by_either_name(failed: Project) -> None:
    """What failed under an earlier name of a rule is opened by the present one, too."""
    failed.edit("rules/first-contact.yaml", "id: first-contact\n", "id: hello\n    formerly: [first-contact]\n")
    for path in failed.path("rules").glob("*.yaml"):
        path.write_text(path.read_text(encoding="utf-8").replace('sent("first-contact")', 'sent("hello")'), "utf-8")
    failed.edit("sendplan.yaml", "skip: [first-contact]", "skip: [hello]")
    assert "E0/first-contact may be sent again" in failed("resolve", "E0/hello", "retry").out
    assert "E1/first-contact may be sent again" in failed("resolve", "E1/first-contact", "retry").out
    assert set(states(failed)) == {"E0/dunning", "E2/first-contact"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("drop",),
        ("E0", "--sender", "main", "drop"),
        ("E0", "maybe"),
        ("--sender", "nobody", "drop"),
        ("--rule", "x", "drop"),
    ],
)
def test_a_choice_must_be_clear(failed: Project, arguments: tuple[str, ...]) -> None:
    """Names or options, known ones, and an outcome at the end."""
    assert failed("resolve", *arguments).code == 2
    assert set(states(failed).values()) == {"failed"}
