"""The public Python API: what the commands do, for programs and tests (docs/python.md).

`import sendplan` gives these names. Nothing heavy is imported before it is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from sendplan.plan import Plan
from sendplan.problems import Exit, Problem, UserError

if TYPE_CHECKING:
    from types import TracebackType

    from sendplan.comparing.difference import Difference
    from sendplan.deciding.decision import Decision
    from sendplan.dispatch import DispatchReport
    from sendplan.importing.import_file import ImportReport
    from sendplan.mail.preview import MessagePreview
    from sendplan.planning.planner import Clock
    from sendplan.project.project import Project
    from sendplan.scenarios.tests import PlayedTest
    from sendplan.store import Reader, Store

ProblemsError = UserError
"""Raised for whatever a user can put right; `.problems` say what, where, and what to write instead."""

When: TypeAlias = "str | datetime | None"
"""A time: ISO 8601 text (the shop's zone without an offset), an aware datetime, or None for the clock."""


def open_project(folder: str | Path = ".", *, store: str | None = None) -> OpenProject:
    """The project in a folder, checked; `store` names another store than its settings do, such as one for a test.

    Raises ProblemsError with every error in its settings, rules and mappings, each with file, line and column.
    """
    from sendplan.project.project import load
    from sendplan.project.settings_file import FILE

    path = Path(folder).resolve()
    if not (path / FILE).is_file():
        raise ProblemsError(Problem("no-project", f"`{folder}` holds no {FILE}", None, "name a project's folder"))
    project, problems = load(path)
    errors = [problem for problem in problems if problem.is_error]
    if project is None or errors:
        raise ProblemsError(errors or problems)
    if store is not None:
        project = replace(project, settings=replace(project.settings, store=store))
    return OpenProject(project)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why one rule sends an order's message, or does not."""

    rule: str
    step: str | None
    reason: str
    """One of the reasons of docs/language.md#reasons, such as `send` or `not_due`."""
    why: str
    """One sentence for a person."""
    text: str
    """The reason, every check on the way to it, and the values under each part of the conditions."""
    decision: Decision


class OpenProject:
    """A project with its store. Every method opens the store for as long as it works, so there is nothing to close."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def __enter__(self) -> OpenProject:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        return None

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

    # --- orders ---

    def import_orders(
        self, file: str | Path, *, mapping: str | Path | None = None, strict: bool = False
    ) -> ImportReport:
        """Read a file of orders into the store, like `sendplan import`; relative paths are below the project's folder.

        Bad rows are in the report's `problems` and stop no other. Raises ProblemsError when nothing could be stored.
        """
        from sendplan.operating.imports import take_file

        mapped = self._path(mapping) if mapping is not None else None
        with self._store() as store:
            report = take_file(self._path(file), mapped, self._project.settings, store, _real_time(), strict=strict)
        if not report.stored:
            raise ProblemsError(report.problems)
        return report

    # --- looking; nothing of it changes anything ---

    def plan(
        self,
        now: When = None,
        *,
        rules: Iterable[str] | None = None,
        account: str | None = None,
        show_addresses: bool = False,
    ) -> Plan:
        """What would leave at `now`, what is for later, held or in error, like `sendplan plan`.

        Raises ProblemsError for an unknown rule or account.
        """
        from sendplan.planning.lookup import known_account, known_rules
        from sendplan.planning.planner import make_plan

        wanted = known_rules(self._project, tuple(rules)) if rules is not None else None
        with self._reader() as reader:
            return make_plan(
                self._project,
                reader,
                self._clock(now),
                rules=wanted,
                account=known_account(self._project, account),
                show_addresses=show_addresses,
            )

    def explain(self, order: str, now: When = None) -> tuple[Explanation, ...]:
        """Every rule's decision on an order, like `sendplan explain`; raises ProblemsError for an unknown order."""
        from sendplan.planning.explain import explanation_text, next_change
        from sendplan.planning.lookup import decided_order

        settings = self._project.settings
        with self._reader() as reader:
            decided = decided_order(self._project, reader, order, self._clock(now))
        return tuple(
            Explanation(
                each.rule.id,
                (each.step.id or None) if each.step else None,
                each.reason.value,
                each.why,
                explanation_text(each, next_change(each, settings), settings.calendar),
                each,
            )
            for each in decided.decisions
        )

    def preview(self, key: str, now: When = None) -> MessagePreview:
        """The message ORDER/RULE or ORDER/RULE/STEP as it would leave, whether or not it is due.

        Raises ProblemsError for an unknown order or message, and for a text that cannot be rendered.
        """
        from sendplan.mail.preview import preview

        with self._reader() as reader:
            return preview(self._project, reader, key, self._clock(now))

    def diff(self, other: OpenProject, now: When = None) -> Difference:
        """What these rules add, drop, move and change beside the other project's, over this project's orders."""
        from sendplan.comparing.difference import of_rules

        return of_rules(other._project, self._project, self._clock(now))

    def test(self, *paths: str | Path, update: bool = False) -> tuple[PlayedTest, ...]:
        """Play the project's scenarios and snapshots, or those in `paths`; `update` keeps snapshots as they are now."""
        from sendplan.scenarios import tests

        found = tests.find(self.folder, [self._path(path) for path in paths])
        return tuple(tests.run(tests.read(path, self.folder), self._project, update=update) for path in found)

    # --- sending ---

    def send(
        self,
        plan: Plan,
        now: When = None,
        *,
        approve: int | None = None,
        redirect: str | None = None,
        to_dir: str | Path | None = None,
    ) -> DispatchReport:
        """Send exactly the plan's `send` entries, each decided again right before its mail, like `sendplan send`.

        `redirect` and `to_dir` make it a rehearsal: nothing enters the ledger. Raises ProblemsError, before any mail,
        for a plan that is stale, was executed already, or is over `limits.per_run` and not approved.
        """
        import threading

        from sendplan.dispatch.delivery import Rehearsal, check_brake, deliver
        from sendplan.planning.plan_file import check_fresh

        clock = self._clock(now)
        check_fresh(plan, self._project, clock.now)
        check_brake(plan, self._project, approve)
        redirect = redirect or self._project.settings.redirect
        rehearsal = Rehearsal(redirect, Path(to_dir) if to_dir is not None else None)
        fixed = clock if now is not None else None
        return deliver(
            plan,
            self._project,
            lambda: fixed or self._clock(None),
            stop=threading.Event(),
            rehearsal=rehearsal if redirect or to_dir is not None else None,
        )

    # --- helpers ---

    def _path(self, path: str | Path) -> Path:
        return self.folder / path

    def _clock(self, now: When) -> Clock:
        from sendplan.planning.planner import Clock

        real = _real_time()
        if now is None:
            return Clock(real)
        moment = self._project.settings.calendar.parse(now) if isinstance(now, str) else now.astimezone(UTC)
        if moment is None:
            problem = Problem("wrong-value", f"`{now}` is not a time", None, "write 2026-08-22 or 2026-08-22 12:00")
            raise ProblemsError(problem, Exit.USAGE)
        return Clock(moment, replay=moment < real)

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
            store.ensure_indexes(indexes(self._project, _real_time()))


def _real_time() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
