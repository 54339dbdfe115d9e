"""Which parts of an order an expression over its columns needs (docs/mapping.md#types)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from sendplan.dataclass import dataclass
from sendplan.expressions.columns import Paths
from sendplan.expressions.nodes import Call, Column, Conditional, FieldRef, Get, Node, Where, children


@dataclass(frozen=True, slots=True)
class Needs:
    """The columns and paths that an expression reads: of each set at least one must be there."""

    found: list[Paths] = field(default_factory=list)

    def read(self, node: Node, parts: Mapping[str, Node], start: Paths = frozenset({()})) -> Paths:
        """Where the value of a part comes from, noting all that it reads; `start` is where its names begin."""
        match node:
            case FieldRef(name=name) if name in parts:
                above = dict(list(parts.items())[: list(parts).index(name)])
                return self.read(parts[name], above)
            case FieldRef(name="rows"):
                return frozenset({()})
            case FieldRef(name="seen"):
                return frozenset()
            case FieldRef(name=name) | Column(name=name):
                return self.step(start, name)
            case Get(base=base, name=name):
                return self.step(self.read(base, parts, start), name)
            case Where(base=base, condition=condition):
                listed = self.read(base, parts, start)
                self.read(condition, {}, listed)
                return listed
            case Conditional(value=value, condition=condition, otherwise=otherwise):
                self.read(condition, parts, start)
                chosen = self.read(value, parts, start)
                return chosen if otherwise is None else chosen | self.read(otherwise, parts, start)
            case Call(name="first" | "last", arguments=arguments):
                return frozenset().union(*(self.read(each, parts, start) for each in arguments))
        for each in children(node):
            self.read(each, parts, start)
        return frozenset()

    def step(self, origins: Paths, name: str) -> Paths:
        paths = frozenset((*each, name) for each in origins)
        if paths:
            self.found.append(paths)
        return paths
