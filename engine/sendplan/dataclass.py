"""The standard library's `dataclass`, made in half the time where it is frozen: a command starts by making 130 of them.

It writes and compiles six methods for each class. Of those, comparing, hashing and showing do the same with other
fields, so here they are functions over the fields' names; the others it writes as ever.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]


def _key_of(names: list[str]) -> Callable[[Any], object]:
    """Gives the values of these attributes, as something that compares and hashes as they do."""
    return attrgetter(*names) if names else lambda self: ()


def _with_methods(cls: type) -> type:
    """The dataclass with those methods that it has not written itself."""
    fields = dataclasses.fields(cls)
    compared = _key_of([each.name for each in fields if each.compare])
    hashed = _key_of([each.name for each in fields if (each.compare if each.hash is None else each.hash)])
    shown = [each.name for each in fields if each.repr]

    def __eq__(self: object, other: object) -> bool:  # noqa: N807
        return compared(self) == compared(other) if other.__class__ is self.__class__ else NotImplemented

    def __hash__(self: object) -> int:  # noqa: N807
        return hash(hashed(self))

    @recursive_repr()
    def __repr__(self: object) -> str:  # noqa: N807
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
        return f"{self.__class__.__qualname__}({values})"

    for method in (__eq__, __hash__, __repr__):
        if cls.__dict__.get(method.__name__) is None:
            setattr(cls, method.__name__, method)
    return cls


if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(*, frozen: bool = False, slots: bool = False, eq: bool = True) -> Callable[[type], type]:
        """As `dataclasses.dataclass`."""
        if not (frozen and eq):
            return dataclasses.dataclass(frozen=frozen, slots=slots, eq=eq)
        make = dataclasses.dataclass(frozen=True, slots=slots, eq=False, repr=False)
        return lambda cls: _with_methods(make(cls))
