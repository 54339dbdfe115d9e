"""Plan snapshots: the plans of a file of orders, compared with the text beside it (docs/project.md#snapshots)."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sendplan.dataclass import dataclass
from sendplan.ledger import State
from sendplan.output_file import FileKind, write_file
from sendplan.plan import Plan
from sendplan.planning.planner import Clock, decide_orders, plan_from
from sendplan.problems import Problem
from sendplan.project.project import Project
from sendplan.reading.project_file import read_project_file
from sendplan.reading.source import Document
from sendplan.scenarios.imported import filled, located_import, read_orders, refresh
from sendplan.scenarios.written_tests import read_test_file
from sendplan.store.records import StoredOrder

FOLDER = Path("fixtures/snapshots")
ENDING = ".plan.txt"


@dataclass(frozen=True, slots=True)
class SnapshotResult:
    """One snapshot's outcome; one that cannot be played has problems and has not passed."""

    file: str
    title: str
    text: str = ""
    """The plans as they are now."""
    kept: str | None = None
    """The plans as they were kept; None when nothing was kept yet."""
    problems: tuple[Problem, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether it could be played and the plans are as they were kept."""
        return not self.problems and self.kept == self.text

    @property
    def message(self) -> str:
        """What differs, line by line: `-` was kept, `+` is now."""
        if self.problems or self.passed:
            return ""
        if self.kept is None:
            return f"nothing was kept yet; `sendplan test --update` writes {Path(self.file).stem}{ENDING}"
        lines = difflib.unified_diff(self.kept.splitlines(), self.text.splitlines(), "kept", "now", lineterm="", n=3)
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class PlanSnapshot:
    """One snapshot file, checked against its schema."""

    path: Path
    document: Document
    title: str
    data: dict[str, Any]

    @property
    def file(self) -> str:
        """The name that is shown to people."""
        return self.document.file

    @property
    def kept(self) -> Path:
        """The file that holds its plans."""
        return self.path.with_name(self.path.stem + ENDING)


def read(path: Path, name: str, project: Path | None = None) -> PlanSnapshot | SnapshotResult:
    """A snapshot file; or its failure, when it cannot be played."""
    written = read_test_file(path, name, "snapshot", project)
    if written.document is None:
        return SnapshotResult(name, written.title, problems=written.problems)
    return PlanSnapshot(path, written.document, written.title, written.data)


def run(snapshot: PlanSnapshot, project: Project, *, update: bool = False) -> SnapshotResult:
    """Import the file, plan at each moment, and compare with what was kept; `update` keeps what is now."""
    document, settings = snapshot.document, project.settings
    moments, problems = _moments(snapshot, project)
    file, mapping, missing = located_import(document, snapshot.path.parent, settings.folder)
    problems += missing
    if problems or file is None:
        return SnapshotResult(document.file, snapshot.title, problems=tuple(problems))
    imported = read_orders(file, mapping, settings, moments[0])
    if not imported.report.stored:
        return SnapshotResult(document.file, snapshot.title, problems=imported.report.problems)
    text = "\n".join(plan.to_text() for plan in plans(project, imported.orders, moments))
    if update:
        write_file(snapshot.kept, FileKind.SNAPSHOT, [text.encode()])
    kept = read_project_file(snapshot.kept, str(Path(snapshot.file).with_name(snapshot.kept.name)), settings.folder)
    if isinstance(kept, bytes):
        return SnapshotResult(document.file, snapshot.title, text, kept.decode("utf-8", "replace"))
    problems = [kept] if kept.code != "file-missing" else []
    return SnapshotResult(document.file, snapshot.title, text, problems=tuple(problems))


def _moments(snapshot: PlanSnapshot, project: Project) -> tuple[list[datetime], list[Problem]]:
    moments: list[datetime] = []
    problems: list[Problem] = []
    for number, text in enumerate(snapshot.data["at"]):
        moment, span = project.settings.calendar.parse(text), snapshot.document.span(("at", number))
        if moment is None:
            problems.append(Problem("wrong-value", f"`{text}` is not a valid time", span, "write `2026-08-24 12:00`"))
        elif moments and moment < moments[-1]:
            problems.append(Problem("wrong-value", "the times must ascend", span, "put this time earlier"))
        else:
            moments.append(moment)
    return moments, problems


def plans(project: Project, orders: Sequence[StoredOrder], moments: Sequence[datetime]) -> Iterator[Plan]:
    """A plan for each moment (UTC, ascending), on data that is always fresh.

    What a plan sends counts as sent for the next one; a refused plan sends nothing.
    """
    source = filled(orders)
    for now in moments:
        refresh(source, project.settings, now)
        clock = Clock(now, replay=True)
        plan = plan_from(project, source, clock, decide_orders(project, source, clock))
        yield plan
        for entry in plan.send if plan.refused is None else ():
            assert entry.order is not None
            source.settle(entry.order, (entry.rule, entry.step or ""), State.SENT, now)
