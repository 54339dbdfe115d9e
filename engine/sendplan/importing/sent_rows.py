"""A file of what an old system has sent → messages of the project's rules (docs/mapping.md#history)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sendplan.calendar import Calendar
from sendplan.dataclass import dataclass
from sendplan.fields import Field, FieldType
from sendplan.importing.bad_rows import BadRow
from sendplan.importing.conversion import Notation, converter
from sendplan.importing.files import OrderFile
from sendplan.importing.json_trees import json_line_records, json_records
from sendplan.importing.mistakes import ConversionError
from sendplan.importing.tables import OddRow, Table, TableLayout
from sendplan.ledger import MessageKey
from sendplan.problems import Problem, UserError, did_you_mean

COLUMNS = ("order", "rule", "step", "at")
"""What the file names; `step` may be absent where no rule has a ladder."""
_CONVERTED = {
    "order": Field("id", FieldType.TEXT),
    "at": Field("at", FieldType.MOMENT, own=True),
}


@dataclass(frozen=True, slots=True)
class SentRow:
    """One message that another system has sent."""

    line: int
    order: str
    message: MessageKey
    at: datetime
    """When it went out (UTC)."""


@dataclass(slots=True)
class SentFile:
    """The rows of such a file. What is wrong with the file itself raises UserError."""

    file: OrderFile
    calendar: Calendar
    rules: Mapping[str, Sequence[str]]
    """Rule → ids of its ladder's steps."""
    now: datetime
    table: Table | None = None

    def rows(self) -> Iterator[SentRow | list[BadRow]]:
        """Each row, or everything that is wrong with it."""
        convert = {name: converter(each, self.calendar, Notation()) for name, each in _CONVERTED.items()}
        for line, cells in self._cells():
            if isinstance(cells, BadRow):
                yield [cells]
                continue
            values: dict[str, Any] = {name: str(cells.get(name) or "").strip() for name in ("rule", "step")}
            mistakes: list[BadRow] = []
            for name, read in convert.items():
                try:
                    values[name] = read(cells.get(name))
                except ConversionError as error:
                    mistakes.append(
                        BadRow(line, help=error.help, column=name, what=error.what, raw=error.raw, label=name)
                    )
                else:
                    if values[name] in (None, ""):
                        mistakes.append(BadRow(line, f"`{name}` is missing", column=name))
            mistakes += self._unknown(line, values["rule"], values["step"])
            moment = values.get("at")
            at = None if not isinstance(moment, date) else self.calendar.instant(moment)
            if at is not None and at > self.now:
                mistakes.append(BadRow(line, "what was sent cannot lie in the future", column="at"))
            if mistakes or at is None:
                yield mistakes
            else:
                yield SentRow(line, values["order"], (values["rule"], values["step"]), at)

    def _unknown(self, line: int, rule: str, step: str) -> list[BadRow]:
        if not rule:
            return [BadRow(line, "`rule` is missing", column="rule")]
        if rule not in self.rules:
            return [BadRow(line, f"there is no rule `{rule}`", did_you_mean(rule, self.rules), "rule")]
        steps = self.rules[rule]
        if step in steps or (not step and not steps):
            return []
        if not steps:
            return [BadRow(line, f"the rule `{rule}` has no ladder, so no step `{step}`", "leave `step` empty", "step")]
        help = did_you_mean(step, steps) if step else f"name one of {', '.join(steps)}"
        what = f"has no step `{step}`" if step else "has a ladder, so each message has a `step`"
        return [BadRow(line, f"the rule `{rule}` {what}", help, "step")]

    def _cells(self) -> Iterator[tuple[int, dict[str, Any] | BadRow]]:
        rows: Iterator[Any]
        if self.file.format in ("csv", "xlsx"):
            rows = self._table_rows()
        elif self.file.format == "xml":
            raise UserError(self.file.problem(1, "what was sent is read from csv, xlsx, json or jsonl"))
        else:
            read = json_records if self.file.format == "json" else json_line_records
            rows = read(self.file, ())
        for row in rows:
            if isinstance(row, OddRow):
                yield row.line, BadRow(row.line, row.message, row.help)
            else:
                yield row

    def _table_rows(self) -> Iterator[tuple[int, dict[str, Any]] | OddRow]:
        self.table = table = Table(self.file, TableLayout())
        rows = table.start()
        lacking = [name for name in COLUMNS if name not in table.positions and name != "step"]
        if lacking:
            problems = [
                Problem(
                    "absent-column",
                    f"the file has no column `{name}`",
                    self.file.span(table.header_line, 1),
                    table.suggestion(name) or f"its columns must be {', '.join(COLUMNS)}",
                )
                for name in lacking
            ]
            raise UserError(problems)
        for row in rows:
            if isinstance(row, OddRow):
                yield row
            else:
                line, cells = row
                yield line, {name: cells[at] for name, at in table.positions.items()}
