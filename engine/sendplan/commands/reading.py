"""What `import` and `run` share: how the import of a file is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from sendplan import report
from sendplan.commands.output import print_problems
from sendplan.importing.import_report import ImportReport, Preview
from sendplan.importing.values import as_json
from sendplan.operating.histories import HistoryReport
from sendplan.text import clean, counted


def print_import(file: str, done: ImportReport) -> None:
    """What a file changed or would change, and what in it was refused."""
    problems = [*done.problems, *done.warnings]
    if problems:
        print_problems(problems, "text", err=True)
    for each in done.previews:
        for line in _preview(each):
            click.echo(clean(line))
    if done.previews and done.unused:
        click.echo(f"not used: {clean(', '.join(done.unused))}")
    said = f"{done.inserted} new, {done.updated} updated, {done.unchanged} unchanged, {done.bad} bad"
    passed = f", {done.passed_over} passed over" if done.passed_over else ""
    stored = "" if done.stored else "; nothing was stored"
    click.echo(f"{clean(file)}: {counted(done.rows, 'row')}: {said}{passed}{stored}")


def _preview(preview: Preview) -> Iterator[str]:
    """One order as it would be stored, and what that changes."""
    values = {name: as_json(value) for name, value in preview.values.items()}
    before = {name: as_json(value) for name, value in preview.before.values.items()} if preview.before else {}
    state = "new" if preview.before is None else "unchanged"
    if preview.before is not None and _changed(preview):
        state = f"would change {', '.join(_changed(preview))}"
    yield f"{values.get('id')} (line {preview.line}): {state}"
    for name, value in values.items():
        if name == "lines" and isinstance(value, list):
            yield "  lines:"
            yield from (f"    {', '.join(f'{key} {part}' for key, part in each.items())}" for each in value)
        elif name != "id":
            was = f"   (was {before.get(name, 'nothing')})" if preview.before and name in _changed(preview) else ""
            yield f"  {name}: {_shown(value)}{was}"
    if preview.before is not None:
        yield from (f"  {name}: nothing   (was {before[name]})" for name in before if name not in values)


def _changed(preview: Preview) -> list[str]:
    assert preview.before is not None
    names = {**preview.values, **preview.before.values}
    return [name for name in names if preview.values.get(name) != preview.before.values.get(name)]


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def import_json(done: ImportReport) -> dict[str, Any]:
    """The same for machines."""
    counts: dict[str, Any] = {
        "rows": done.rows,
        "inserted": done.inserted,
        "updated": done.updated,
        "unchanged": done.unchanged,
        "bad": done.bad,
        "passed_over": done.passed_over,
        "stored": done.stored,
    }
    if done.refused:
        counts["bad_lines"] = {str(line): list(codes) for line, codes in sorted(done.refused.items())}
    if done.previews:
        counts["orders"] = [as_json(each.values) for each in done.previews]
        counts["unused"] = list(done.unused)
    return counts | report.problems_json([*done.problems, *done.warnings])


def print_history(file: str, done: HistoryReport) -> None:
    """What a file of sent messages recorded, and what in it was refused."""
    if done.problems:
        print_problems(list(done.problems), "text", err=True)
    stored = "" if done.stored else "; nothing was stored"
    unknown = f" ({done.unknown_orders} of orders that are not there yet)" if done.unknown_orders else ""
    said = f"{done.recorded} recorded as sent{unknown}, {done.known} known, {done.bad} bad"
    click.echo(f"{clean(file)}: {counted(done.rows, 'row')}: {said}{stored}")


def history_json(done: HistoryReport) -> dict[str, Any]:
    """The same for machines."""
    counts = {
        "rows": done.rows,
        "recorded": done.recorded,
        "known": done.known,
        "unknown_orders": done.unknown_orders,
        "bad": done.bad,
        "stored": done.stored,
    }
    return counts | report.problems_json(list(done.problems))
