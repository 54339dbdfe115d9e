"""Whoever adds a member to a closed list is told by the type checker where it must be thought of."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from import_graph import sources

from sendplan.plan import STATUS_OF, Reason
from sendplan.planning.explain import QUESTIONS

DECIDING = "sendplan.deciding.dec", "sendplan.deciding.held_back"


def _members(pattern: ast.AST) -> Iterator[str]:
    """The members of enums that a pattern names, such as `Reason.SEND`."""
    for each in ast.walk(pattern):
        if isinstance(each, ast.MatchValue) and isinstance(each.value, ast.Attribute) and each.value.attr.isupper():
            yield ast.unparse(each.value)


def _says_never(case: ast.match_case) -> bool:
    """`case _: assert_never(…)`: mypy then refuses a member that no other case names."""
    last = case.body[0]
    call = last.value if isinstance(last, ast.Expr | ast.Return) else None
    return (
        isinstance(case.pattern, ast.MatchAs)
        and case.pattern.pattern is None
        and isinstance(call, ast.Call)
        and ast.unparse(call.func) == "assert_never"
    )


def _matches() -> Iterator[tuple[str, ast.Match]]:
    for module, path in sorted(sources().items()):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Match) and any(True for case in node.cases for _ in _members(case.pattern)):
                yield f"{module}:{node.lineno}", node


def test_every_match_on_a_closed_list_names_all_members() -> None:
    """A new member of an enum stops the type checker at each `match` that does not know it."""
    found = dict(_matches())
    assert found, "no match was looked at"
    assert [place for place, node in found.items() if not _says_never(node.cases[-1])] == []


@pytest.mark.parametrize("table", [STATUS_OF, QUESTIONS], ids=["status", "question"])
def test_every_reason_is_in_every_table(table: dict[Reason, object]) -> None:
    """A new reason says how a plan lists it, and what `explain` calls its question."""
    assert list(table) == list(Reason)


def test_every_reason_is_the_answer_to_a_question() -> None:
    """A new reason is one that some decision can have."""
    trees = (ast.parse(path.read_text("utf-8")) for name, path in sources().items() if name.startswith(DECIDING))
    named = {ast.unparse(node) for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert [reason for reason in Reason if f"Reason.{reason.name}" not in named] == []
