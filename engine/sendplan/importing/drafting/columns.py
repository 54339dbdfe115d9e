"""Columns and paths of a file with the values of a few orders, the same for tables and trees."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any

from sendplan.dataclass import dataclass
from sendplan.expressions.elements import filled
from sendplan.expressions.tokens import FUNCTIONS, KEYWORDS
from sendplan.importing.drafting.vocabulary import BILLING, EMPTY, FILLERS, SHIPPING

_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
_COMPOUND = re.compile(
    r"\b(lieferungs|liefer|rechnungs|kunden)(?=(strasse|str|plz|ort|land|stadt|name|vorname|nachname|postleitzahl|haus)\b)"
)
"""Words that German writes in one with the part of an address."""
_WORD = re.compile(r"[a-z]+|[0-9]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SIMPLE = re.compile(r"[^\W\d]\w*")
_DEEPEST = 8
"""Records inside of records that are looked into."""


def words(name: str) -> tuple[str, ...]:
    """The words of a column's name: `Ship To Address 1`, `shipToAddress1` → ship, to, address, 1."""
    split = _CAMEL.sub(" ", name).casefold().translate(_UMLAUTS)
    plain = "".join(each for each in unicodedata.normalize("NFKD", split) if not unicodedata.combining(each))
    return tuple(_WORD.findall(_COMPOUND.sub(r"\1 ", plain.replace("e-mail", "email"))))


@dataclass(frozen=True, slots=True)
class SampleColumn:
    """A column of a table, or a path that leads to single values."""

    path: tuple[str, ...]
    values: Sequence[Sequence[Any]]
    """Of each order what is filled there: of a row one at most, of rows and lists several."""
    listed: tuple[str, ...] | None = None
    """The outermost list that the path leads through."""

    @property
    def name(self) -> str:
        return ".".join(self.path)

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(word for part in self.path for word in words(part))

    @property
    def shipping(self) -> bool:
        return bool(SHIPPING & set(self.words))

    @property
    def billing(self) -> bool:
        return bool(BILLING & set(self.words))

    @property
    def reference(self) -> str:
        """As an expression names it."""
        return ".".join(quoted(each) for each in self.path)

    @property
    def odd(self) -> bool:
        """Whether a part of its path can only be named in an expression."""
        return len(self.path) > 1 and not all(map(_SIMPLE.fullmatch, self.path))

    @property
    def first(self) -> list[Any]:
        """Of each order the first value, None where there is none."""
        return [next((each for each in order if says(each)), None) for order in self.values]

    @property
    def filled(self) -> list[Any]:
        """Every value of every order, without those that mean nothing."""
        return [each for order in self.values for each in order if says(each)]

    def spellings(self) -> list[tuple[str, ...]]:
        """The words by which it may be known: all, of the last part, and without those that say little."""
        leaf = words(self.path[-1].rpartition("/")[2])
        near = tuple(word for part in self.path[-2:] for word in words(part))
        roles = SHIPPING | BILLING
        found = [self.words, leaf, near]
        for little in (roles, roles | FILLERS - {"address"}, FILLERS, roles | FILLERS):
            found += [tuple(word for word in each if word not in little) for each in (leaf, near)]
        return [each for each in dict.fromkeys(found) if each]


def says(value: Any) -> bool:
    """Whether a value means something."""
    return filled(value) is not None and str(value).strip() not in EMPTY


def quoted(name: str) -> str:
    """A name as it stands in an expression."""
    if _SIMPLE.fullmatch(name) and name.casefold() not in _WORDS_OF_THE_LANGUAGE:
        return name
    mark = "'" if '"' in name else '"'
    return f"col({mark}{name}{mark})"


_WORDS_OF_THE_LANGUAGE = KEYWORDS | FUNCTIONS | {"rows", "seen"}


@dataclass(slots=True)
class Sample:
    """The first orders of a file, and what must be said to read it."""

    options: dict[str, Any] = field(default_factory=dict)
    """Keys of the mapping for the file itself, as they are written."""
    columns: list[SampleColumn] = field(default_factory=list)
    table: bool = False
    rows: list[dict[str, Any]] = field(default_factory=list)
    """Of a table."""
    orders: list[Mapping[str, Any]] = field(default_factory=list)
    """Of a file of trees."""
    guesses: dict[str, str] = field(default_factory=dict)
    """Option → what about it is not sure."""


def tree_columns(orders: Sequence[Mapping[str, Any]]) -> list[SampleColumn]:
    """Every path to single values in these orders."""
    values: dict[tuple[str, ...], list[list[Any]]] = {}
    lists: dict[tuple[str, ...], tuple[str, ...]] = {}
    for index, order in enumerate(orders):
        for path, listed, value in _leaves(order, (), None):
            column = values.setdefault(path, [[] for _ in orders])
            if listed is not None:
                lists[path] = listed
            if filled(value) is not None:
                column[index].append(value)
    return [SampleColumn(path, found, lists.get(path)) for path, found in values.items()]


def _leaves(
    value: Any, path: tuple[str, ...], listed: tuple[str, ...] | None
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...] | None, Any]]:
    if isinstance(value, dict) and len(path) < _DEEPEST:
        for key, each in value.items():
            if not key:  # the text of an element of XML that has attributes
                yield from _leaves(each, path, listed)
            elif "." not in key:
                yield from _leaves(each, (*path, key), listed)
    elif isinstance(value, list):
        for each in value or [None]:
            yield from _leaves(each, path, listed or path)
    elif path and not isinstance(value, dict):
        yield path, listed, value
