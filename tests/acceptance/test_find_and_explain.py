"""Support knows a name, a number or an address: `find` and `explain` lead from there to what each rule says."""

from __future__ import annotations

import pytest
from projects import Project

NOW = ("--now", "2026-03-08 09:00")
ORDERS = """\
id,account,number,email,name,country,postcode,street,items,total,ordered,paid
E1,shop-de,2026/17,eva@example.com,Eva Hartmann,DE,50667,Domstr. 1,1,20.00,2026-03-01,
E2,shop-de,2026/18,eva@example.com,Eva Hartmann,DE,50667,Domstr. 1,1,20.00,2026-02-01,2026-02-02
E3,shop-de,2026/19,x@example.org,Max Hart,FR,69002,Rue 1,1,20.00,2026-03-20,
"""


@pytest.fixture
def filled(shop: Project) -> Project:
    shop.write("orders.csv", ORDERS)
    assert shop("import", str(shop.path("orders.csv"))).code == 0
    return shop


def test_find_tells_what_each_rule_says(filled: Project) -> None:
    """Each order that is found has a line for every rule, and no address can be read off the screen."""
    told = filled("find", "hartmann", *NOW)
    assert told.code == 0
    assert "E1, number 2026/17, Eva Hartmann, e…@example.com, account shop-de, ordered 2026-03-01\n" in told.out
    rules = [line.split()[:2] for line in told.out.splitlines() if line.startswith("  ")]
    assert ["dunning/payment-reminder", "send"] in rules
    assert len(rules) == 2 * 5
    assert "eva@example.com" not in told.out
    assert "eva@example.com" in filled("find", "hartmann", "--show-addresses", *NOW).out


def test_find_says_the_same_as_explain(filled: Project) -> None:
    """The reasons in the list are those of the explanation."""
    found = filled("find", "2026/17", *NOW, "--format", "json").json
    explained = filled("explain", "2026/17", *NOW, "--format", "json").json
    assert [each["order"] for each in found["orders"]] == [explained["order"]] == ["E1"]
    reasons = [(each["rule"], each["reason"], each["why"]) for each in found["orders"][0]["decisions"]]
    assert reasons == [(each["rule"], each["reason"], each["why"]) for each in explained["decisions"]]


def test_a_long_list_is_cut(filled: Project) -> None:
    """More orders than asked for are told of, not shown."""
    told = filled("find", "2026/", "--limit", "1", *NOW)
    assert told.out.startswith("E1, ")
    assert "E2, " not in told.out
    assert "and more" in told.err
    assert filled("find", "2026/", "--limit", "1", *NOW, "--format", "json").json["more"] is True


def test_nothing_is_found(filled: Project) -> None:
    """A search without a result is said to be one."""
    assert filled("find", "nobody", *NOW).out == "no order is found by `nobody`\n"


@pytest.mark.parametrize("name", ["E1", "2026/17"])
def test_explain_begins_with_a_line_a_rule(filled: Project, name: str) -> None:
    """By id or number: first what each rule says, then why, and each condition only once."""
    told = filled("explain", name, *NOW).out
    head, _, rest = told.partition("\n\n")
    assert head.splitlines()[0].startswith("Order E1, account shop-de")
    assert [line.split()[0].partition("/")[0] for line in head.splitlines()[1:]] == [
        line.partition(":")[0].partition("/")[0] for line in rest.split("\n") if line[:1].isalpha()
    ]
    assert rest.count("    not cancelled and not returned = true\n") <= 1


def test_explain_by_address_lists_the_buyers_orders(filled: Project) -> None:
    """A buyer with several orders: each with its line a rule, and how to see more."""
    told = filled("explain", "EVA@example.com", *NOW)
    assert told.code == 0
    assert [line[:2] for line in told.out.splitlines() if line.startswith("E")] == ["E1", "E2"]
    assert "2 orders are `EVA@example.com`: name one by its id to see why" in told.out
    explained = filled("explain", "EVA@example.com", *NOW, "--format", "json").json["orders"]
    assert [each["order"] for each in explained] == ["E1", "E2"]


def test_explain_suggests_what_is_near(filled: Project) -> None:
    """A part of a number names no order, but leads to those that have it."""
    told = filled("explain", "2026/1", *NOW)
    assert told.code == 2
    assert "there is no order `2026/1` in the store" in told.err
    assert "did you mean `E1`, `E2`, `E3`?" in told.err


def test_an_order_of_tomorrow(filled: Project) -> None:
    """What was not placed yet at the time asked for is not found, and explained as that."""
    assert "no order is found" in filled("find", "Max", *NOW).out
    told = filled("explain", "2026/19", *NOW)
    assert told.code == 2
    assert "it was not placed yet at this time" in told.err
