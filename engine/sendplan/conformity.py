"""Whether data follows a JSON Schema, yes or no: quick, and without loading the library that can say what is wrong.

A schema is read once into functions. A keyword or value that these do not judge counts as no; `schemas` then asks that
library.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any, TypeAlias

from sendplan.coercion import resolved

Test: TypeAlias = Callable[[Any], bool]

_TYPES: Mapping[str, Test] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float | Decimal) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}
_NOTES = frozenset(
    {"$schema", "$id", "title", "description", "examples", "default", "definitions", "errorMessage", "x-type", "then"}
)
"""Keywords that ask nothing by themselves."""


class _DoubtError(Exception):
    """Neither yes nor no."""


def follows(data: Any, name: str) -> bool:
    """Whether the data certainly follows the schema `name`."""
    try:
        return _referred(name, "#")(data)
    except _DoubtError:
        return False


def pattern_of(pattern: str) -> re.Pattern[str]:
    """Draft-07's `$` is the end of the text; Python's would also allow a line break after it."""
    return re.compile(re.sub(r"(?<!\\)\$$", r"\\Z", pattern))


@cache
def _referred(file: str, reference: str) -> Test:
    return _test(*resolved(file, reference))


def _test(file: str, schema: Any) -> Test:
    if not isinstance(schema, Mapping):
        return lambda value: schema is not False
    if "$ref" in schema:
        reference = schema["$ref"]
        return lambda value: _referred(file, reference)(value)
    tests = [_keyword(file, schema, key) for key in schema.keys() - _NOTES]
    return lambda value: all(test(value) for test in tests)


def _keyword(file: str, schema: Mapping[str, Any], key: str) -> Test:
    wanted = schema[key]
    match key:
        case "type":
            return _any_of(_TYPES[each] for each in ([wanted] if isinstance(wanted, str) else wanted))
        case "enum":
            return lambda value: any(_equal(value, each) for each in wanted)
        case "const":
            return lambda value: _equal(value, wanted)
        case "anyOf":
            return _any_of(_test(file, each) for each in wanted)
        case "oneOf":
            choices = [_test(file, each) for each in wanted]
            return lambda value: sum(test(value) for test in choices) == 1
        case "not":
            refused = _test(file, wanted)
            return lambda value: not refused(value)
        case "if":
            condition, then = _test(file, wanted), _test(file, schema.get("then", True))
            return lambda value: not condition(value) or then(value)
        case "pattern":
            search = pattern_of(wanted).search
            return lambda value: not isinstance(value, str) or search(value) is not None
        case "minLength":
            return lambda value: not isinstance(value, str) or len(value) >= wanted
        case "maxLength":
            return lambda value: not isinstance(value, str) or len(value) <= wanted
        case "minItems":
            return lambda value: not isinstance(value, list) or len(value) >= wanted
        case "minProperties":
            return lambda value: not isinstance(value, dict) or len(value) >= wanted
        case "minimum":
            return lambda value: not _TYPES["number"](value) or value >= wanted
        case "maximum":
            return lambda value: not _TYPES["number"](value) or value <= wanted
        case "uniqueItems" if wanted is True:
            return lambda value: not isinstance(value, list) or len(set(map(_text, value))) == len(value)
        case "items" if isinstance(wanted, Mapping):
            item = _test(file, wanted)
            return lambda value: not isinstance(value, list) or all(item(each) for each in value)
        case "required":
            return lambda value: not isinstance(value, dict) or all(each in value for each in wanted)
        case "propertyNames":
            named = _test(file, wanted)
            return lambda value: not isinstance(value, dict) or all(named(each) for each in value)
        case "properties":
            return _properties(file, schema)
        case "additionalProperties":
            # One test with the keyword above.
            return _properties(file, schema) if "properties" not in schema else lambda value: True
        case "dependencies":
            present = {each: _test(file, then) for each, then in wanted.items() if isinstance(then, Mapping)}
            if len(present) == len(wanted):
                return lambda value: (
                    not isinstance(value, dict) or all(test(value) for each, test in present.items() if each in value)
                )
    return _doubtful


def _properties(file: str, schema: Mapping[str, Any]) -> Test:
    known = {each: _test(file, inner) for each, inner in schema.get("properties", {}).items()}
    others = _test(file, schema.get("additionalProperties", True))
    return lambda value: (
        not isinstance(value, dict) or all(known.get(each, others)(inner) for each, inner in value.items())
    )


def _any_of(tests: Iterable[Test]) -> Test:
    choices = tuple(tests)
    return choices[0] if len(choices) == 1 else lambda value: any(test(value) for test in choices)


def _equal(value: Any, wanted: Any) -> bool:
    """`1` and `true` are not."""
    return bool(value == wanted) and isinstance(value, bool) is isinstance(wanted, bool)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _DoubtError
    return value


def _doubtful(value: Any) -> bool:
    raise _DoubtError
