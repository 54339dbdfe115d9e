"""Columns and paths that a mapping reads and a file must have (docs/mapping.md#files)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

from sendplan.dataclass import dataclass
from sendplan.expressions.columns import Paths
from sendplan.importing.files import OrderFile
from sendplan.importing.mapping import FileMapping, importable
from sendplan.importing.shapes import ABSENT, RawOrder, walked
from sendplan.importing.tables import Table
from sendplan.problems import Problem, Span, UserError, did_you_mean
from sendplan.project.settings import Settings


@dataclass(slots=True)
class NeededColumns:
    """A table's header is asked once; trees are asked record by record until each path was found in one."""

    file: OrderFile
    mapping: FileMapping
    settings: Settings
    unmet: list[tuple[str, Paths, Span | None]] = field(default_factory=list)
    """What the mapping reads and no record had so far."""

    def check(self, table: Table) -> None:
        """Whether a table has every column that the mapping reads, once. Raises UserError."""
        if self.mapping.own_names:
            self._check_own_names(table)
            return
        missing = [
            self._lacks(key, paths, span, table)
            for key, paths, span in self._all()
            if not any(path[0] in table.positions for path in paths)
        ]
        twice = [
            self.file.header_problem(
                table.header_line,
                f"the column `{name}` appears twice, and the mapping reads it",
                "rename one of them in the file",
            )
            for name in sorted(table.repeated & self.mapping.columns)
        ]
        if missing or twice:
            raise UserError([*dict.fromkeys(missing), *twice])

    def await_all(self) -> None:
        """Begin to look for every path in the records to come."""
        self.unmet = self._all()

    def look_into(self, batch: Sequence[RawOrder]) -> None:
        """Forget the paths that some record has."""
        for _, record in batch:
            if not self.unmet:
                return
            self.unmet = [each for each in self.unmet if all(walked(record, path) is ABSENT for path in each[1])]

    def check_met(self) -> None:
        """Whether some record had each path. Raises UserError."""
        if self.unmet:
            missing = [self._lacks(key, paths, span) for key, paths, span in self.unmet]
            raise UserError(list(dict.fromkeys(missing)))

    def _check_own_names(self, table: Table) -> None:
        fields = importable(self.settings)
        for name in sorted(table.repeated & fields.keys()):
            raise UserError(self.file.header_problem(table.header_line, f"the column `{name}` appears twice"))
        if "id" not in table.positions:
            help = did_you_mean("id", table.header)
            if not help.startswith("did"):
                help = "a mapping file tells which column is which field: --mapping FILE"
            raise UserError(self.file.header_problem(table.header_line, "no column provides the field `id`", help))

    def _all(self) -> list[tuple[str, Paths, Span | None]]:
        """Everything that must be there: what reads it, the ways to it, and where the mapping says so."""
        found = list(self.mapping.needs)
        for each in self.mapping.sources or ():
            if not each.optional:
                found += [(each.field.name, paths, each.span) for paths in each.needs]
        return found

    def _lacks(self, key: str, paths: Paths, span: Span | None, table: Table | None = None) -> Problem:
        name = ".".join(min(paths))
        if table is not None:
            message = f"the file has no column `{name}`, which `{key}` reads"
            help = table.suggestion(name)
            known = help if help.startswith("did") else ""
        else:
            message, known = f"no order of the file has `{name}`, which `{key}` reads", ""
        optional = "" if key in ("only", "group") else "add `optional: true` when it may be absent"
        return Problem("absent-column", message, span, " or ".join(filter(None, (known, optional))))
