"""How commands print: problems, JSON, tables that fit, and text from outside without control characters."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from sendplan.problems import Problem
from sendplan.report import clean as clean

if TYPE_CHECKING:
    from rich.console import Console

_PIPE_WIDTH = 160
"""Columns of a table that no terminal shows."""


def print_json(data: Any) -> None:
    """Data for machines."""
    click.echo(json.dumps(data, ensure_ascii=False, indent=1))


def print_problems(problems: Iterable[Problem], format_: str, *, err: bool = False) -> None:
    """Problems as text, json or github annotations."""
    from sendplan import report

    problems = list(problems)
    if format_ == "json":
        print_json(report.problems_json(problems))
    elif format_ == "github":
        click.echo(report.problems_github(problems), err=err)
    else:
        stream = sys.stderr if err else sys.stdout
        click.echo(report.problems_text(problems, color=colored(stream)), err=err, color=colored(stream))


def colored(stream: Any) -> bool:
    """Whether to colour: a terminal, and NO_COLOR is not set (no-color.org: set and not empty)."""
    return not os.environ.get("NO_COLOR") and bool(stream.isatty())


def console(*, stderr: bool = False) -> Console:
    """A rich console that does not cut off what is piped."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(
        file=stream,
        width=None if stream.isatty() else _PIPE_WIDTH,
        highlight=False,
        markup=False,
        emoji=False,
        # Rich's own answer to NO_COLOR would keep bold and dim.
        color_system=None if os.environ.get("NO_COLOR") else "auto",
    )


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, title: str = "") -> None:
    """A table whose last column wraps; a title above it."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, title_justify="left", title_style="bold")
    if title:
        table.title = title
    for number, heading in enumerate(headings):
        table.add_column(heading, overflow="fold", no_wrap=number == 0)
    for row in rows:
        table.add_row(*(Text(clean(cell)) for cell in row))
    # Rich pads every line to the table's width; trailing blanks help nobody who copies or compares the output.
    out = console()
    with out.capture() as captured:
        out.print(table)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n")
