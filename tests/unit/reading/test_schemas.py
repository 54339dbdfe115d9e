"""What the schemas allow, what they say when something is wrong, and that editors can complete from them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from sendplan import fields, plan, resources
from sendplan.problems import CODES, Problem
from sendplan.project import providers
from sendplan.reading import schemas, source
from sendplan.reading.coercion import alternatives
from sendplan.reading.source import Plain

NAMES = ("settings", "rules", "scenario", "mapping", "plan")


def check(name: str, text: str) -> tuple[Any, list[Problem]]:
    document, problems = source.parse(textwrap.dedent(text), "file.yaml")
    assert problems == []
    assert document is not None
    return schemas.validated(document, name)


def said(name: str, text: str) -> list[str]:
    return [f"{each.span and each.span.line}: {each.message}" for each in check(name, text)[1]]


SETTINGS = """
shop: {name: MeinShop, timezone: Europe/Berlin, country: DE, subdivision: NW, closed: [2026-12-24/2027-01-03]}
store: sqlite:///var/shop.db
params: {wait: 7 days, depth: 3, big: 99.50, portals: [ebay, 5], on: true}
senders: {main: {from: MeinShop <shop@example.com>, host: smtp.example.com, port: 587, password: "${SMTP_PASSWORD}"}}
accounts: {ebay-de: {portal: ebay}}
regions:
  island: [{country: DE, postcode: [01067, 25980-25999]}, {country: NO}]
  abroad: any
windows: {office: {days: mon-fri, hours: 08:00-18:00, holidays: closed}, first: {cron: "* 9 1-7 * mon"}}
fresh_within: {paid: 36 hours}
limits: {per_run: 500}
"""
RULE = "{id: a, title: A, trigger: paid, due: paid + 1 day, template: a"


def test_settings_get_the_types_that_the_schema_asks_for() -> None:
    """A port is a number, a postcode keeps its zero, Norway stays NO, and a param is what it looks like."""
    data, problems = check("settings", SETTINGS)
    assert problems == []
    assert data["senders"]["main"]["port"] == 587
    assert data["regions"]["island"][0]["postcode"] == ["01067", "25980-25999"]
    assert data["regions"]["island"][1]["country"] == "NO"
    assert data["params"] == {
        "wait": "7 days",
        "depth": 3,
        "big": Decimal("99.50"),
        "portals": ["ebay", 5],
        "on": True,
    }


def test_scenario_orders_keep_characters_and_own_fields() -> None:
    """In scenarios money keeps its digits, ids their zeros, null removes, and own fields are left alone."""
    data, problems = check(
        "scenario",
        """
        scenario: x
        orders: [{id: 007, account: web, ordered: 2026-08-11, total: 20.00, items: 3, consent: true, points: 010}]
        steps:
          - {at: 2026-08-15, change: {007: {paid: null, number: 0815, total: 5}}, expect: none, because: not_due}
        """,
    )
    assert problems == []
    order = data["orders"][0]
    assert (order["id"], order["total"], order["items"], order["consent"]) == ("007", "20.00", 3, True)
    assert order["points"] == "010"
    assert isinstance(order["points"], Plain)
    assert data["steps"][0]["change"] == {"007": {"paid": None, "number": "0815", "total": "5"}}


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("rules: [{id: a, title: A, trigger: x, template: a}]", ["1: `due` is missing in a rule"]),
        (f"rules: [{RULE}, trigerr: x}}]", ["1: unknown key `trigerr` in a rule"]),
        ("rules: [{id: a, title: A, trigger: x, due: y}]", ["1: `template` or `ladder` is missing in a rule"]),
        (f"rules: [{RULE}, class: }}]", ["1: `class` is empty"]),
        (f"rules: [{RULE}, formerly: [b, b]}}]", ["1: `formerly` names `b` twice"]),
        (f"rules: [{RULE}, regions: home}}]", ["1: `regions` must be `all` or a list of region names, not `home`"]),
        (
            f"rules: [{RULE}, enabled: maybe}}]",
            ["1: `enabled` must be true or false, or `${params.NAME}`, not `maybe`"],
        ),
        ("rules: [a]", ["1: item 1 of `rules` must be a mapping, not `a`"]),
        ("[a]", ["1: the file must be a mapping, not a list"]),
        ("rulez: []", ["1: unknown key `rulez` in the file"]),
    ],
)
def test_messages_speak_of_keys_and_rules(text: str, messages: list[str]) -> None:
    """Each problem names the key and what it belongs to, never the schema."""
    assert said("rules", text) == messages


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("port: 587", 'port: "587"', "`port` must be a whole number, not `587`"),
        ("port: 587", "security: ssl", "`security` must be one of starttls, tls, none, not `ssl`"),
        ("country: NO", "country: Norway", "`country` must be a country's two capital letters, such as `DE`"),
        ("days: mon-fri", "cron: x", "`hours` cannot be combined with `cron`"),
        ("any", "other", "`abroad` must be `any` or a list of entries such as `- {country: DE}`, not `other`"),
        ("36 hours", "36 horus", "`paid` must be a duration such as `7 days`"),
        ("per_run: 500", "per_run: -1", "`per_run` must be at least 0"),
        ("ebay-de:", "ebay/de:", "`ebay/de` must be a name without blanks"),
        ("subdivision:", "subdivison:", "unknown key `subdivison` in `shop`"),
    ],
)
def test_settings_problems(old: str, new: str, message: str) -> None:
    """A slip in the settings is told in terms of the settings."""
    messages = [each.message for each in check("settings", SETTINGS.replace(old, new))[1]]
    assert any(each.startswith(message) for each in messages), messages


def test_everything_wrong_is_reported_at_once() -> None:
    """One run shows all problems, each at its own place."""
    assert said(
        "rules",
        """
        rules:
          - id: Bad Id
            title: A
            trigger: [a, b]
            due: shipped
            template: x
            lookback: 3 monts
          - id: b
            titel: B
        """,
    ) == [
        "3: `id` must consist of lower-case letters, digits and `-`",
        "5: `trigger` must be text, not a list",
        "8: `lookback` must be a duration such as `3 months`, `none`, or `${params.NAME}`",
        "9: `trigger` and `due` are missing in a rule",
        "9: `template` or `ladder` is missing in a rule",
        "10: unknown key `titel` in a rule",
    ]


@pytest.mark.parametrize(
    ("name", "text", "help_"),
    [
        ("rules", f"rules: [{RULE}, windw: x}}]", "did you mean `window`?"),
        ("rules", f"rules: [{RULE}, enabled: no}}]", "write `enabled: false`"),
        ("rules", f"rules: [{RULE}, regions: home}}]", "write `regions: [home]`"),
        ("settings", SETTINGS.replace("port: 587", 'port: "587"'), "remove the quotes"),
        ("settings", SETTINGS + "fields: {loyalty: txt}", "did you mean `text`?"),
    ],
)
def test_help_says_what_to_write(name: str, text: str, help_: str) -> None:
    """Where the intention is clear, the help gives the right spelling."""
    (problem,) = check(name, text)[1]
    assert problem.help == help_


def test_unknown_key_is_marked_itself() -> None:
    """The caret stands under the misspelled key."""
    (problem,) = check("rules", f"rules:\n  - {RULE}, windw: x}}\n")[1]
    assert problem.span is not None
    assert problem.span.text[problem.span.column - 1 : problem.span.end_column - 1] == "windw"


def test_an_id_cannot_hide_a_line_break() -> None:
    """An id written as a block of text does not smuggle in its line break."""
    (problem,) = check(
        "rules", "rules:\n  - title: A\n    trigger: x\n    due: y\n    template: z\n    id: |\n      a\n"
    )[1]
    assert "`id`" in problem.message


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("{at: 2026-08-15, expect: none}", "`because` is missing in a step"),
        ("{at: 2026-08-15}", "`expect` or `refused` is missing in a step"),
        ("{at: soon, refused: per_run}", "`at` must be a date or time such as"),
        (
            "{at: 2026-08-15, expect: none, because: notdue}",
            "`because` must be a reason such as `not_due`, not `notdue`",
        ),
        ("{at: 2026-08-15, expect: [{order: E1}]}", "`rule` is missing in an expected message"),
        ("{at: 2026-08-15, expect: [], outcome: {E1: failed}}", "`expect` is empty"),
        ("{at: 2026-08-15, refused: per_run, outcome: {E1: failed}}", "`E1` must be a message's key"),
        ("{at: 2026-08-15, refused: per_run, change: {E1: {id: E2}}}", "`id` cannot change"),
    ],
)
def test_scenario_steps(step: str, message: str) -> None:
    """A scenario's step says when, what is expected, and why nothing is sent."""
    orders = "[{id: E1, account: web, ordered: 2026-08-01}]"
    messages = [each.message for each in check("scenario", f"scenario: x\norders: {orders}\nsteps: [{step}]")[1]]
    assert any(each.startswith(message) for each in messages), messages


@pytest.mark.parametrize("id_", ["' '", "' E1'", '"E1\\n"'])
def test_an_orders_id_is_no_blank(id_: str) -> None:
    """An import would take the blanks away, so that a scenario's id is never one of blanks."""
    text = f"""\
        scenario: x
        orders: [{{id: {id_}, account: web, ordered: 2026-08-01}}]
        steps: [{{at: 2026-08-15, expect: none, because: not_due}}]
    """
    assert said("scenario", text) == ["2: `id` must neither begin nor end with a blank"]


def test_an_order_of_a_scenario_needs_its_id() -> None:
    """A misspelled `id` might be a field of the project's own, so the missing one is told."""
    text = """\
        scenario: x
        orders: [{ids: E1, account: web, ordered: 2026-08-01}]
        steps: [{at: 2026-08-15, expect: none, because: not_due}]
    """
    assert said("scenario", text) == ["2: `id` is missing in an order record"]


def test_a_mapping_field_has_one_source() -> None:
    """An imported field comes from a column, a constant or a template, not from two of them."""
    assert said("mapping", "fields: {a: b, c: {column: x, value: y}, d: {decimal: ','}}") == [
        "1: only one of `column` and `value` may appear in a field",
        "1: `column`, `is`, `value`, `template` or `each` is missing in a field",
    ]


def test_a_plan_follows_its_schema() -> None:
    """A plan that the program writes is valid, and one without its entries is not."""
    entry = plan.Entry("E1/a", plan.Status.SEND, plan.Reason.SEND, "due", "a", None, "E1", facts={"items": 3})
    written = plan.Plan("2026-08-24T12:00:00+02:00", "Europe/Berlin", "abc", (entry,)).identified().to_json()
    assert schemas.valid(written, "plan")
    assert not schemas.valid({**written, "entries": None}, "plan")


def enums(schema: Any) -> Iterator[list[str]]:
    """Every list of allowed words, at any depth."""
    if isinstance(schema, dict) and isinstance(schema.get("enum"), list):
        yield schema["enum"]
    for each in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from enums(each)


def test_schemas_know_the_same_names_as_the_code() -> None:
    """Reasons, field types and mail providers in the schemas are those that the program knows."""
    scenario = resources.schema("scenario")["definitions"]
    reasons = [reason.value for reason in plan.Reason]
    lists = [each for each in enums(scenario) if plan.Reason.RETRY_LATER in each]
    assert len(lists) == 3
    assert all(each == reasons for each in lists)
    assert set(scenario["change"]["properties"]) == set(resources.schema("order")["properties"]) - {"id"}
    types = resources.schema("settings")["properties"]["fields"]["additionalProperties"]["enum"]
    assert set(types) == {each.value for each in fields.FieldType} - {"records"}
    sender = resources.schema("settings")["definitions"]["sender"]["properties"]
    assert set(sender["provider"]["enum"]) == set(providers.PRESETS)


def described(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every key of a schema with what describes it, references followed."""
    waiting: list[tuple[str, Any]] = [(name, resources.schema(name))]
    waiting += [(key, each) for key, each in resources.schema(name).get("definitions", {}).items()]
    while waiting:
        path, schema = waiting.pop()
        for key, each in schema.get("properties", {}).items():
            for _, found in list(alternatives(name, each))[:1]:
                yield f"{path}.{key}", dict(found)
            if "$ref" not in each:
                waiting.append((f"{path}.{key}", each))


@pytest.mark.parametrize("name", NAMES)
def test_editors_find_a_title_a_description_and_examples_at_every_key(name: str) -> None:
    """Hovering over any key shows what it is, with an example that is valid itself."""
    Draft7Validator.check_schema(resources.schema(name))
    for path, schema in described(name):
        assert schema.get("title"), path
        assert schema.get("description"), path
        assert schema.get("examples"), path
        if "$ref" not in str(schema):
            for each in [*schema["examples"], *([schema["default"]] if "default" in schema else [])]:
                Draft7Validator(schema).validate(each)


@pytest.mark.parametrize("name", NAMES)
def test_whole_examples_are_valid(name: str) -> None:
    """The examples of whole rules, senders, steps and fields follow their own schema."""
    for path, definition in resources.schema(name).get("definitions", {}).items():
        validator = schemas._validator(name).evolve(schema={"$ref": f"{name}.schema.json#/definitions/{path}"})
        for each in definition.get("examples", ()):
            assert validator.is_valid(each), (path, each)


VALUES = st.sampled_from(["", "x", "1", "0.5", "true", "null", "[]", "{}", "[1, x]", "{a: 1}", "none", "any", "E1/a"])
KEYS = sorted({path.rpartition(".")[2] for name in NAMES for path, _ in described(name)})


@settings(max_examples=100)
@example("mapping", {"fields": {"account": ""}})
@example("mapping", {"fields": {"account": "[1, x]"}})
@example("rules", {"rules": {"template": ""}})
@given(st.sampled_from(NAMES), st.dictionaries(st.sampled_from(KEYS), st.dictionaries(st.sampled_from(KEYS), VALUES)))
def test_no_data_stops_the_check(name: str, data: dict[str, dict[str, str]]) -> None:
    """Any key in any place and any value of any type gives problems with places and codes, never a crash."""
    text = "".join(
        f"{key}:\n" + "".join(f"  {inner}: {value}\n" for inner, value in values.items())
        for key, values in data.items()
    )
    for problem in check(name, text or "{}")[1]:
        assert problem.code in CODES
        assert problem.span is not None
        assert problem.message
