"""A project that is open for a program: its store, its clock, and where its files lie."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from sendplan.problems import Exit, Problem, UserError

if TYPE_CHECKING:
    from sendplan.planning.planner import Clock
    from sendplan.project.project import Project
    from sendplan.store import Reader, Store

ProblemsError = UserError
"""Raised for whatever a user can put right; `.problems` say what, where, and what to write instead."""

When: TypeAlias = "str | datetime | None"
"""A time: ISO 8601 text or a datetime (the shop's zone without an offset), or None for the clock."""


def check_plan(plan: object) -> None:
    """Raises TypeError for anything but a plan, such as the path of its file."""
    from sendplan.plan import Plan

    if not isinstance(plan, Plan):
        raise TypeError(f"a Plan is needed here, not {plan!r}; `sendplan.read_plan(path)` reads one from its file")


def check_text(*names: object) -> None:
    """Raises TypeError for a name, such as an order's, that is no text: a number comes from a table of orders."""
    for each in names:
        if not isinstance(each, str):
            raise TypeError(f"a name is a text such as {str(each)!r}, not {each!r}")


class Opened:
    """A project with its store. Every method opens the store for as long as it works, so there is nothing to close."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def __repr__(self) -> str:
        return f"<sendplan project {self._project.settings.shop.name!r} in {self.folder}>"

    @property
    def folder(self) -> Path:
        """The project's folder."""
        return self._project.settings.folder

    @property
    def rules(self) -> tuple[str, ...]:
        """The ids of its rules, each after those whose `sent(…)` it reads."""
        return tuple(rule.id for rule in self._project.rules)

    # --- helpers ---

    def _path(self, path: str | Path) -> Path:
        return self.folder / path

    def _clock(self, now: When) -> Clock:
        from sendplan.planning.planner import Clock

        real = real_time()
        if now is None:
            return Clock(real)
        moment = self._moment(now)
        if moment is None:
            help_ = "write 2026-08-22 or 2026-08-22 12:00"
            problem = Problem("wrong-value", f"`{now}` is not a valid time", None, help_)
            raise ProblemsError(problem, Exit.USAGE)
        return Clock(moment, replay=moment < real)

    def _moment(self, now: str | datetime) -> datetime | None:
        """The instant (UTC); None for a text that is none. Raises TypeError."""
        calendar = self._project.settings.calendar
        match now:
            case str():
                return calendar.parse(now)
            case datetime(tzinfo=None):
                return calendar.localize(now)
            case datetime():
                return now.astimezone(UTC)
        raise TypeError(f"a time is a text such as '2026-08-22 12:00' or a datetime, not {now!r}")

    @contextmanager
    def _reader(self) -> Iterator[Reader]:
        from sendplan.store import open_reader

        settings = self._project.settings
        with closing(open_reader(settings.store, settings.folder, settings.fields, settings.calendar)) as reader:
            yield reader

    @contextmanager
    def _store(self) -> Iterator[Store]:
        from sendplan.deciding.candidates import indexes
        from sendplan.store import open_store

        settings = self._project.settings
        with closing(open_store(settings.store, settings.folder, settings.fields, settings.calendar)) as store:
            yield store
            store.ensure_indexes(indexes(self._project, real_time()))


def real_time() -> datetime:
    """The real clock (UTC), in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)
