"""What is known of a field stands once, in `schemas/order.schema.json`, and everything else agrees with it."""

from __future__ import annotations

import re
from datetime import date, datetime
from pathlib import Path

import pytest
from small_projects import loaded, write_project

from sendplan import resources
from sendplan.deciding.facts import facts_of
from sendplan.fields import EVENTS, Field, FieldType, Value, catalogue, with_own
from sendplan.project.project import Project

PAGE = (Path(__file__).parents[2] / "docs" / "project.md").read_text(encoding="utf-8")
STORED = [field for field in catalogue().values() if not field.derived_from]
WITH_DEFAULT = [field for field in STORED if field.instead or field.default is not None]
HIDDEN = [field for field in STORED if field.event or field.hidden_with]
BARE: dict[str, Value] = {"id": "E1", "account": "web", "ordered": date(2026, 8, 10)}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    rule = "rules:\n  - {id: one, title: One, trigger: paid, due: paid, template: mail}\n"
    return loaded(write_project(tmp_path_factory.mktemp("shop"), rule))


def page_of_fields() -> dict[str, str]:
    """Field → what the page on orders says of it."""
    table = PAGE.partition("## Orders\n")[2].partition("| field | meaning |\n|---|---|\n")[2].partition("\n\n")[0]
    rows = [row.strip("| ").split(" | ") for row in table.splitlines()]
    return {name: meaning for names, meaning in rows for name in re.findall(r"`([a-z_]+)`", names)}


def test_the_page_on_orders_names_every_field() -> None:
    """docs/project.md has each field of the catalogue once, and no other."""
    assert sorted(page_of_fields()) == sorted(field.name for field in STORED)


@pytest.mark.parametrize("field", WITH_DEFAULT, ids=lambda field: field.name)
def test_page_and_schema_tell_what_an_absent_field_holds(field: Field) -> None:
    """A default is told where people look for it: in the editor, and on the page."""
    said = resources.schema("order")["properties"][field.name]["description"]
    for text in (said, page_of_fields()[field.name]):
        assert "when absent" in text


@pytest.mark.parametrize("field", STORED, ids=lambda field: field.name)
def test_an_order_has_what_its_fields_promise(project: Project, field: Field) -> None:
    """An order of which only the required fields came has every field that is always there, and no other."""
    facts = facts_of(BARE, project.settings, version=1, hide_after=None)
    assert facts is not None
    assert (field.name in facts.values) is field.always


@pytest.mark.parametrize("field", [each for each in STORED if each.instead], ids=lambda field: field.name)
def test_a_field_is_made_of_what_stands_in_for_it(project: Project, field: Field) -> None:
    """Once the other fields are there, the field is, too."""
    others: dict[str, Value] = {"country": "DE", "email": "b@example.com"}
    facts = facts_of(BARE | others, project.settings, version=1, hide_after=None)
    assert facts is not None
    assert field.name in facts.values


@pytest.mark.parametrize(
    "field", [each for each in STORED if each.event or each.hidden_with], ids=lambda each: each.name
)
def test_an_event_is_hidden_before_its_time(project: Project, field: Field) -> None:
    """With the clock set back, neither the event nor what came with it has happened yet."""
    came: dict[str, Value] = {field.hidden_with or field.name: date(2026, 8, 20)}
    values = BARE | came | ({field.name: 5} if field.hidden_with else {})
    before = facts_of(values, project.settings, version=1, hide_after=datetime.fromisoformat("2026-08-19T12:00+00:00"))
    after = facts_of(values, project.settings, version=1, hide_after=datetime.fromisoformat("2026-08-21T12:00+00:00"))
    assert before is not None
    assert after is not None
    assert field.name not in before.values
    assert field.name in after.values


def test_every_event_is_a_moment() -> None:
    """Only moments can lie after the clock."""
    assert EVENTS
    assert {catalogue()[name].type for name in EVENTS} == {FieldType.MOMENT}


def test_own_flags_are_false_when_absent() -> None:
    """A project's own flag is as certain as a built-in one; its other fields are not."""
    fields = with_own({"vip": FieldType.FLAG, "points": FieldType.INTEGER})
    assert (fields["vip"].default, fields["vip"].always) == (False, True)
    assert (fields["points"].default, fields["points"].always) == (None, False)
