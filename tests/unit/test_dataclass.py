"""Frozen dataclasses that are quick to make behave as the standard library's."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import field
from typing import Any

import pytest

from sendplan.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class _Quick:
    name: str
    tags: tuple[str, ...] = ()
    note: str = field(default="", compare=False)
    secret: str = field(default="", repr=False)
    count: int = field(default=0, hash=False)


@dataclasses.dataclass(frozen=True, slots=True)
class _Standard:
    name: str
    tags: tuple[str, ...] = ()
    note: str = field(default="", compare=False)
    secret: str = field(default="", repr=False)
    count: int = field(default=0, hash=False)


_VALUES: list[dict[str, Any]] = [
    {"name": "a"},
    {"name": "b"},
    {"name": "a", "tags": ("x",)},
    {"name": "a", "note": "different"},
    {"name": "a", "secret": "s"},
    {"name": "a", "count": 1},
]


@pytest.mark.parametrize("one", _VALUES)
@pytest.mark.parametrize("other", _VALUES)
def test_records_compare_hash_and_show_as_the_standard_ones(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Two records are equal, hash alike and are shown just as the standard library's are."""
    quick, standard = (_Quick(**one), _Quick(**other)), (_Standard(**one), _Standard(**other))
    assert (quick[0] == quick[1]) is (standard[0] == standard[1])
    assert (hash(quick[0]) == hash(quick[1])) is (hash(standard[0]) == hash(standard[1]))
    assert repr(quick[0]) == repr(standard[0]).replace("_Standard", "_Quick")


def test_a_record_of_another_class_is_another() -> None:
    """Records of two classes are never equal, whatever they hold."""

    @dataclass(frozen=True, slots=True)
    class Further(_Quick):
        pass

    assert Further("a") != _Quick("a")
    assert _Quick("a").__eq__("a") is NotImplemented


def test_what_a_class_says_itself_stays() -> None:
    """A class keeps how it compares and is shown when it says so itself."""

    @dataclass(frozen=True, slots=True)
    class Own:
        value: int

        def __repr__(self) -> str:
            return "own"

        def __eq__(self, other: object) -> bool:
            return True

    assert repr(Own(1)) == "own"
    assert Own(1) == Own(2)
    assert hash(Own(1)) != hash(Own(2))


def test_a_record_cannot_be_changed_and_can_be_copied() -> None:
    """Nothing of a record can be set afterwards; a copy, also through pickle, and a replacement are new records."""
    record = _Quick("a", ("x",), "n")
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.name = "b"  # type: ignore[misc]
    assert dataclasses.replace(record, name="b") == _Quick("b", ("x",))
    assert copy.deepcopy(record) == record == pickle.loads(pickle.dumps(record))
    assert not hasattr(record, "__dict__")


def test_a_record_without_fields_and_one_within_itself() -> None:
    """A record without fields equals its like, and one that holds itself is shown without end."""

    @dataclass(frozen=True, slots=True)
    class Empty:
        pass

    @dataclass(frozen=True, slots=True)
    class Holder:
        held: list[object]

    assert Empty() == Empty()
    assert hash(Empty()) == hash(Empty())
    assert repr(Empty()).endswith("Empty()")
    within: list[object] = []
    within.append(Holder(within))
    assert "..." in repr(within)
