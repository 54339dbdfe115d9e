"""The project as it is now: files read again when they changed, the plan made again when anything behind it did.

While a file is broken, the last good state stays and the problems are told beside it.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Generic, TypeVar

from sendplan.checking import check
from sendplan.comparing.difference import Difference, of_rules
from sendplan.comparing.revisions import project_at
from sendplan.dataclass import dataclass
from sendplan.git import commit_of
from sendplan.operating.overview import Overview, overview_of
from sendplan.planning.planner import Clock
from sendplan.problems import Problem, UserError
from sendplan.project import project as projects
from sendplan.project.project import Project
from sendplan.project.project_folder import FILE
from sendplan.scenarios import tests
from sendplan.simulation.forecast import Forecast, forecast
from sendplan.store import Reader, Store, open_reader, open_store

REVISION = "HEAD"
"""With what the present files are compared: the last commit."""
FRESH_SECONDS = 60.0
"""A plan is made again after so long at the latest, since time alone changes it."""
_FOR_EVER = float("inf")
_WATCHED = (
    FILE,
    "rules/*.yaml",
    "templates/**/*",
    "mappings/*.yaml",
    "fixtures/scenarios/**/*",
    "fixtures/snapshots/**/*",
)

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class LastKnown(Generic[V]):
    """A computed value, perhaps not of the present state."""

    value: V | None
    """None before the first one."""
    is_present: bool


class _Kept(Generic[K, V]):
    """One computed value, kept while what it depends on stays the same and it is not too old."""

    def __init__(self, longest: float = _FOR_EVER) -> None:
        self._lock = threading.Lock()
        self._longest = longest
        self._found: tuple[K, float, V] | None = None

    def get(self, key: K, compute: Callable[[], V]) -> V:
        """The value for `key`; only one thread computes it."""
        with self._lock:
            if not self._has(key):
                self._found = (key, time.monotonic(), compute())
            assert self._found is not None
            return self._found[2]

    def latest(self, key: K, compute: Callable[[], V], seconds: float) -> LastKnown[V]:
        """The value for `key`, or the last one when it takes longer and another thread goes on computing it."""
        if seconds == _FOR_EVER:
            return LastKnown(self.get(key, compute), True)
        if not self._has(key) and not self._lock.locked():
            worker = threading.Thread(target=self.get, args=(key, compute), daemon=True)
            worker.start()
            worker.join(seconds)
        found = self._found
        return LastKnown(found[2] if found is not None else None, self._has(key))

    @property
    def made(self) -> float:
        """Another number whenever a value was computed."""
        return self._found[1] if self._found is not None else 0.0

    def _has(self, key: K) -> bool:
        found = self._found
        return found is not None and found[0] == key and time.monotonic() - found[1] <= self._longest


@dataclass(frozen=True, slots=True)
class Files:
    """What the project's files say."""

    version: str
    """Another one whenever a file was saved."""
    project: Project
    """Of the last state that could be loaded."""
    problems: tuple[Problem, ...]
    """Of the files as they are now."""
    loaded: bool
    """False while `project` is an earlier state, since the present one cannot be loaded."""


@dataclass(frozen=True, slots=True)
class FailedTest:
    """A scenario or snapshot that does not hold."""

    name: str
    why: str


class Current:
    """What the pages show of one project. Safe to use from several threads."""

    def __init__(self, folder: Path, now: datetime | None = None) -> None:
        """`now` (UTC) stands still in place of the clock. Raises UserError when the settings cannot be used."""
        self.folder = folder
        self._fixed = now
        self._good: Project | None = None
        self._files: _Kept[str, Files] = _Kept()
        self._overview: _Kept[tuple[object, ...], Overview] = _Kept(FRESH_SECONDS)
        self._difference: _Kept[tuple[object, ...], Difference | UserError] = _Kept(FRESH_SECONDS)
        self._forecast: _Kept[tuple[object, ...], Forecast | UserError] = _Kept()
        self._tests: _Kept[str, tuple[FailedTest, ...]] = _Kept()
        self.files()

    # --- files ---

    def version(self) -> str:
        """Another text whenever a file of the project was saved."""
        found = sorted({path for pattern in _WATCHED for path in self.folder.glob(pattern) if path.is_file()})
        return str(hash(tuple(map(_stamp, found))))

    def files(self) -> Files:
        """The project and what is wrong with its files."""
        version = self.version()
        return self._files.get(version, lambda: self._read(version))

    def _read(self, version: str) -> Files:
        project, problems = projects.load(self.folder)
        if project is not None:
            self._good = project
        if self._good is None:
            raise UserError(problems)
        return Files(version, self._good, tuple(check(self.folder)), project is not None)

    @property
    def project(self) -> Project:
        """The project as it was last good."""
        return self.files().project

    # --- the store ---

    @contextmanager
    def reader(self) -> Iterator[Reader]:
        """The store for reading, for a while."""
        settings = self.project.settings
        with closing(open_reader(settings.store, settings.folder, settings.fields, settings.calendar)) as reader:
            yield reader

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The store for writing, for a while."""
        settings = self.project.settings
        with closing(open_store(settings.store, settings.folder, settings.fields, settings.calendar)) as store:
            yield store

    # --- what is computed ---

    def clock(self) -> Clock:
        """The time that the pages go by."""
        real = real_time()
        return Clock(self._fixed or real, replay=self._fixed is not None and self._fixed < real)

    def overview(self) -> Overview:
        """The plan, and how the project stands."""
        files = self.files()
        with self.reader() as reader:
            key = (files.version, *_state_of(reader))
            return self._overview.get(key, lambda: overview_of(files.project, reader, self.clock(), real_time()))

    def seen(self) -> str:
        """Another text whenever a page would show something else."""
        with self.reader() as reader:
            state = (self.files().version, self._commit(), *_state_of(reader))
        state += (self._difference.made, self._tests.made, self._forecast.made)
        minute = int(self.clock().now.timestamp() // FRESH_SECONDS)
        return hashlib.sha256(repr((minute, *state)).encode("utf-8", "replace")).hexdigest()[:16]

    def _commit(self) -> str | None:
        try:
            return commit_of(self.folder, REVISION)
        except FileNotFoundError:
            return None

    def forget(self) -> None:
        """Make the plan again at the next look: somebody changed something here."""
        self._overview = _Kept(FRESH_SECONDS)

    def difference(self, seconds: float = _FOR_EVER) -> LastKnown[Difference | UserError]:
        """What the files as they are now change beside the last commit, or why that cannot be told."""
        files = self.files()
        with self.reader() as reader:
            key = (files.version, self._commit(), *_state_of(reader))
        return self._difference.latest(key, lambda: self._compared(files.project), seconds)

    def _compared(self, project: Project) -> Difference | UserError:
        try:
            with project_at(self.folder, REVISION) as before:
                return of_rules(before, project, self.clock(), (REVISION, "now"))
        except UserError as error:
            return error

    def forecast(self, first: str, last: str, seconds: float = _FOR_EVER) -> LastKnown[Forecast | UserError]:
        """What the rules would send from a day to a day of the shop, or what is wrong with these."""
        files = self.files()
        with self.reader() as reader:
            key = (first, last, files.version, *_state_of(reader))
        return self._forecast.latest(key, lambda: _foreseen(files.project, first, last), seconds)

    def failed_tests(self, seconds: float = _FOR_EVER) -> LastKnown[tuple[FailedTest, ...]]:
        """The project's scenarios and snapshots that do not hold."""
        files = self.files()
        return self._tests.latest(files.version, lambda: tuple(_failed(files.project, self.folder)), seconds)


def _foreseen(project: Project, first: str, last: str) -> Forecast | UserError:
    try:
        return forecast(project, first, last)
    except UserError as error:
        return error


def _failed(project: Project, folder: Path) -> Iterator[FailedTest]:
    for path in tests.find(folder):
        name = path.relative_to(folder).as_posix()
        result = tests.run(tests.read(path, folder), project)
        if why := tests.failure_text(result):
            yield FailedTest(name, why)


def _stamp(path: Path) -> tuple[str, int, int]:
    try:
        found = path.stat()
    except OSError:  # gone since it was listed
        return (str(path), 0, 0)
    return (str(path), found.st_mtime_ns, found.st_size)


def _state_of(reader: Reader) -> tuple[object, ...]:
    """What changes with every import, mail, and word of a person."""
    return (
        reader.high_water(),
        reader.import_records(1),
        reader.plan_records(1),
        reader.pauses(),
        reader.sender_reports(),
        len(reader.suppressions()),
        reader.snoozes(),
        reader.acts(1),
    )


def real_time() -> datetime:
    """The clock, UTC, in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)
