"""YAML events → data and a tree of places, without recursion: keys are text, aliases and nesting are bounded."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import field
from decimal import Decimal
from typing import Any, NoReturn, Protocol, TypeAlias

import yaml

from sendplan.dataclass import dataclass
from sendplan.problems import Problem, Span, UserError
from sendplan.reading.syntax import EXPRESSION_KEYS, entry, mended, quoted

MAX_DEPTH = 50
"""How deep lists and mappings may lie in each other, aliases included."""
MAX_ALIASED = 10_000
"""How many values all aliases of a file may repeat together."""

CORE = re.compile(
    r"(?P<null>null|Null|NULL|~|)"
    r"|(?P<flag>true|True|TRUE|false|False|FALSE)"
    r"|(?P<octal>0o[0-7]{1,40})|(?P<hex>0x[0-9a-fA-F]{1,40})"
    r"|(?P<integer>[-+]?[0-9]{1,40})"
    r"|(?P<decimal>[-+]?(\.[0-9]{1,40}|[0-9]{1,40}(\.[0-9]{0,40})?)([eE][-+]?[0-9]{1,3})?)"
)
"""The core types of YAML 1.2 (§10.3.2); infinities, not-a-number and absurdly long numbers stay text."""


class Plain(str):
    """An unquoted scalar that YAML 1.2 reads as a number, a flag or null; it keeps its characters (`01067`)."""

    __slots__ = ()

    @property
    def value(self) -> int | Decimal | bool | None:
        """The core value; a number with a fraction or an exponent is a Decimal made from the characters."""
        match = CORE.fullmatch(self)
        kind = match.lastgroup if match else None
        if match is None or kind == "null":
            return None
        if kind == "flag":
            return self.lower() == "true"
        if kind in ("octal", "hex"):
            return int(self, 0)
        return int(self) if match["integer"] else Decimal(self)


class YamlMark(Protocol):
    """A position as the parser gives it, all counted in characters from 0."""

    @property
    def index(self) -> int: ...
    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Leaf:
    """Where a scalar stands, quotes included."""

    value: str
    start: YamlMark
    end: YamlMark
    style: str
    """`'`, `"`, `|`, `>`, or empty for an unquoted scalar."""


@dataclass(slots=True)
class Branch:
    """Where a mapping or list stands, and the places of what it holds."""

    start: YamlMark
    end: YamlMark
    children: dict[str, tuple[Leaf, Place]] | list[Place]
    """Of a mapping, by key: the place of the key and that of its value."""


Place: TypeAlias = Leaf | Branch


def span_between(file: str, lines: list[str], start: YamlMark, end: YamlMark) -> Span:
    """The place between two marks, as far as it lies on the first line."""
    text = lines[start.line] if start.line < len(lines) else ""
    stop = end.column if end.line == start.line else len(text.rstrip())
    return Span(file, start.line + 1, start.column + 1, max(stop, start.column + 1) + 1, text)


@dataclass(slots=True)
class _Frame:
    """A mapping or list that is still open."""

    data: Any
    place: Branch
    flow: bool
    """Written in braces or brackets."""
    anchor: str | None
    counted: int
    """How many values had been read when it began."""
    height: int = 1
    key: Leaf | None = None
    last: str = ""
    """The key of the latest stored value."""
    discard: bool = False
    """The value to come belongs to a key that was refused."""
    joined: dict[str, Leaf] = field(default_factory=dict)
    """Expression keys in `{ }` → the last piece that a comma cut off."""


@dataclass(frozen=True, slots=True)
class _Anchored:
    """What an alias stands for."""

    data: Any
    place: Place
    size: int
    height: int


class Composer:
    """Builds one document's data; `problems` collects what is wrong in it."""

    def __init__(self, file: str, text: str, lines: list[str]) -> None:
        self.problems: list[Problem] = []
        self._file, self._text, self._lines = file, text, lines
        self._anchors: dict[str, _Anchored] = {}
        self._stack: list[_Frame] = []
        self._count = self._aliased = 0
        self._result: tuple[Any, Place] | None = None

    def compose(self, events: Iterable[Any]) -> tuple[Any, Place] | None:
        """The data and its places; None for a file without content.

        Raises UserError where reading on makes no sense, and what PyYAML raises.
        """
        documents = 0
        for event in events:
            kind = type(event)
            if kind is yaml.ScalarEvent:
                self._scalar(event)
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                self._open(event)
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                self._close(event.end_mark)
            elif kind is yaml.AliasEvent:
                self._alias(event)
            elif kind is yaml.DocumentStartEvent:
                documents += 1
                if documents > 1:
                    self._stop("yaml-documents", "a file holds one document; `---` starts a second one", event)
        return self._result

    def _span(self, start: YamlMark, end: YamlMark) -> Span:
        return span_between(self._file, self._lines, start, end)

    def _report(self, code: str, message: str, place: Place, help: str = "") -> None:
        self.problems.append(Problem(code, message, self._span(place.start, place.end), help))

    def _stop(self, code: str, message: str, event: Any, help: str = "") -> NoReturn:
        raise UserError(Problem(code, message, self._span(event.start_mark, event.end_mark), help))

    def _scalar(self, event: Any) -> None:
        self._count += 1
        value: str = event.value
        leaf = Leaf(value, event.start_mark, event.end_mark, event.style or "")
        frame = self._stack[-1] if self._stack else None
        if event.tag is not None:
            value = self._tag(leaf, frame) or value
        if frame is not None and frame.key is None and isinstance(frame.data, dict):
            self._begin_key(frame, leaf)
        else:
            if frame is not None and frame.key is not None and frame.key.value in EXPRESSION_KEYS:
                self._check_comment(frame.key.value, leaf)
            if not leaf.style and event.tag is None and CORE.fullmatch(value):
                value = Plain(value)
                if not value and self._cut_off(frame, leaf):
                    return
            self._attach(value, leaf, 0)
        if event.anchor:
            self._anchors[event.anchor] = _Anchored(value, leaf, 1, 0)

    def _begin_key(self, frame: _Frame, key: Leaf) -> None:
        frame.key = key
        if key.value == "<<" and not key.style:
            frame.discard = True
            self._report("yaml-merge-key", "merge keys are not supported", key, "write the keys out here")
        elif key.value in frame.data:
            assert isinstance(frame.place.children, dict)
            first = frame.place.children[key.value][0].start.line + 1
            frame.discard = True
            self._report("yaml-duplicate-key", f"`{key.value}` appears twice, first on line {first}", key)

    def _attach(self, value: Any, place: Place, height: int) -> None:
        """Put a finished value where it belongs."""
        if not self._stack:
            self._result = (value, place)
            return
        frame = self._stack[-1]
        frame.height = max(frame.height, height + 1)
        children = frame.place.children
        if isinstance(children, list):
            frame.data.append(value)
            children.append(place)
            return
        if frame.key is None:
            help = "a text that begins with `{` or `[` needs quotes around it"
            raise UserError(Problem("yaml-key", "a key must be text", self._span(place.start, place.end), help))
        if not frame.discard:
            key = frame.last = frame.key.value
            frame.data[key] = value
            children[key] = (frame.key, place)
        frame.key, frame.discard = None, False

    def _open(self, event: Any) -> None:
        mapping = type(event) is yaml.MappingStartEvent
        place = Branch(event.start_mark, event.end_mark, {} if mapping else [])
        if event.tag is not None:
            self._tag(place, self._stack[-1] if self._stack else None)
        self._check_depth(1, event)
        data: Any = {} if mapping else []
        self._stack.append(_Frame(data, place, bool(event.flow_style), event.anchor, self._count))
        self._count += 1

    def _close(self, end: YamlMark) -> None:
        frame = self._stack.pop()
        frame.place.end = end
        for key, last in frame.joined.items():
            self._rejoin(frame, key, last)
        if frame.anchor:
            size = self._count - frame.counted
            self._anchors[frame.anchor] = _Anchored(frame.data, frame.place, size, frame.height)
        self._attach(frame.data, frame.place, frame.height)

    def _alias(self, event: Any) -> None:
        anchored = self._anchors.get(event.anchor)
        if anchored is None:
            message = f"`*{event.anchor}` is an alias, and nothing above is marked `&{event.anchor}`"
            self._stop("yaml-alias", message, event, "a text that begins with `*` needs quotes around it")
        self._aliased += anchored.size
        self._count += anchored.size
        if self._aliased > MAX_ALIASED:
            self._stop("yaml-alias", f"aliases repeat more than {MAX_ALIASED:,} values in this file", event)
        self._check_depth(anchored.height, event)
        if self._stack and self._stack[-1].key is None and isinstance(self._stack[-1].data, dict):
            self._stop("yaml-key", "a key must be text, not an alias", event)
        self._attach(anchored.data, anchored.place, anchored.height)

    def _check_depth(self, height: int, event: Any) -> None:
        if len(self._stack) + height > MAX_DEPTH:
            self._stop("yaml-nesting", f"lists and mappings are nested more than {MAX_DEPTH} deep", event)

    def _tag(self, place: Place, frame: _Frame | None) -> str:
        """Refuse a tag; of `trigger: !cancelled`, which is one to YAML, return the expression that was meant."""
        raw = self._text[place.start.index : place.end.index].strip()
        tag = raw.split()[0] if raw.startswith("!") else "this"
        message = f"`{tag}` is a YAML tag, and tags are not supported"
        key = frame.key.value if frame is not None and frame.key is not None else ""
        if frame is None or key not in EXPRESSION_KEYS or isinstance(place, Branch) or "\n" in raw:
            help = "remove the tag; a text that begins with `!` needs quotes around it"
            self._report("yaml-tag", message, place, help)
            return ""
        self._report("yaml-tag", message, place, f"write `{entry(key, raw, inside=frame.flow)}`")
        return mended(raw)

    def _check_comment(self, key: str, leaf: Leaf) -> None:
        """A ` #` inside a quoted word of an unquoted expression begins a comment: the rest of the line is lost."""
        line = self._lines[leaf.end.line]
        lost = line[leaf.end.column :].lstrip()
        if leaf.style or leaf.value.count('"') % 2 == 0 or not lost.startswith("#"):
            return
        raw = line[leaf.start.column :].strip()
        message = f"` #` begins a comment and cuts off the value of `{key}`"
        self._report("yaml-expression", message, leaf, f"write `{key}: {quoted(raw)}`")

    def _cut_off(self, frame: _Frame | None, empty: Leaf) -> bool:
        """Whether this empty value is the tail of an expression that a comma inside `{ }` broke; then it is dropped."""
        if frame is None or frame.key is None or frame.last not in EXPRESSION_KEYS:
            return False
        if ":" in self._text[frame.key.end.index : empty.start.index]:
            return False
        frame.joined[frame.last] = frame.key
        frame.key, frame.discard = None, False
        return True

    def _rejoin(self, frame: _Frame, key: str, last: Leaf) -> None:
        """Give an expression the part back that a comma cut off, so that it is reported once and here."""
        assert isinstance(frame.place.children, dict)
        key_place, place = frame.place.children[key]
        if isinstance(place, Branch):
            return
        raw = self._text[place.start.index : last.end.index]
        whole = Leaf(raw, place.start, last.end, "")
        frame.data[key] = raw
        frame.place.children[key] = (key_place, whole)
        help = f"write `{key}: {quoted(raw)}`, or on a line of its own without quotes"
        self._report("yaml-expression", f"inside {{ }} a comma ends the value of `{key}`", whole, help)
