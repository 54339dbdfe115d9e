"""A project's tests, of both kinds: scenarios with expectations, and snapshots of plans."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from textwrap import indent
from typing import TypeAlias

from sendplan import report
from sendplan.project.project import Project
from sendplan.project.project_folder import SCENARIOS
from sendplan.scenarios import play, snapshots
from sendplan.scenarios.play import Observer, Scenario, ScenarioResult
from sendplan.scenarios.snapshots import PlanSnapshot, SnapshotResult

Test: TypeAlias = Scenario | PlanSnapshot
PlayedTest: TypeAlias = ScenarioResult | SnapshotResult


def find(folder: Path, paths: Iterable[Path] = ()) -> Iterator[Path]:
    """The test files of the project in `folder`, or those among `paths` (files and folders), by name."""
    defaults = (folder / SCENARIOS, folder / snapshots.FOLDER)
    for path in tuple(paths) or tuple(each for each in defaults if each.is_dir()):
        yield from sorted(path.rglob("*.yaml")) if path.is_dir() else [path]


def read(path: Path, folder: Path) -> Test | PlayedTest:
    """A test file of the project in `folder`, shown by its path there; or its failure, when it cannot be played."""
    absolute = path.parent.resolve() / path.name
    name = absolute.relative_to(folder).as_posix() if absolute.is_relative_to(folder) else str(path)
    if snapshots.FOLDER.name in absolute.parts[:-1]:
        return snapshots.read(absolute, name, folder)
    return play.read(absolute, name, folder)


def read_all(folder: Path, paths: Iterable[Path] = (), pattern: str = "") -> Iterator[Test | PlayedTest]:
    """The tests of `find` whose title or file matches a regular expression, ignoring case; raises `re.error`."""
    wanted = re.compile(pattern, re.IGNORECASE)
    for path in find(folder, paths):
        test = read(path, folder)
        if wanted.search(test.title) or wanted.search(test.file):
            yield test


def run(
    test: Test | PlayedTest, project: Project, observe: Observer = lambda decision: None, *, update: bool = False
) -> PlayedTest:
    """Play a test; `observe` sees every decision of a scenario, `update` keeps the plans of a snapshot."""
    match test:
        case Scenario():
            return play.run(test, project, observe)
        case PlanSnapshot():
            return snapshots.run(test, project, update=update)
        case _:
            return test


def failure_text(result: PlayedTest) -> str:
    """What differs from what was expected, and what is wrong with the file; empty when it passed."""
    lines = [report.problems_text(result.problems, color=False)] if result.problems else []
    if isinstance(result, ScenarioResult):
        failed = (step for step in result.steps if not step.passed)
        lines += [f"at {step.at}\n{indent(step.message, '  ')}" for step in failed]
    elif result.message:
        lines.append(result.message)
    return "\n".join(lines)
