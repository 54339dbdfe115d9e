"""Which module imports which, read from the sources: at the top of files and inside functions alike."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "engine" / "sendplan"
_ROOT = PACKAGE.parent
_FACE = "sendplan"
"""The package itself: it offers the Python API, whose methods import what they need only when they are called."""


@cache
def sources() -> Mapping[str, Path]:
    """Module name → file, for every module of the package."""
    return {_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def _name(path: Path) -> str:
    parts = path.relative_to(_ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def graph() -> Mapping[str, frozenset[str]]:
    """Module → what it imports when it runs, inside and outside the package; not what only type checkers read."""
    return {name: frozenset(_imports(path)) for name, path in sources().items()}


def _imports(path: Path) -> Iterator[str]:
    for node in _running(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            module = node.module or ""
            inner = [f"{module}.{alias.name}" for alias in node.names]
            submodules = [each for each in inner if each in sources()]
            yield from submodules
            if len(submodules) < len(inner):
                yield module


def _running(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            continue
        yield child
        yield from _running(child)


def reachable(starts: Iterable[str]) -> frozenset[str]:
    """Every module that importing these brings in, in the end; a module brings the packages that it lies in."""
    seen: set[str] = set()
    waiting = list(starts)
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += graph().get(name, ())
            waiting += _parents(name)
    return frozenset(seen)


def _parents(name: str) -> list[str]:
    parent = name.rpartition(".")[0]
    return [parent] if parent not in ("", _FACE) else []


def path_between(start: str, goal: str) -> list[str]:
    """One chain of imports from a module to another; empty when there is none."""
    came_from: dict[str, str] = {start: ""}
    waiting = [start]
    while waiting:
        name = waiting.pop(0)
        if name == goal:
            chain = [name]
            while came_from[chain[-1]]:
                chain.append(came_from[chain[-1]])
            return chain[::-1]
        for each in (*graph().get(name, ()), *_parents(name)):
            if each not in came_from:
                came_from[each] = name
                waiting.append(each)
    return []
