"""A date with `A if CONDITION else B` as the dates that it may come to."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from sendplan.expressions import Node
from sendplan.expressions.nodes import Add, Conditional, Extreme

_MOST = 64


def branches(node: Node) -> list[Node]:
    """The date once for each way in which its conditions may turn out; itself when there are very many."""
    found = _branches(node)
    return found if len(found) <= _MOST else [node]


def _branches(node: Node) -> list[Node]:
    match node:
        case Conditional(value=value, otherwise=otherwise):
            return [*_branches(value), *(_branches(otherwise) if otherwise is not None else [])]
        case Add(left=left, right=right):
            sides = product(branches(left), branches(right))
            return [replace(node, left=first, right=second) for first, second in sides]
        case Extreme(arguments=arguments):
            ways = ([replace(each, value=value) for value in branches(each.value)] for each in arguments)
            return [replace(node, arguments=chosen) for chosen in product(*ways)]
    return [node]
