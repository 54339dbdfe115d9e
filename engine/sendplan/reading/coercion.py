"""YAML data → the types that its schema asks for: `01067` stays text for a postcode and is a number for a limit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any, TypeAlias

from sendplan import resources
from sendplan.reading.source import Plain

Schema: TypeAlias = tuple[str, Mapping[str, Any]]
"""The schema file's name, for its references, and a schema in it."""


def coerced(data: Any, name: str) -> Any:
    """The data by the schema `name`: an unquoted scalar becomes its core value where the schema takes that type,
    text where it takes only text (or an order's exact decimal), and stays `Plain` where the schema says nothing, as of
    a field of the project's own. `null` is None there, and wherever the schema takes it; so is a value left empty.
    """
    return _coerced(data, list(alternatives(name, resources.schema(name))))


def alternatives(file: str, schema: Any) -> Iterator[Schema]:
    """The schema itself and, through references, anyOf, oneOf and allOf, every schema that may describe the value."""
    if not isinstance(schema, Mapping):
        return
    reference = schema.get("$ref")
    if reference is not None:
        yield from alternatives(*_resolved(file, reference))
        return
    yield file, schema
    for keyword in ("anyOf", "oneOf", "allOf"):
        for each in schema.get(keyword, ()):
            yield from alternatives(file, each)


def types(schemas: Sequence[Schema]) -> list[str]:
    """Every type that one of the schemas takes."""
    found: dict[str, None] = {}
    for _, schema in schemas:
        given = schema.get("type", ())
        found |= dict.fromkeys([given] if isinstance(given, str) else given)
    return list(found)


def _coerced(data: Any, schemas: Sequence[Schema]) -> Any:
    if isinstance(data, Plain):
        exact = any(schema.get("x-type") == "decimal" for _, schema in schemas)
        return _scalar(data, ["string", "null"] if exact else types(schemas))
    if isinstance(data, dict):
        return {key: _coerced(value, list(_of_key(key, schemas))) for key, value in data.items()}
    if isinstance(data, list):
        items = [found for file, schema in schemas for found in alternatives(file, schema.get("items"))]
        return [_coerced(value, items) for value in data]
    return data


def _scalar(plain: Plain, allowed: Sequence[str]) -> Any:
    value = plain.value
    if not allowed:
        return None if value is None else plain
    if value is None:
        return None if "null" in allowed or not plain else str(plain)
    fits = {bool: ("boolean",), int: ("integer", "number"), Decimal: ("number",)}[type(value)]
    return value if any(each in allowed for each in fits) else str(plain)


def _of_key(key: str, schemas: Sequence[Schema]) -> Iterator[Schema]:
    for file, schema in schemas:
        found = [schema["properties"][key]] if key in schema.get("properties", {}) else []
        found += [each for pattern, each in schema.get("patternProperties", {}).items() if re.search(pattern, key)]
        for each in found or [schema.get("additionalProperties")]:
            yield from alternatives(file, each)


@cache
def _resolved(file: str, reference: str) -> tuple[str, Any]:
    """The schema that a reference in a schema file means, with the name of its own file."""
    target, _, pointer = reference.partition("#")
    name = target.removesuffix(".schema.json") or file
    found: Any = resources.schema(name)
    for part in pointer.split("/")[1:]:
        found = found[part]
    return name, found
