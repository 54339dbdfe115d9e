"""The expression language: reading, types, and three-valued evaluation that keeps every value (docs/language.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendplan.calendar import Calendar
from sendplan.expressions import (
    Environment,
    Expression,
    Kind,
    Missing,
    Names,
    ParamValue,
    Sent,
    Traced,
    children,
    compile_expression,
    walk,
)
from sendplan.expressions.grammar import MAX_DEPTH, parse
from sendplan.expressions.nodes import Add, And, Compare, Extreme, FieldRef, Has, In, IsSet, Literal, Not, Or, ParamRef
from sendplan.fields import FieldType, Moment, Value, with_own
from sendplan.problems import Problem, Span
from sendplan.units import Duration, Unit

BERLIN = Calendar(ZoneInfo("Europe/Berlin"), "DE", "NW", ((date(2026, 12, 28), date(2026, 12, 31)),))
PARAMS: Mapping[str, ParamValue] = {
    "wait": Duration(7, Unit.DAYS),
    "big": 100,
    "price": Decimal("9.99"),
    "on": True,
    "portal": "ebay",
    "portals": ("ebay", "amazon"),
    "sizes": (1, 2),
}
OWN = {"loyalty": FieldType.TEXT, "warranty_ends": FieldType.MOMENT, "vip": FieldType.FLAG, "codes": FieldType.LIST}
SCOPE = Names(
    with_own(OWN),
    PARAMS,
    {"thanks": (("thanks", ""), ("old-thanks", "")), "dunning/first": (("dunning", "first"),)},
    frozenset({"dunning"}),
    frozenset({"broken"}),
)


def compiled(text: str, kind: Kind) -> tuple[Expression | None, list[Problem]]:
    return compile_expression(text, kind, SCOPE, lambda start, end: Span("x", 1, start + 1, end + 1, text))


def evaluated(text: str, values: Mapping[str, Value], kind: Kind, sent: Mapping[str, Moment]) -> Traced:
    expression, problems = compiled(text, kind)
    assert expression is not None, problems
    environment = Environment(values, BERLIN, PARAMS, lambda node: sent.get(node.ref))
    value, traced = expression.evaluate(environment), expression.traced(environment.seen)
    assert value == traced.value or value == Missing(traced.missing)
    return traced


def holds(text: str, **values: Any) -> bool | None:
    """The value of a condition; flags are false unless given, as for every order."""
    flags: dict[str, Value] = {"consent": False, "parked": False, "disputed": False, "vip": False, "tags": ()}
    value = evaluated(text, flags | values, Kind.CONDITION, {}).value
    assert value is None or isinstance(value, bool)
    return value


def moment(text: str, *, sent: Mapping[str, Moment] | None = None, **values: Any) -> Any:
    """The value of a date expression."""
    return evaluated(text, values, Kind.MOMENT, sent or {}).value


def local(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=BERLIN.zone).astimezone(UTC)  # type: ignore[misc,arg-type]


def mistake(text: str, kind: Kind = Kind.CONDITION) -> tuple[str, str]:
    """The code of an expression's only mistake, and the characters that it points at."""
    _, problems = compiled(text, kind)
    assert len(problems) == 1, problems
    span = problems[0].span
    assert span is not None
    return problems[0].code, text[span.column - 1 : span.end_column - 1]


# --- reading ---


def shape(node: Any) -> Any:
    """A tree without positions."""
    match node:
        case Or(parts=parts):
            return ("or", *map(shape, parts))
        case And(parts=parts):
            return ("and", *map(shape, parts))
        case Not(operand=operand):
            return ("not", shape(operand))
        case Compare(operator=operator, left=left, right=right):
            return (operator, shape(left), shape(right))
        case In(left=left, items=items, negated=negated):
            listed = shape(items) if isinstance(items, ParamRef) else [(item.text, item.bare) for item in items]
            return ("not in" if negated else "in", shape(left), listed)
        case Has(left=left, right=right):
            return ("has", shape(left), shape(right))
        case IsSet(operand=operand, negated=negated):
            return ("is not set" if negated else "is set", shape(operand))
        case Add(left=left, right=right, sign=sign):
            return ("+" if sign > 0 else "-", shape(left), shape(right))
        case Extreme(name=name, arguments=arguments):
            return (name, *((shape(each.value), each.if_set) for each in arguments))
        case FieldRef(name=name):
            return name
        case ParamRef(name=name):
            return f"params.{name}"
        case Sent(ref=ref):
            return ("sent", ref)
        case Literal(value=value):
            return [value]
    raise AssertionError(node)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a or b and not c", ("or", "a", ("and", "b", ("not", "c")))),
        ("(a or b) and c", ("and", ("or", "a", "b"), "c")),
        ("not a == b", ("not", ("==", "a", "b"))),
        ("not not a", ("not", ("not", "a"))),
        ("not a in [x] and b", ("and", ("not", ("in", "a", [("x", True)])), "b")),
        ("a and b and c or d", ("or", ("and", "a", "b", "c"), "d")),
        ("a + b < c - 1", ("<", ("+", "a", "b"), ("-", "c", [1]))),
        ("a + 1 day - 2 hours", ("-", ("+", "a", [Duration(1, Unit.DAYS)]), [Duration(2, Unit.HOURS)])),
        ("a is not set and b is set", ("and", ("is not set", "a"), ("is set", "b"))),
        ("a + 7 days is set", ("is set", ("+", "a", [Duration(7, Unit.DAYS)]))),
        ("tags has 'x' or a", ("or", ("has", "tags", ["x"]), "a")),
        ("a not in params.list", ("not in", "a", "params.list")),
        ("max(a, min(b, c) if set)", ("max", ("a", False), (("min", ("b", False), ("c", False)), True))),
        ('sent("dunning/first") < a', ("<", ("sent", "dunning/first"), "a")),
    ],
)
def test_precedence(text: str, expected: object) -> None:
    """From loose to tight: or, and, not, comparisons, + and -, then functions and parentheses."""
    root, mistakes = parse(text)
    assert mistakes == []
    assert shape(root) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("1.00", Decimal("1.00")),
        ('"it\'s"', "it's"),
        ("'say \"x\"'", 'say "x"'),
        ("true", True),
        ("false", False),
        ("1 minute", Duration(1, Unit.MINUTES)),
        ("36 hours", Duration(36, Unit.HOURS)),
        ("1 day", Duration(1, Unit.DAYS)),
        ("2 business days", Duration(2, Unit.BUSINESS_DAYS)),
        ('1 "business day"', Duration(1, Unit.BUSINESS_DAYS)),
        ("3 weeks", Duration(3, Unit.WEEKS)),
        ("1 month", Duration(1, Unit.MONTHS)),
    ],
)
def test_literals(text: str, value: object) -> None:
    """Whole and exact numbers, texts in either quotes, true and false, and durations, singular too."""
    assert shape(parse(text)[0]) == [value]


def test_list_items() -> None:
    """A bare item in brackets is letters, digits, - and _; anything else is quoted."""
    root, mistakes = parse("number in [2024-17, A_1, ebay-de, 'x y', \"a,b\", and]")
    assert mistakes == []
    assert shape(root) == (
        "in",
        "number",
        [("2024-17", True), ("A_1", True), ("ebay-de", True), ("x y", False), ("a,b", False), ("and", True)],
    )


def test_every_part_knows_its_place() -> None:
    """Each part of an expression can be shown as it was written, parentheses included."""
    text = "not (paid or shipped) and max(ordered, paid if set) + 7 days < delivered"
    root, _ = parse(text)
    assert root is not None
    assert {text[node.start : node.end] for node in walk(root)} == {
        text,
        "not (paid or shipped)",
        "(paid or shipped)",
        "max(ordered, paid if set) + 7 days < delivered",
        "max(ordered, paid if set) + 7 days",
        "max(ordered, paid if set)",
        *("paid", "shipped", "ordered", "7 days", "delivered"),
    }


def test_several_mistakes_at_once() -> None:
    """Foreign operators do not hide each other."""
    _, problems = compiled('portal = "ebay" && !paid || total <> 3', Kind.CONDITION)
    assert [problem.help for problem in problems] == [
        "write `==` instead",
        "write `and` instead",
        "write `not` instead",
        "write `or` instead",
        "write `!=` instead",
    ]


def test_nesting_is_bounded() -> None:
    """A thousand parentheses are a mistake, not a crash."""
    for text in ("(" * 3000 + "paid" + ")" * 3000, "not " * 3000 + "paid", "max(" * 3000):
        assert [problem.code for problem in compiled(text, Kind.CONDITION)[1]] == ["expression-syntax"]
    assert holds("(" * MAX_DEPTH + "paid" + ")" * MAX_DEPTH) is False


@pytest.mark.parametrize("text", ["total > {}", "total > 1.{}", "ordered + {} days > paid"])
def test_numbers_are_bounded(text: str) -> None:
    """A number of thousands of digits is a mistake, not a crash."""
    (problem,) = compiled(text.format("9" * 5000), Kind.CONDITION)[1]
    assert problem.message == "a number has at most 40 digits"


@given(st.text(st.sampled_from("ab 1.\"'=<>!&|+-()[],") | st.characters(codec="utf-8"), max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text crashes the parser, and every mistake points into the text or right behind it."""
    root, mistakes = parse(text)
    assert root is not None or mistakes
    assert all(0 <= each.start <= each.end <= len(text) and each.start <= len(text) for each in mistakes)


# --- types ---


@pytest.mark.parametrize(
    ("text", "code", "part"),
    [
        ("postcode > 10000", "type-mismatch", "postcode > 10000"),
        ("paid and total", "type-mismatch", "total"),
        ("not portal", "type-mismatch", "portal"),
        ("paid > 3", "type-mismatch", "paid > 3"),
        ("tags == 'x'", "type-mismatch", "tags == 'x'"),
        ("params.wait < params.wait", "type-mismatch", "params.wait < params.wait"),
        ("parked < consent", "type-mismatch", "parked < consent"),
        ("portal in [ebay, email]", "type-mismatch", "email"),
        ("items in [1, two]", "type-mismatch", "two"),
        ("items in ['1']", "type-mismatch", "'1'"),
        ("paid in [x]", "type-mismatch", "paid"),
        ("portal in params.big", "type-mismatch", "params.big"),
        ("portal in params.sizes", "type-mismatch", "params.sizes"),
        ("portal has 'x'", "type-mismatch", "portal"),
        ("tags has 3", "type-mismatch", "3"),
        ("lines is set", "type-mismatch", "lines"),
        ("paid + paid < paid", "type-mismatch", "paid + paid"),
        ("name + city == 'x'", "type-mismatch", "name + city"),
        ("max(paid, total) is set", "type-mismatch", "max(paid, total)"),
        ("max(portal) is set", "type-mismatch", "portal"),
        ("canceled", "unknown-field", "canceled"),
        ("portal == ebay", "unknown-field", "ebay"),
        ("params.biggg < 1", "unknown-name", "params.biggg"),
        ('sent("thank")', "unknown-name", 'sent("thank")'),
        ('sent("dunning")', "unknown-name", 'sent("dunning")'),
        ('sent("dunning/second")', "unknown-name", 'sent("dunning/second")'),
        ('sent("thanks/first")', "unknown-name", 'sent("thanks/first")'),
        ("(paid if vip else 3 days) < paid", "type-mismatch", "(paid if vip else 3 days)"),
        ("(total if vip else total) > 1", "type-mismatch", "total"),
        ("(paid if vip) < shipped", "expression-syntax", "(paid if vip)"),
        ("(paid if total else shipped) < delivered", "type-mismatch", "total"),
        ('col("Paid at") is set', "expression-syntax", 'col("Paid at")'),
        ("order.total > 1", "expression-syntax", "order.total"),
        ("tags[vip] is set", "expression-syntax", "tags[vip]"),
        ("sum(total) > 1", "expression-syntax", "sum(total)"),
        ("total / 2 > 1", "expression-syntax", "total / 2"),
    ],
)
def test_types_are_checked_when_rules_are_loaded(text: str, code: str, part: str) -> None:
    """Names and types that do not fit are found before any order is looked at, at their place."""
    assert mistake(text) == (code, part)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("shipped + 7", "shipped + 7"),
        ("shipped + '7 days'", "shipped + '7 days'"),
        ("7 days", "7 days"),
        ("shipped is set", "shipped is set"),
        ("total", "total"),
        ("shipped + params.big", "shipped + params.big"),
    ],
)
def test_due_needs_a_date(text: str, part: str) -> None:
    """A due date is a moment; a number needs its unit."""
    assert mistake(text, Kind.MOMENT) == ("type-mismatch", part)


def test_several_type_mistakes_at_once() -> None:
    """All mistakes of an expression are told together."""
    _, problems = compiled("canceled and total == 'x' or params.none and tags has 1", Kind.CONDITION)
    assert [problem.code for problem in problems] == ["unknown-field", "type-mismatch", "unknown-name", "type-mismatch"]


def test_a_rule_that_cannot_be_used_is_no_unknown_rule() -> None:
    """Reading what a broken rule sent is no mistake of the reader."""
    assert compiled('sent("broken") is set and sent("broken/step") is set', Kind.CONDITION)[1] == []


def test_an_expression_knows_what_it_reads() -> None:
    """Fields, params and messages that an expression names are listed."""
    text = 'max(shipped, sent("thanks") if set) + params.wait < delivered and total > params.big'
    expression, _ = compiled(text, Kind.CONDITION)
    assert expression is not None
    assert expression.fields() == {"shipped", "delivered", "total"}
    assert expression.params() == {"wait", "big"}
    assert [node.keys for node in expression.sent()] == [(("thanks", ""), ("old-thanks", ""))]


# --- three-valued logic ---

TRUE, FALSE, UNKNOWN = "items == 1", "items == 2", "total == 1"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (f"{TRUE} and {TRUE}", True),
        (f"{TRUE} and {FALSE}", False),
        (f"{TRUE} and {UNKNOWN}", None),
        (f"{FALSE} and {UNKNOWN}", False),
        (f"{UNKNOWN} and {FALSE}", False),
        (f"{UNKNOWN} and {UNKNOWN}", None),
        (f"{TRUE} or {UNKNOWN}", True),
        (f"{UNKNOWN} or {TRUE}", True),
        (f"{FALSE} or {UNKNOWN}", None),
        (f"{FALSE} or {FALSE}", False),
        (f"not {UNKNOWN}", None),
        (f"not {TRUE}", False),
        (f"not ({FALSE} and {UNKNOWN})", True),
        (f"({UNKNOWN}) == ({TRUE})", None),
        (f"({FALSE}) != ({TRUE})", True),
    ],
)
def test_unknown(text: str, value: bool | None) -> None:
    """What a missing value leaves open is unknown, unless the rest of the condition decides."""
    assert holds(text, items=1) is value


@pytest.mark.parametrize(
    "text",
    [
        "total >= 1.00",
        "portal == 'ebay'",
        "portal != 'ebay'",
        "portal in [ebay]",
        "portal not in [ebay]",
        "codes has 'x'",
        "shipped < paid",
        "shipped + 7 days < ordered",
        "max(shipped, ordered) < ordered",
    ],
)
def test_comparing_a_missing_value_is_unknown(text: str) -> None:
    """A comparison with a missing value is unknown, also a negative one."""
    assert holds(text, ordered=date(2026, 8, 1)) is None
    assert holds(f"not {text}", ordered=date(2026, 8, 1)) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("paid", False),
        ("not paid", True),
        ("shipped", True),
        ("not shipped", False),
        ("paid or shipped", True),
        ("shipped + 7 days", True),
        ("paid + 7 days", False),
        ("max(shipped, paid)", False),
        ("max(shipped, paid if set)", True),
        ("parked", False),
        ("not vip", True),
        ("params.on", True),
    ],
)
def test_moments_and_flags_are_never_unknown(text: str, value: bool) -> None:
    """A moment used as a condition means "is set"; a flag is false when absent."""
    assert holds(text, shipped=date(2026, 8, 1)) is value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("loyalty is set", False),
        ("loyalty is not set", True),
        ("portal is set", True),
        ("total is not set or total > 3", True),
        ("(total > 3) is set", False),
        ("parked is set", True),
        ("tags is set", True),
    ],
)
def test_is_set(text: str, value: bool) -> None:
    """Whether a value is there is always known."""
    assert holds(text, portal="ebay") is value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("portal in [ebay, amazon]", True),
        ("portal not in [ebay, amazon]", False),
        ("portal in params.portals", True),
        ("portal == params.portal", True),
        ("items in [3, 4.0]", True),
        ("items in params.sizes", False),
        ("total == 20", True),
        ("total > params.price and total <= 20.00", True),
        ("total + 1 - items == 18", True),
        ("max(total, 3, items) == 20", True),
        ("min(total, items) == 3", True),
        ("tags has 'wholesale' and not tags has 'Wholesale'", True),
        ("portal == 'eBay'", False),
        ("name < 'C'", True),
    ],
)
def test_values(text: str, value: bool) -> None:
    """Numbers are compared exactly, texts by their characters, lists looked into."""
    order = {"portal": "ebay", "items": 3, "total": Decimal("20.00"), "tags": ("wholesale", "x"), "name": "B"}
    assert holds(text, **order) is value


def test_unknown_names_its_fields() -> None:
    """The parts that make a condition unknown say which fields are missing, those that do not matter stay silent."""
    traced = evaluated("total > 1 and (items > 2 or portal == 'x')", {"items": 1}, Kind.CONDITION, {})
    assert (traced.value, traced.missing) == (None, ("total", "portal"))
    traced = evaluated("total > 1 and items > 2", {"items": 1}, Kind.CONDITION, {})
    assert (traced.value, traced.missing) == (False, ())


def test_every_part_keeps_its_value() -> None:
    """The trace shows also the parts that no longer mattered."""
    traced = evaluated("items > 2 and total > 1 and paid", {"items": 1, "total": 3}, Kind.CONDITION, {})
    assert [part.value for part in traced.parts] == [False, True, False]
    assert [part.value for part in traced.parts[0].parts] == [1, 2]


# --- dates ---


def test_the_later_of_two_dates() -> None:
    """Shipped on the 13th, feedback on the 15th, seven days: the 22nd."""
    days: dict[str, Any] = {"shipped": date(2026, 8, 13), "seller_feedback": local(2026, 8, 15, 18, 30)}
    assert moment("max(shipped, seller_feedback) + 7 days", **days) == date(2026, 8, 22)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("ordered + 1 month", date(2026, 2, 28)),
        ("ordered + 2 months", date(2026, 3, 31)),
        ("ordered - 1 week", date(2026, 1, 24)),
        ("ordered + 1 business day", date(2026, 2, 2)),
        ("ordered + 3 days + 1 day", date(2026, 2, 4)),
        ("ordered", datetime(2026, 1, 31, 22, 59, tzinfo=UTC)),
        ("ordered + 36 hours", datetime(2026, 2, 2, 10, 59, tzinfo=UTC)),
        ("ordered - 30 minutes", datetime(2026, 1, 31, 22, 29, tzinfo=UTC)),
        ("paid + 2 hours", local(2026, 2, 10, 2)),
        ("paid + 2 hours + 1 day", date(2026, 2, 11)),
    ],
)
def test_units(text: str, value: Moment) -> None:
    """Days, weeks, months and business days give a date of the shop's calendar, hours and minutes an instant."""
    assert moment(text, ordered=local(2026, 1, 31, 23, 59), paid=date(2026, 2, 10)) == value


def test_a_date_counts_from_its_local_start() -> None:
    """Midnight in the shop's zone is where a date begins when it is compared."""
    midnight, minute_before = local(2026, 8, 22, 0, 0), local(2026, 8, 21, 23, 59)
    order: dict[str, Any] = {"paid": date(2026, 8, 22), "shipped": midnight, "delivered": minute_before}
    assert holds("paid == shipped", **order) is True
    assert holds("delivered < paid", **order) is True
    assert moment("max(paid, delivered)", **order) == date(2026, 8, 22)


def test_max_and_min_need_all_their_arguments() -> None:
    """One missing argument makes the date missing, and all missing ones are named."""
    traced = evaluated("max(shipped, paid, delivered) + 1 day", {"paid": date(2026, 8, 1)}, Kind.MOMENT, {})
    assert (traced.value, traced.missing) == (None, ("shipped", "delivered"))
    assert moment("min(shipped, paid)", paid=date(2026, 8, 1)) is None


def test_if_set_leaves_an_argument_out() -> None:
    """An argument with `if set` counts only when it is there; without any argument the date is missing."""
    assert moment("max(ordered, paid if set)", ordered=date(2026, 8, 1)) == date(2026, 8, 1)
    later: dict[str, Any] = {"ordered": date(2026, 8, 1), "paid": date(2026, 8, 9)}
    assert moment("max(ordered, paid if set)", **later) == date(2026, 8, 9)
    assert moment("max(ordered, paid if set)", paid=date(2026, 8, 9)) is None
    traced = evaluated("max(shipped if set, paid + 1 day if set)", {}, Kind.MOMENT, {})
    assert (traced.value, traced.missing) == (None, ("shipped", "paid"))


@pytest.mark.parametrize(
    ("text", "given", "due"),
    [
        ("paid + 7 days if vip else ordered + 3 days", {"vip": True}, date(2026, 8, 17)),
        ("paid + 7 days if vip else ordered + 3 days", {"vip": False}, date(2026, 8, 4)),
        ("ordered + (1 days if total > 100 else 2 days if total > 10 else 3 days)", {"total": 50}, date(2026, 8, 3)),
        ("max(paid if vip else ordered if set, ordered) + 1 days", {"vip": True}, date(2026, 8, 11)),
        ("max(shipped if vip else delivered if set, ordered) + 1 days", {"vip": True}, date(2026, 8, 2)),
    ],
)
def test_a_date_or_a_duration_is_chosen_by_a_condition(text: str, given: dict[str, Any], due: date) -> None:
    """`A if CONDITION else B` binds loosest, may be continued, and ends where an argument's `if set` begins."""
    assert moment(text, ordered=date(2026, 8, 1), paid=date(2026, 8, 10), **given) == due


def test_only_the_branch_taken_counts() -> None:
    """A date missing in the other branch harms nothing; an unknown condition makes the whole missing, by its fields."""
    taken = evaluated("paid if vip else shipped", {"vip": True, "paid": date(2026, 8, 1)}, Kind.MOMENT, {})
    assert (taken.value, [part.node.start for part in taken.parts]) == (date(2026, 8, 1), [0, 8])
    unknown = evaluated("paid if total > 5 else shipped", {"paid": date(2026, 8, 1)}, Kind.MOMENT, {})
    assert (unknown.value, unknown.missing) == (None, ("total",))
    assert compiled("paid if vip else shipped", Kind.MOMENT)[0].fields() == {"paid", "vip", "shipped"}  # type: ignore[union-attr]


def test_sent_is_when_the_message_went_out() -> None:
    """`sent` gives the moment of another message of the order, and is missing before."""
    text = 'max(ordered, sent("thanks") if set) + 7 days'
    assert moment(text, ordered=date(2026, 8, 1)) == date(2026, 8, 8)
    assert moment(text, ordered=date(2026, 8, 1), sent={"thanks": local(2026, 8, 3, 12)}) == date(2026, 8, 10)
    traced = evaluated('sent("dunning/first") + 7 days', {}, Kind.MOMENT, {})
    assert traced.missing == ('sent("dunning/first")',)


def test_params_stand_for_their_values() -> None:
    """A param may be a duration, a number, a text, a flag or a list."""
    assert moment("shipped + params.wait", shipped=date(2026, 8, 1)) == date(2026, 8, 8)


# --- against a naive oracle ---


@dataclass(frozen=True)
class Sample:
    """A condition as text, how tightly it binds, and what it means."""

    text: str
    level: int
    """0 or, 1 and, 2 not, 3 comparison."""
    meaning: Callable[[Mapping[str, Any]], bool | None]

    def within(self, level: int) -> str:
        """The text as a part of something that binds so tightly."""
        return self.text if self.level > level else f"({self.text})"


def compared(text: str, compare: Callable[..., bool], *names: str) -> Sample:
    def meaning(order: Mapping[str, Any]) -> bool | None:
        return compare(*(order[name] for name in names)) if all(name in order for name in names) else None

    return Sample(text, 3, meaning)


LEAVES = [
    compared("total >= 10.00", lambda total: total >= 10, "total"),
    compared("total - credited == 5", lambda total, credited: total - credited == 5, "total", "credited"),
    compared("portal == 'ebay'", lambda portal: portal == "ebay", "portal"),
    compared("portal not in [ebay, shop]", lambda portal: portal not in ("ebay", "shop"), "portal"),
    compared("codes has 'x'", lambda codes: "x" in codes, "codes"),
    compared("shipped + 3 days <= paid", lambda a, b: a + timedelta(days=3) <= b, "shipped", "paid"),
    compared("max(shipped, paid) < delivered", lambda a, b, c: max(a, b) < c, "shipped", "paid", "delivered"),
    Sample("paid", 3, lambda order: "paid" in order),
    Sample("shipped is not set", 3, lambda order: "shipped" not in order),
    Sample("total is set", 3, lambda order: "total" in order),
    Sample("vip", 3, lambda order: order["vip"]),
]


def negated(sample: Sample) -> Sample:
    def meaning(order: Mapping[str, Any]) -> bool | None:
        value = sample.meaning(order)
        return None if value is None else not value

    return Sample(f"not {sample.within(1)}", 2, meaning)


def joined(samples: list[Sample], word: str) -> Sample:
    level, decisive = (1, False) if word == "and" else (0, True)

    def meaning(order: Mapping[str, Any]) -> bool | None:
        values = [sample.meaning(order) for sample in samples]
        return decisive if decisive in values else None if None in values else not decisive

    return Sample(f" {word} ".join(sample.within(level) for sample in samples), level, meaning)


CONDITIONS = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: (
        st.builds(negated, inner)
        | st.builds(joined, st.lists(inner, min_size=2, max_size=3), st.sampled_from(["and", "or"]))
    ),
    max_leaves=8,
)
DAYS = st.dates(date(2026, 1, 1), date(2026, 1, 9))
ORDERS = st.fixed_dictionaries(
    {"vip": st.booleans()},
    optional={
        "total": st.decimals(5, 15, places=0),
        "credited": st.decimals(0, 9, places=0),
        "portal": st.sampled_from(["ebay", "shop", "amazon"]),
        "codes": st.sampled_from([(), ("x",), ("y",)]),
        "shipped": DAYS,
        "paid": DAYS,
        "delivered": DAYS,
    },
)


@given(CONDITIONS, ORDERS)
def test_conditions_mean_what_the_naive_reading_says(sample: Sample, order: Mapping[str, Any]) -> None:
    """Parsing and evaluating any condition agrees with a few lines of three-valued logic."""
    assert evaluated(sample.text, order, Kind.CONDITION, {}).value is sample.meaning(order)


@given(CONDITIONS, ORDERS)
def test_unknown_always_has_a_reason(sample: Sample, order: Mapping[str, Any]) -> None:
    """An unknown condition names missing fields, and only fields that are missing; a known one names none."""
    traced = evaluated(sample.text, order, Kind.CONDITION, {})
    assert bool(traced.missing) is (traced.value is None)
    assert not set(traced.missing) & set(order)


@given(CONDITIONS, ORDERS)
def test_the_trace_has_the_shape_of_the_expression(sample: Sample, order: Mapping[str, Any]) -> None:
    """Every part of a condition has a value in the trace."""

    def agrees(traced: Traced) -> bool:
        same = [part.node for part in traced.parts] == [traced.node] or len(traced.parts) == len(children(traced.node))
        return same and all(map(agrees, traced.parts))

    assert agrees(evaluated(sample.text, order, Kind.CONDITION, {}))
