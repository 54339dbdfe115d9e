"""Every problem code that the engine can give, read from the syntax trees of its source."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

ENGINE = Path(__file__).parents[2] / "engine" / "sendplan"

Takers: TypeAlias = Mapping[str, tuple[int, ast.expr | None]]
"""Functions and classes that take a text called `code`: its position among the arguments, and its default."""


@dataclass(slots=True)
class Codes:
    """What the source says."""

    given: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Code → the places that give it."""
    untold: list[str] = field(default_factory=list)
    """Places where the source does not say which code it is."""


def codes() -> Codes:
    """Every text that is handed to something as its `code`."""
    found = Codes()
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(ENGINE.rglob("*.py"))}
    shared: Takers = {name: taker for tree in trees.values() for name, taker in _takers(tree.body).items()}
    for path, tree in trees.items():
        takers = {**shared, **_takers(ast.walk(tree)), **_handed_over(tree)}
        for node in ast.walk(tree):
            for value in _values(node, takers):
                _note(value, f"{path.relative_to(ENGINE)}:{value.lineno}", found)
    return found


def _takers(nodes: Iterator[ast.AST] | list[ast.stmt]) -> Takers:
    takers: dict[str, tuple[int, ast.expr | None]] = {}
    for node in nodes:
        if isinstance(node, ast.FunctionDef):
            arguments = [*node.args.posonlyargs, *node.args.args]
            defaults = [None] * (len(arguments) - len(node.args.defaults)) + list(node.args.defaults)
            names = [(each.arg, each.annotation, default) for each, default in zip(arguments, defaults, strict=True)]
            names = [each for each in names if each[0] not in ("self", "cls")]
        elif isinstance(node, ast.ClassDef):
            fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
            names = [(ast.unparse(each.target), each.annotation, each.value) for each in fields]
        else:
            continue
        for position, (name, annotation, default) in enumerate(names):
            if name == "code" and annotation is not None and ast.unparse(annotation) == "str":
                takers[node.name] = (position, default)
    return takers


def _handed_over(tree: ast.Module) -> Takers:
    """Functions that a caller hands over to note problems with; the code is their first argument."""
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    named = ((each.arg, each.annotation) for function in functions for each in function.args.args)
    return {
        name: (0, None) for name, annotation in named if annotation is not None and ast.unparse(annotation) == "Note"
    }


def _values(node: ast.AST, takers: Takers) -> Iterator[ast.expr]:
    """What a call hands over as `code`, and what a variable of that name is set to."""
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "code" and _is_told(node.value):
        yield node.value
    if not isinstance(node, ast.Call):
        return
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    keyword = next((each.value for each in node.keywords if each.arg == "code"), None)
    if keyword is not None and (name in takers or name == "replace"):
        yield keyword
    elif name in takers:
        position, default = takers[name]
        if len(node.args) > position:
            yield node.args[position]
        elif default is not None:
            yield default


def _is_told(value: ast.expr) -> bool:
    return isinstance(value, ast.IfExp) or (isinstance(value, ast.Constant) and isinstance(value.value, str))


def _note(value: ast.expr, place: str, found: Codes) -> None:
    match value:
        case ast.Constant(value=str(code)):
            found.given[code].append(place)
        case ast.IfExp(body=body, orelse=orelse):
            _note(body, place, found)
            _note(orelse, place, found)
        case ast.Name(id="code") | ast.Attribute(attr="code"):
            pass  # handed on: it is noted where it comes from
        case _:
            found.untold.append(f"{place}: {ast.unparse(value)}")
