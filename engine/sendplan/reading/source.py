"""Strict YAML 1.2 → data in which every value knows its place (docs/project.md)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from sendplan.dataclass import dataclass
from sendplan.problems import CODES, Problem, Span, UserError, did_you_mean
from sendplan.reading.composing import Branch, Composer, Leaf, Place, Plain, span_between
from sendplan.reading.password_masking import masked, without_url_password
from sendplan.reading.project_file import read_project_file
from sendplan.reading.syntax import explain

__all__ = ["Document", "Ignore", "KeyPath", "Plain", "load", "parse"]

KeyPath: TypeAlias = tuple[str | int, ...]
"""Keys and list positions (from 0) that lead from the top to a value."""

_LINES = re.compile(r"\r\n|\r|\n")
_REFUSED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_IGNORE = re.compile(
    r"(?:^|(?<=\s))#[ \t]*sendplan:[ \t]*ignore(?:\[(?P<codes>[^\]\r\n]*)\])?[ \t]*(?P<reason>[^\r\n]*)", re.M
)
_TOKENS = {"'": re.compile(r"''|."), '"': re.compile(r"\\(?:x..|u.{4}|U.{8}|.)|.")}


@dataclass(frozen=True, slots=True)
class Ignore:
    """`# sendplan: ignore[CODE, …] reason`: these warnings on this line are meant so."""

    codes: tuple[str, ...]
    reason: str
    span: Span


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML file: its data, and where each part of it stands."""

    file: str
    """The name that is shown to people."""
    data: Any
    """dict, list, str and `Plain` only."""
    ignores: Mapping[int, Ignore]
    """By line, from 1; a comment on a line of its own speaks of the next line with content."""
    _root: Place
    _lines: list[str]

    def span(self, path: KeyPath) -> Span:
        """The value at the path, as far as it lies on its first line; of a value left empty, its key."""
        key, place = self._find(path)
        if key is not None and place.start.index == place.end.index:
            place = key
        return span_between(self.file, self._lines, place.start, place.end)

    def key_span(self, path: KeyPath) -> Span:
        """The key that the path ends with; of a list item, the item."""
        key, _ = self._find(path)
        return self.span(path) if key is None else span_between(self.file, self._lines, key.start, key.end)

    def within(self, path: KeyPath, start: int, end: int) -> Span:
        """Characters `start` to `end` (not included) of the text at the path, quotes and folded lines seen through."""
        _, place = self._find(path)
        whole = self.span(path)
        if isinstance(place, Branch):
            return whole
        for offset, line, columns in self._pieces(place):
            if offset <= start < offset + len(columns):
                first = columns[start - offset]
                last = columns[min(max(end, start + 1) - offset, len(columns)) - 1]
                return Span(self.file, line + 1, first + 1, last + 2, self._lines[line])
        if start >= len(place.value) and whole.line == place.end.line + 1:
            return Span(self.file, whole.line, whole.end_column, whole.end_column + 1, whole.text)
        pieces = [piece for piece in self._pieces(place) if piece[2]]
        if start >= len(place.value.rstrip()) and pieces:
            _, line, columns = pieces[-1]
            return Span(self.file, line + 1, columns[-1] + 2, columns[-1] + 3, self._lines[line])
        return whole

    def comment_after(self, path: KeyPath) -> tuple[str, Span] | None:
        """The comment behind the value at the path, on its last line: its text, and where it stands with its `#`."""
        _, place = self._find(path)
        line = self._lines[place.end.line] if place.end.line < len(self._lines) else ""
        found = re.match(r"\s+#(.*)", line[place.end.column :])
        if isinstance(place, Branch) or found is None:
            return None
        first = place.end.column + found.start(1)
        return found[1].strip(), Span(self.file, place.end.line + 1, first, len(line.rstrip()) + 1, line)

    def holds(self, path: KeyPath, span: Span) -> bool:
        """Whether the place lies in the value at the path: which rule of a file a problem belongs to."""
        key, place = self._find(path)
        start = place.start if key is None else key.start
        first, last = (start.line + 1, start.column + 1), (place.end.line + 1, place.end.column + 1)
        found = (span.line, span.column)
        return span.file == self.file and (first <= found < last or found == first)  # a value left empty ends at once

    def _find(self, path: KeyPath) -> tuple[Leaf | None, Place]:
        """Key and place at the path, or of its nearest existing ancestor."""
        key: Leaf | None = None
        place = self._root
        for part in path:
            if not isinstance(place, Branch):
                break
            children = place.children
            if isinstance(children, dict) and part in children:
                key, place = children[str(part)]
            elif isinstance(children, list) and isinstance(part, int) and part < len(children):
                key, place = None, children[part]
            else:
                break
        return key, place

    def _pieces(self, place: Leaf) -> Iterator[tuple[int, int, list[int]]]:
        """The text's parts that lie on one line: offset in the value, line, and the column of each character."""
        start, end, style = place.start, place.end, place.style
        if style in _TOKENS and start.line == end.line:
            raw = self._lines[start.line][start.column + 1 : end.column - 1]
            columns = [start.column + 1 + token.start() for token in _TOKENS[style].finditer(raw)]
            if len(columns) == len(place.value):
                yield 0, start.line, columns
            return
        position = 0
        for line in range(start.line + (style in ("|", ">")), min(end.line + 1, len(self._lines))):
            left = start.column if line == start.line else 0
            right = end.column if line == end.line else None
            text = self._lines[line][left:right].strip(" \t'\"" if style in _TOKENS else " \t")
            found = place.value.find(text, position)
            if found < 0:
                return
            column = self._lines[line].index(text, left)
            yield found, line, list(range(column, column + len(text)))
            position = found + len(text)


def load(path: Path, file: str | None = None, project: Path | None = None) -> tuple[Document | None, list[Problem]]:
    """Read and parse a UTF-8 file; `file` is the name to show. Nothing is raised for what the file holds or lacks.

    A file of the folder `project` is not read when it leads out of it.
    """
    name = file if file is not None else str(path)
    raw = read_project_file(path, name, project)
    if isinstance(raw, Problem):
        return None, [raw]
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = _LINES.split(raw[: error.start].decode("utf-8"))
        line = _LINES.split(masked(raw.decode("utf-8", errors="replace")))[len(before) - 1]
        column = len(before[-1]) + 1
        place = Span(name, len(before), column, column + 1, line)
        return None, [Problem("yaml-encoding", "the file is not UTF-8 from here on", place, "save the file as UTF-8")]
    return parse(text, name)


def parse(text: str, file: str) -> tuple[Document | None, list[Problem]]:
    """Data and places of a text; no document when it cannot be read to the end. Everything found is reported."""
    text = masked(text.removeprefix("\ufeff"))
    lines = [without_url_password(line) if "://" in line else line for line in _LINES.split(text)]
    refused = _REFUSED.search(text)
    if refused is not None:
        span = _at(file, lines, text, refused.start(), refused.end())
        message = f"the character U+{ord(refused.group()):04X} is not allowed in YAML"
        return None, [
            Problem("yaml-character", message, span, 'delete it, or write it as an escape in "double quotes"')
        ]
    composer = Composer(file, text, lines)
    try:
        composed = composer.compose(yaml.parse(text, Loader=_LOADER))
    except UserError as error:
        return None, [*composer.problems, *error.problems]
    except yaml.YAMLError as error:
        return None, [*composer.problems, explain(error, file, lines)]
    if composed is None:
        return None, [Problem("yaml-empty", "the file is empty", Span(file, 1, 1, 2, lines[0]))]
    data, root = composed
    ignores, problems = _ignores(file, text, lines, root)
    return Document(file, data, ignores, root, lines), [*composer.problems, *problems]


_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _ignores(file: str, text: str, lines: list[str], root: Place) -> tuple[dict[int, Ignore], list[Problem]]:
    """The `# sendplan: ignore[…]` comments by the line that they speak of."""
    ignores: dict[int, Ignore] = {}
    problems: list[Problem] = []
    if "sendplan:" not in text:
        return ignores, problems
    texts = [(place.start.index, place.end.index) for place in _scalars(root)]
    for match in _IGNORE.finditer(text):
        if any(start <= match.start() < end for start, end in texts):
            continue
        span = _at(file, lines, text, match.start(), match.end())
        codes = tuple(code.strip() for code in (match["codes"] or "").split(",") if code.strip())
        reason = match["reason"].strip()
        if not codes or not reason:
            message = "a reason is missing" if codes else "a code in [ ] is missing"
            problems.append(Problem("ignore-comment", message, span, "write `# sendplan: ignore[CODE] REASON`"))
            continue
        for code in codes:
            if code not in CODES:
                message = f"there is no problem code `{code}`"
                problems.append(Problem("ignore-comment", message, span, did_you_mean(code, CODES, listing=False)))
        line = span.line
        if not lines[line - 1][: span.column - 1].strip():
            line = next((n + 1 for n in range(line, len(lines)) if lines[n].partition("#")[0].strip()), line)
        if line in ignores:
            codes, reason = ignores[line].codes + codes, f"{ignores[line].reason}; {reason}"
        ignores[line] = Ignore(codes, reason, span)
    return ignores, problems


def _scalars(root: Place) -> Iterator[Leaf]:
    waiting: list[Place] = [root]
    while waiting:
        place = waiting.pop()
        if not isinstance(place, Branch):
            yield place
        elif isinstance(place.children, dict):
            for key, value in place.children.values():
                waiting += (key, value)
        else:
            waiting += place.children


def _at(file: str, lines: list[str], text: str, start: int, end: int) -> Span:
    """The place of characters `start` to `end` of the whole text."""
    before = _LINES.split(text[:start])
    line = len(before) - 1
    column = len(before[-1]) + 1
    return Span(file, line + 1, column, column + end - start, lines[line])
