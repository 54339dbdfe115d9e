"""JSON Schema validation → Problems with places, plain sentences and did-you-mean."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any

from sendplan import resources
from sendplan.problems import Problem, Span, did_you_mean
from sendplan.reading.coercion import alternatives, coerced, types
from sendplan.reading.source import Document, KeyPath
from sendplan.reading.syntax import EXPRESSION_KEYS

if TYPE_CHECKING:
    import jsonschema_rs
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

_TYPES = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
}

_FLAGS = {"yes": "true", "on": "true", "no": "false", "off": "false"}
"""What other programs read as flags."""


def validated(document: Document, name: str) -> tuple[Any, list[Problem]]:
    """The document's data in the types of the schema `name`, and everything that the schema does not allow.

    A missing key is placed at the mapping that lacks it, an unknown key at itself, anything else at the value.
    """
    data = coerced(document.data, name)
    if follows(data, name):
        return data, []
    problems: dict[Problem, None] = {}
    for error in _validator(name).iter_errors(data):
        for leaf in _leaves(error):
            problems |= dict.fromkeys(_Reading(leaf, name).problems(document))
    return data, sorted(problems, key=lambda each: (each.span.line, each.span.column) if each.span else (0, 0))


def without_wrong(data: Any, name: str) -> tuple[Any, frozenset[KeyPath]]:
    """A copy without what the schema `name` does not allow, and where that stood; None when nothing can be left.

    So that what is wrong elsewhere can be told at the same time.
    """
    kept = deepcopy(data)
    gone: set[KeyPath] = set()
    for _ in range(_PASSES):
        wrong = {path for error in _validator(name).iter_errors(kept) for path in _wrong_paths(error)}
        if not wrong:
            return kept, frozenset(gone)
        # Items of a list are removed from its end, so that those before keep their places.
        for path in sorted(wrong, key=lambda each: (len(each), str(each[:-1]), each[-1:]), reverse=True):
            if not path or not _removed(kept, path):
                return None, frozenset(gone)
        gone |= wrong
    return None, frozenset(gone)


_PASSES = 8


def _wrong_paths(error: ValidationError) -> Iterator[KeyPath]:
    for leaf in _leaves(error):
        path: KeyPath = tuple(leaf.absolute_path)
        value: Any = leaf.instance
        if leaf.validator == "additionalProperties" and isinstance(leaf.schema, dict):
            yield from ((*path, key) for key in value if key not in leaf.schema.get("properties", {}))
        elif "propertyNames" in leaf.absolute_schema_path:
            yield (*path, value)
        else:
            yield path


def _removed(data: Any, path: KeyPath) -> bool:
    for part in path[:-1]:
        if isinstance(data, dict) and part not in data:
            return True  # what holds it is gone already
        data = data[part]
    if isinstance(data, dict):
        data.pop(path[-1], None)
    elif isinstance(data, list) and isinstance(path[-1], int):
        del data[path[-1]]
    return isinstance(data, dict | list)


def valid(data: Any, name: str) -> bool:
    """Whether data that was never YAML, such as a plan's JSON, follows the schema `name`."""
    return follows(data, name) or bool(_validator(name).is_valid(data))


def follows(data: Any, name: str) -> bool:
    """Whether data certainly follows the schema `name`; whatever is not sure, jsonschema has the word."""
    try:
        return _quick(name).is_valid(data)
    except ValueError:  # a value that no JSON has
        return False


@cache
def _quick(name: str) -> jsonschema_rs.Draft7Validator:
    # Nearly every file is in order: a quick yes spares loading and asking the library that can say what is wrong.
    import jsonschema_rs

    return jsonschema_rs.Draft7Validator(resources.schema(name), retriever=lambda uri: resources.schema(_name_of(uri)))


def _name_of(uri: str) -> str:
    return uri.rpartition("/")[2].partition(".")[0]


@cache
def _validator(name: str) -> Validator:
    from jsonschema import Draft7Validator, validators
    from referencing import Registry
    from referencing.jsonschema import DRAFT7

    def retrieved(uri: str) -> Any:
        # A schema that names its own draft would be judged without `_pattern`.
        schema = resources.schema(_name_of(uri))
        return DRAFT7.create_resource({key: each for key, each in schema.items() if key != "$schema"})

    registry: Any = Registry(retrieve=retrieved)  # type: ignore[call-arg]
    extend: Any = validators.extend
    made = extend(Draft7Validator, {"pattern": _pattern})
    validator: Validator = made(resources.schema(name), registry=registry)
    return validator


def _pattern(validator: Validator, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """Draft-07's `$` is the end of the text; Python's would also allow a line break after it."""
    from jsonschema.exceptions import ValidationError

    if isinstance(instance, str) and not re.search(re.sub(r"(?<!\\)\$$", r"\\Z", pattern), instance):
        yield ValidationError(f"does not match {pattern}")


def _leaves(error: ValidationError) -> Iterator[ValidationError]:
    """The errors behind an anyOf or oneOf: those of the branch that was most probably meant, else the error itself."""
    if error.validator not in ("anyOf", "oneOf"):
        yield error
        return
    branches: dict[Any, list[ValidationError]] = {}
    for each in error.context or ():
        branches.setdefault(each.schema_path[0], []).append(each)
    meant = [errors for errors in branches.values() if not all(map(_is_of_another_kind, errors))]
    if not meant:
        telling = [errors[0] for errors in branches.values() if _is_telling(errors[0])]
        yield telling[0] if isinstance(error.instance, str) and telling else error
        return
    for each in min(meant, key=len):
        yield from _leaves(each)


def _is_telling(error: ValidationError) -> bool:
    """Whether the error of one branch says more than that no branch fits."""
    wanted: Any = error.validator_value
    schema: Any = error.schema
    return (error.validator == "enum" and len(wanted) > 1) or (
        error.validator == "pattern" and "errorMessage" in schema
    )


_OWN = ("type", "enum", "const", "pattern", "minLength", "required")
"""Where these fail at the value itself, its branch was not meant."""


def _is_of_another_kind(error: ValidationError) -> bool:
    """Whether the error of one branch says that the value itself is something else; a choice of keys asks a mapping."""
    own = error.validator in _OWN or (error.validator == "oneOf" and not isinstance(error.instance, dict))
    return own and not error.path


class _Reading:
    """One validation error, put into words."""

    def __init__(self, error: ValidationError, name: str) -> None:
        self.error = error
        self.path: KeyPath = tuple(error.absolute_path)
        self.schema: dict[str, Any] = error.schema if isinstance(error.schema, dict) else {}
        self.name = name
        self.value: Any = error.instance

    def problems(self, document: Document) -> Iterator[Problem]:
        """One problem, or one for each key that is missing or unknown."""
        span = document.span(self.path)
        wanted: Any = self.error.validator_value
        if "propertyNames" in self.error.absolute_schema_path:
            place = document.key_span((*self.path, self.value))
            yield Problem("wrong-key", f"`{self.value}` {self._expected('is not allowed')}", place)
            return
        match self.error.validator:
            case "additionalProperties":
                yield from self._unknown(document)
            case "required":
                yield from self._missing(wanted, document)
            case "anyOf" | "oneOf" if isinstance(self.value, dict) and all(
                list(each) == ["required"] for each in wanted
            ):
                yield from self._choice([key for each in wanted for key in each["required"]], document)
            case "type" | "anyOf" | "oneOf":
                yield self._wrong_type(span)
            case "enum" | "const":
                yield self._not_listed([wanted] if self.error.validator == "const" else wanted, span)
            case "minLength" | "minItems" | "minProperties" if not self.value:
                yield Problem("empty-value", f"{self._label()} is empty", document.key_span(self.path))
            case "uniqueItems":
                yield Problem("duplicate-item", f"{self._label()} names `{_first_double(self.value)}` twice", span)
            case "minimum":
                yield Problem("wrong-value", f"{self._label()} {self._expected(f'must be at least {wanted}')}", span)
            case "maximum":
                yield Problem("wrong-value", f"{self._label()} {self._expected(f'must be at most {wanted}')}", span)
            case _:
                yield Problem("wrong-value", f"{self._label()} {self._expected('is not allowed')}", span)

    def _unknown(self, document: Document) -> Iterator[Problem]:
        known = self.schema.get("properties", {})
        for key in self.value:
            if key not in known:
                place = document.key_span((*self.path, key))
                help = did_you_mean(key, known)
                yield Problem("unknown-key", f"unknown key `{key}` in {self._container()}", place, help)

    def _missing(self, keys: Sequence[str], document: Document) -> Iterator[Problem]:
        missing = [key for key in keys if key not in self.value and not self._misspelled(key)]
        if missing:
            verb = "is" if len(missing) == 1 else "are"
            message = f"{_joined(missing, ' and ')} {verb} missing in {self._container()}"
            yield Problem("missing-key", message, document.key_span(self.path))

    def _choice(self, keys: Sequence[str], document: Document) -> Iterator[Problem]:
        given = [key for key in keys if key in self.value]
        if given:
            message = f"only one of {_joined(given, ' and ')} may appear in {self._container()}"
            yield Problem("wrong-key", message, document.key_span((*self.path, given[-1])))
        elif not any(self._misspelled(key) for key in keys):
            message = f"{_joined(keys, ' or ')} is missing in {self._container()}"
            yield Problem("missing-key", message, document.key_span(self.path))

    def _misspelled(self, key: str) -> bool:
        """Whether an unknown key, which is reported itself, was meant to be this one."""
        if self.schema.get("additionalProperties") is not False:
            return False
        unknown = [each for each in self.value if each not in self.schema.get("properties", {})]
        return bool(get_close_matches(key, unknown, n=1))

    def _wrong_type(self, span: Span) -> Problem:
        if self.value in (None, ""):
            return Problem("empty-value", f"{self._label()} is empty", span)
        names = [_TYPES[each] for each in self._allowed() if each in _TYPES]
        wanted = " or ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
        message = f"{self._label()} {self._expected(f'must be {wanted}')}, not {_said(self.value)}"
        return Problem("wrong-type", message, span, self._help())

    def _allowed(self) -> list[str]:
        return types(list(alternatives(self.name, self.schema)))

    def _help(self) -> str:
        """What to write instead of a value of the wrong type."""
        allowed, key, value = self._allowed(), self.path[-1] if self.path else "", self.value
        if key in EXPRESSION_KEYS and isinstance(value, (list, dict)):
            return "put quotes around the whole expression; YAML reads a leading `[` or `{` as a list or mapping"
        if not isinstance(value, str):
            return ""
        if value.isdigit() and not {"integer", "number"}.isdisjoint(allowed):
            return "remove the quotes"
        if value.lower() in _FLAGS and "boolean" in allowed:
            return f"write `{key}: {_FLAGS[value.lower()]}`"
        items = [
            each
            for _, schema in alternatives(self.name, self.schema)
            for each in alternatives(self.name, schema.get("items"))
        ]
        return f"write `{key}: [{value}]`" if "string" in types(items) else ""

    def _not_listed(self, values: Sequence[Any], span: Span) -> Problem:
        names = [str(value) for value in values if value is not None]
        one = f"must be `{names[0]}`" if len(names) == 1 else f"must be one of {', '.join(names)}"
        message = f"{self._label()} {self._expected(one)}, not {_said(self.value)}"
        help = did_you_mean(str(self.value), names)
        return Problem("wrong-value", message, span, "" if help.startswith("known") else help)

    def _expected(self, otherwise: str) -> str:
        return str(self.schema.get("errorMessage", otherwise))

    def _label(self) -> str:
        """The value by its key, or as an item of the list that it stands in."""
        if not self.path:
            return "the file"
        if isinstance(self.path[-1], str):
            return f"`{self.path[-1]}`"
        owner = next((part for part in reversed(self.path) if isinstance(part, str)), "")
        return f"item {self.path[-1] + 1} of `{owner}`" if owner else f"item {self.path[-1] + 1}"

    def _container(self) -> str:
        """What a mapping is called: by its own key, or by its title where it is one of many."""
        title = str(self.schema.get("title", "entry")).lower()
        last = self.path[-1] if self.path else ""
        if not self.path:
            return "the file"
        if last == title.replace(" ", "_"):
            return f"`{last}`"
        return f"{'an' if title[0] in 'aeiou' else 'a'} {title}"


def _joined(keys: Sequence[str], conjunction: str) -> str:
    names = [f"`{key}`" for key in keys]
    return conjunction.join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def _said(value: Any) -> str:
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "a mapping"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _first_double(values: Sequence[Any]) -> Any:
    return next((value for number, value in enumerate(values) if value in values[:number]), "")
