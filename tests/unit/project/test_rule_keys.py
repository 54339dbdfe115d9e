"""Whoever gives a rule a new key is told where it must be thought of."""

from __future__ import annotations

import ast
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import random_projects
from import_graph import sources

from sendplan import resources
from sendplan.ledger import History, Overrides
from sendplan.project.rules import Rule, Step

RULES = resources.schema("rules")
READERS = ("sendplan.project.rule_builder", "sendplan.project.rules_file", "sendplan.project.formerly")
ONE_RULES_OWN = frozenset({"ladder", "formerly", "description"})
"""Optional keys that speak of one rule alone, so that `defaults:` cannot give them."""


def properties(name: str) -> dict[str, Any]:
    keys: dict[str, Any] = RULES["definitions"][name]["properties"]
    return keys


def words_of(module: str) -> set[str]:
    """The words that a module writes as texts."""
    tree = ast.parse(sources()[module].read_text(encoding="utf-8"))
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


@pytest.mark.parametrize("kind", ["rule", "step"])
def test_every_key_is_read(kind: str) -> None:
    """No key that an editor offers is passed over in silence."""
    read = set[str]().union(*map(words_of, READERS))
    assert set(properties(kind)) - read == set()


def test_defaults_take_every_optional_key() -> None:
    """What a rule may leave out, `defaults:` may say for all rules, and it means the same there."""
    required = set(RULES["definitions"]["rule"]["required"])
    optional = {
        name: each["$ref"]
        for name, each in properties("rule").items()
        if name not in required and name not in ONE_RULES_OWN and name != "template"
    }
    given = resources.schema("settings")["properties"]["defaults"]["properties"]
    assert {name: each["$ref"] for name, each in given.items()} == {
        name: f"rules.schema.json{ref}" for name, ref in optional.items()
    }


@pytest.mark.parametrize("kind", [Rule, Step, Overrides, History])
def test_random_projects_have_every_key(kind: type) -> None:
    """What holds whatever the rules say is tried with all that a rule or step, a person or the ledger can say."""
    tree = ast.parse(Path(random_projects.__file__).read_text(encoding="utf-8"))
    calls = [each for each in ast.walk(tree) if isinstance(each, ast.Call) and ast.unparse(each.func) == kind.__name__]
    named = {keyword.arg for call in calls for keyword in call.keywords}
    assert {each.name for each in fields(kind)} - named == set()
