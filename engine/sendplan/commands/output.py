"""How commands print: problems, JSON, tables that fit, and text from outside without control characters."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, zip_longest
from shutil import get_terminal_size
from textwrap import wrap
from typing import Any
from unicodedata import combining, east_asian_width

import click

from sendplan.addresses import mask_all
from sendplan.dataclass import dataclass
from sendplan.events import emit, json_only
from sendplan.problems import Problem
from sendplan.text import clean

_PIPE_WIDTH = 160
"""Columns of a table that no terminal shows."""
_LEAST_WIDTH = 10
"""To which columns shrink; a still narrower terminal breaks the lines itself."""
_GAP, _NARROW_GAP = "   ", "  "
"""Between columns; the narrow one where a table would not fit otherwise."""


def print_json(data: Any) -> None:
    """Data for machines; a lone surrogate, which UTF-8 lacks, is written as JSON's escape."""
    click.echo(json.dumps(data, ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace").decode())


def print_problems(problems: Iterable[Problem], format_: str, *, err: bool = False) -> None:
    """Problems as text, json or github annotations."""
    from sendplan import report

    problems = list(problems)
    if err and json_only():
        for each in problems:
            _emit(each)
    elif format_ == "json":
        print_json(report.problems_json(problems))
    elif format_ == "github":
        click.echo(report.problems_github(problems), err=err)
    else:
        stream = sys.stderr if err else sys.stdout
        click.echo(report.problems_text(problems, color=colored(stream)), err=err, color=colored(stream))


def _emit(problem: Problem) -> None:
    """A problem as an event; the line itself, which may hold anything, stays out of logs."""
    emit(
        "problem",
        logging.ERROR if problem.is_error else logging.WARNING,
        code=problem.code,
        place=str(problem.span) if problem.span else None,
        message=clean(mask_all(problem.message)),
        help=problem.help,
    )


def warn(text: str) -> None:
    """A warning beside a result, on stderr."""
    if json_only():
        emit("warning", logging.WARNING, message=clean(mask_all(text)))
    else:
        click.echo(f"warning: {clean(text)}", err=True)


def remark(text: str) -> None:
    """Something that is good to know beside a result, on stderr."""
    if json_only():
        emit("remark", message=clean(mask_all(text)))
    else:
        click.echo(clean(text), err=True)


def colored(stream: Any) -> bool:
    """Whether to colour: a terminal, and NO_COLOR is not set (no-color.org: set and not empty)."""
    return not os.environ.get("NO_COLOR") and bool(stream.isatty())


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, title: str = "") -> None:
    """A table with a title above it; where it is too wide, the cells of its widest columns wrap."""
    cells = [_cells(row) for row in rows]
    widths = _widths(headings, cells)
    color = colored(sys.stdout)
    above = [*([title] if title else []), *_lines(headings, widths)]
    lines = [click.style(each, bold=True) if color else each for each in above]
    lines.append("─" * len(_GAP.join("─" * width for width in widths)))
    for row in cells:
        lines += _lines(row, widths)
    click.echo("\n".join(lines) + "\n", color=color)


@dataclass(frozen=True, slots=True)
class Section:
    """Rows of a grouped table that belong together, under lines of their own."""

    lines: tuple[str, ...]
    rows: Sequence[Sequence[str]]


def print_sections(headings: Sequence[str], sections: Sequence[Section], *, title: str) -> None:
    """One table whose rows are grouped; a column that no row fills is left out."""
    flat = [_cells(row) for section in sections for row in section.rows]
    filled = [number for number, column in enumerate(zip(*flat, strict=True)) if any(column)]
    shown = [headings[number] for number in filled]
    listed = [[row[number] for number in filled] for row in flat]
    gap = next((gap for gap in (_GAP, _NARROW_GAP) if _fits(shown, listed, gap)), _NARROW_GAP)
    widths = _widths(shown, listed, indent=2, gap=gap)
    color = colored(sys.stdout)
    lines = [title, *(f"  {line}" for line in _lines(shown, widths, gap))]
    if color:
        lines = [click.style(each, bold=True) for each in lines]
    rows = iter(listed)
    for section in sections:
        lines += ["", *(wrapped for line in section.lines for wrapped in _wrapped(clean(line)))]
        lines += [f"  {line}" for row in islice(rows, len(section.rows)) for line in _lines(row, widths, gap)]
        click.echo("\n".join(lines), color=color)  # Section by section: a plan may have many messages.
        lines.clear()
    click.echo()


def _wrapped(line: str) -> list[str]:
    return wrap(line, _room(), subsequent_indent="    ", break_on_hyphens=False, break_long_words=False) or [""]


def _cells(row: Sequence[str]) -> list[str]:
    return [" ".join(clean(cell).replace("\t", " ").splitlines()) for cell in row]


def _room() -> int:
    return get_terminal_size().columns if sys.stdout.isatty() else _PIPE_WIDTH


def _fits(headings: Sequence[str], cells: Sequence[Sequence[str]], gap: str) -> bool:
    """Whether a grouped table fits with this gap and no wrapped cell."""
    widths = [max(map(_width, column)) for column in zip(headings, *cells, strict=True)]
    return 2 + len(gap.join("─" * width for width in widths)) <= _room()


def _widths(headings: Sequence[str], cells: Sequence[Sequence[str]], *, indent: int = 0, gap: str = _GAP) -> list[int]:
    """How wide each column is; where they do not fit together, the widest shrink."""
    widths = [max(map(_width, column)) for column in zip(headings, *cells, strict=True)]
    room = _room() - indent - len(gap) * (len(widths) - 1)
    while sum(widths) > room and max(widths) > _LEAST_WIDTH:
        widths[widths.index(max(widths))] -= 1
    return widths


def _lines(row: Sequence[str], widths: Sequence[int], gap: str = _GAP) -> Iterator[str]:
    """A row of a table; blanks at a line's end would help nobody who copies or compares the output.

    A name is broken at a hyphen where it would be broken anyway.
    """
    parts = [
        wrap(cell, width, break_on_hyphens=any(_width(word) > width for word in cell.split()))
        if _width(cell) > width
        else [cell]
        for cell, width in zip(row, widths, strict=True)
    ]
    for line in zip_longest(*parts, fillvalue=""):
        padded = (part + " " * (width - _width(part)) for part, width in zip(line, widths, strict=True))
        yield gap.join(padded).rstrip()


def _width(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(each) else 2 if east_asian_width(each) in "WF" else 1 for each in text)
