"""Which outcomes a condition can have: always true and never true are found, and never alleged."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sendplan.calendar import Calendar
from sendplan.expressions import Environment, Expression, Kind, Missing, Names, ParamValue, compile_expression
from sendplan.expressions.possible import Possible
from sendplan.fields import FieldType, Value, with_own
from sendplan.problems import Span

FIELDS = with_own({"colour": FieldType.TEXT, "sizes": FieldType.LIST})
PARAMS: dict[str, ParamValue] = {"few": 3, "many": 10, "portals": ("ebay", "amazon"), "on": True}
TRUE, FALSE, UNKNOWN = True, False, None


def compiled(text: str) -> Expression:
    messages = {"a": (("a", ""),)}
    scope = Names(FIELDS, PARAMS, messages)
    expression, problems = compile_expression(text, Kind.CONDITION, scope, lambda start, end: Span("f", 1, 1, 2))
    assert problems == []
    assert expression is not None
    return expression


def outcomes(text: str) -> set[bool | None]:
    return set(Possible(FIELDS, PARAMS).outcomes(compiled(text).root))


@pytest.mark.parametrize(
    "text",
    [
        "false",
        "paid and not paid",
        "parked and not parked",
        "items < 3 and items > 5",
        "items < 6 and items > 5",
        "items < params.few and items > params.many",
        'portal == "ebay" and portal == "amazon"',
        'portal == "ebay" and portal not in [ebay, amazon]',
        'portal in params.portals and portal == "shop"',
        "open_amount < 0",
        "paid is set and paid is not set",
        "paid < shipped and paid > shipped",
        "paid < shipped and not (shipped > paid)",
        'tags has "a" and not (tags has "a")',
        'sent("a") and sent("a") is not set',
        "not (cancelled or not cancelled) and items > 3",
        "(parked or disputed) and not parked and not disputed",
        "items in [1, 2] and items not in [1, 2, 3]",
        "total is not set and total > 5",
        "1 > 2",
    ],
)
def test_never_true(text: str) -> None:
    """Parts that exclude each other are never true together."""
    assert TRUE not in outcomes(text)


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("true", False),
        ("paid or not paid", False),
        ("ordered", False),
        ("total > 5 or not total > 5", True),
        ("open_amount >= 0", True),
        ("items < 10 or items > 3", True),
        ('portal != "ebay" or portal != "amazon"', False),
        ('colour != "red" or colour != "blue"', True),
        ("parked == true or parked == false", False),
    ],
)
def test_always_true(text: str, unknown: bool) -> None:
    """What is never false says nothing, whether or not it is unknown for an order without the field."""
    assert outcomes(text) == ({TRUE, UNKNOWN} if unknown else {TRUE})


@pytest.mark.parametrize(
    "text",
    [
        "open_amount >= 1.00 and not cancelled",
        "items > 5 and items < 7",
        "paid <= shipped and paid >= shipped",
        'portal in [ebay, amazon] and portal != "ebay"',
        'tags has "a" and not (tags has "b")',
        "total > paid_amount and total > credited",
        "params.on and paid",
        "params.on",
        "paid and not shipped",
        "max(paid, shipped) + 7 days < delivered",
    ],
)
def test_no_false_alarms(text: str) -> None:
    """Usual conditions can be true, and can be false."""
    assert {TRUE, FALSE} <= outcomes(text)


def test_an_inner_and_is_taken_apart() -> None:
    """Two triggers that read the same many fields are tried field by field, as one long condition is."""
    numbers = ("total", "paid_amount", "credited", "shipping_cost", "items", "open_amount")
    first = " and ".join(f"{name} > 1" for name in numbers)
    second = " and ".join(f"{name} > 2" for name in numbers[1:])
    assert outcomes(f"({first}) and ({second} and total < 1)") == {FALSE, UNKNOWN}


def test_too_many_combinations_may_be_anything() -> None:
    """A condition that would take too long to try raises no alarm."""
    one = " or ".join(f"(items == {number} and total == {number} and credited == {number})" for number in range(30))
    assert outcomes(f"({one}) and items is not set") == {TRUE, FALSE, UNKNOWN}


LEAVES = st.sampled_from(
    [
        *(
            "items < 3",
            "items >= 3",
            "items == 4",
            "items in [2, 5]",
            "items is set",
            "total > 2.5",
            "total <= credited",
        ),
        *("paid", "paid is not set", "paid < shipped", "shipped + 1 day > paid", "parked", "disputed == true"),
        *('portal == "ebay"', 'portal < "f"', "portal not in params.portals", "colour != portal", "colour is set"),
        *('tags has "a"', 'sizes has "a"', 'sent("a")', "params.on", "open_amount > 0", "true", "false"),
    ]
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        inner.map(lambda one: f"not ({one})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: " and ".join(f"({each})" for each in parts)),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: " or ".join(f"({each})" for each in parts)),
    ),
    max_leaves=5,
)
MOMENTS = st.sampled_from([datetime(2026, 8, day, tzinfo=UTC) for day in (1, 2, 3)])
ORDERS = st.fixed_dictionaries(
    {
        "parked": st.booleans(),
        "disputed": st.booleans(),
        "tags": st.sampled_from([(), ("a",)]),
        "portal": st.sampled_from(["ebay", "amazon", "shop", "e"]),
    },
    optional={
        "items": st.integers(0, 6),
        "total": st.sampled_from([Decimal(0), Decimal("2.5"), Decimal(3)]),
        "credited": st.sampled_from([Decimal(0), Decimal(3)]),
        "open_amount": st.sampled_from([Decimal(0), Decimal(1)]),
        "paid": MOMENTS,
        "shipped": MOMENTS,
        "colour": st.sampled_from(["ebay", "red"]),
        "sizes": st.sampled_from([("a",), ("b",)]),
    },
)


@settings(max_examples=300)
@given(CONDITIONS, ORDERS, st.none() | MOMENTS, st.booleans())
def test_no_order_has_an_impossible_outcome(
    text: str, order: dict[str, Value], sent: datetime | None, switch: bool
) -> None:
    """Whatever a condition gives for an order was among the possible outcomes, also when an account turns a switch."""
    expression = compiled(text)
    calendar = Calendar(ZoneInfo("Europe/Berlin"), "DE")
    environment = Environment(order, calendar, PARAMS | {"on": switch}, lambda node: sent)
    value = expression.evaluate(environment)
    outcome = None if isinstance(value, Missing) else value
    assert outcome in Possible(FIELDS, PARAMS).outcomes(expression.root)
