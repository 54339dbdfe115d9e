"""One word, one meaning: no two public types of the engine share a name."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator

from import_graph import sources


def _types(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) == "TypeAlias":
            yield ast.unparse(node.target)


def test_no_two_types_share_a_name() -> None:
    """Whoever reads a type's name knows which one it is, wherever it stands."""
    places: dict[str, list[str]] = defaultdict(list)
    for module, path in sources().items():
        for name in _types(ast.parse(path.read_text(encoding="utf-8"))):
            if not name.startswith("_"):
                places[name].append(module)
    assert {name: modules for name, modules in places.items() if len(modules) > 1} == {}
