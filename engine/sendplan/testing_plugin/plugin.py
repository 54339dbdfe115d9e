"""Collects a project's scenarios and snapshots, and gives the fixtures `sendplan_project` and `plan_snapshot`.

pytest loads this module in every run, so whatever is heavy is imported when a test needs it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion

    from sendplan.api import OpenProject
    from sendplan.project.project import Project

SETTINGS = "sendplan.yaml"
SCENARIOS = "scenarios"
SNAPSHOTS = "snapshots"


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """`fixtures/scenarios/**/*.yaml` and `fixtures/snapshots/*.yaml` of a project are tests."""
    if file_path.suffix != ".yaml":
        return None
    for folder in file_path.parents:
        if folder.name == "fixtures" and (folder.parent / SETTINGS).is_file():
            kind = file_path.relative_to(folder).parts[0]
            if kind in (SCENARIOS, SNAPSHOTS):
                return PlanFile.from_parent(parent, path=file_path)
    return None


class PlanFile(pytest.File):
    """A scenario or snapshot file; it holds one test."""

    def collect(self) -> Iterable[pytest.Item]:
        """The test, named by the file's title."""
        from sendplan.scenarios import tests

        folder = _folder_of(self.path)
        test = tests.read(self.path, folder)
        yield PlanItem.from_parent(self, name=test.title, folder=folder, test=test)


class PlanItem(pytest.Item):
    """One scenario or snapshot, played on a virtual clock."""

    def __init__(self, *, folder: Path, test: Any, **others: Any) -> None:
        super().__init__(**others)
        self._folder = folder
        self._test = test

    def runtest(self) -> None:
        """Raises FailedPlanError when the plans are not what the file expects."""
        from sendplan.scenarios import tests

        result = tests.run(self._test, _project(self, self._folder))
        if not result.passed:
            raise FailedPlanError(tests.failure_text(result))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:
        """What differs, in the words of `sendplan test`, without a traceback."""
        from sendplan.problems import UserError
        from sendplan.report import problems_text

        if isinstance(excinfo.value, FailedPlanError):
            return str(excinfo.value)
        if isinstance(excinfo.value, UserError):
            return problems_text(excinfo.value.problems, color=False)
        return str(super().repr_failure(excinfo, style))

    def reportinfo(self) -> tuple[Path, int, str]:
        """The file, and the title as its heading."""
        return self.path, 0, self.name


class FailedPlanError(AssertionError):
    """A plan is not as the file expects; the message says how."""


_PROJECTS = pytest.StashKey[dict[Path, Any]]()


def _project(item: pytest.Item, folder: Path) -> Project:
    """The project, loaded once a run; raises UserError when it cannot be used."""
    from sendplan.problems import UserError
    from sendplan.project.project import load

    loaded = item.config.stash.setdefault(_PROJECTS, {})
    if folder not in loaded:
        loaded[folder] = load(folder)
    project, problems = loaded[folder]
    if project is None:
        raise UserError(problems)
    found: Project = project
    return found


def _folder_of(path: Path) -> Path:
    from sendplan.project.project_folder import find_folder

    return find_folder(path.parent)


@pytest.fixture
def sendplan_project(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenProject]:
    """The project that the test lies in, on an empty store of the test's own.

    Raises `sendplan.ProblemsError` when the project has errors.
    """
    from sendplan.api import open_project

    with open_project(_folder_of(request.path), store=f"sqlite:///{tmp_path / 'sendplan.db'}") as shop:
        yield shop


@pytest.fixture
def plan_snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """A syrupy snapshot that keeps a plan as the text of `Plan.to_text()`, one file a test."""
    from sendplan.testing_plugin.plan_extension import PlanExtension

    return snapshot.use_extension(PlanExtension)
