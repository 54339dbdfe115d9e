"""Frozen values of the engine as bytes, for the user's cache: nothing else is written, and nothing else is read.

Pickles, limited on both ways to data classes and enums of sendplan and to a few plain types: reading one calls nothing
but their constructors.
"""

from __future__ import annotations

import io
import pickle
from dataclasses import is_dataclass
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

from sendplan.expressions import Expression

_PLAIN = frozenset(
    {
        ("builtins", "frozenset"),
        ("datetime", "date"),
        ("datetime", "datetime"),
        ("datetime", "time"),
        ("datetime", "timedelta"),
        ("decimal", "Decimal"),
        ("pathlib", "PosixPath"),
        ("zoneinfo", "ZoneInfo"),
    }
)


class _Packer(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, ZoneInfo) and value.key is not None:
            return ZoneInfo, (value.key,)
        if isinstance(value, Expression):
            return Expression, (value.text, value.root, value.kind)  # The rest of it follows from these.
        return NotImplemented


class _Unpacker(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _PLAIN and not module.startswith("sendplan."):
            raise pickle.UnpicklingError(name)
        found = super().find_class(module, name)
        own = isinstance(found, type) and (is_dataclass(found) or issubclass(found, Enum))
        if (module, name) not in _PLAIN and not own:
            raise pickle.UnpicklingError(name)
        return found


def packed(value: Any) -> bytes | None:
    """The value as bytes; None when they would not give back the very same."""
    into = io.BytesIO()
    try:
        _Packer(into, pickle.HIGHEST_PROTOCOL).dump(value)
    except (pickle.PicklingError, TypeError, AttributeError, RecursionError):
        return None
    return into.getvalue() if unpacked(into.getvalue()) == value else None


def unpacked(content: bytes) -> Any:
    """The value of these bytes; None when they are of no such value."""
    try:
        return _Unpacker(io.BytesIO(content)).load()
    except Exception:  # Damaged bytes may ask for anything, and fail in any way.
        return None
