"""One run: the imports, what came back, the plan, and its mails (docs/commands.md#sendplan-run)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime

from sendplan.dataclass import dataclass
from sendplan.deciding.candidates import indexes
from sendplan.dispatch import DispatchReport
from sendplan.dispatch.delivery import check_brake, check_clock
from sendplan.operating.approving import check_approved, keep_waiting
from sendplan.operating.forgetting import forget_old
from sendplan.operating.imports import SourceImport, read_imports
from sendplan.operating.returned_mail import Reading, read_mailboxes, with_mailbox
from sendplan.plan import Plan
from sendplan.problems import Problem, UserError
from sendplan.project.project import Project
from sendplan.project.settings import Settings
from sendplan.store import Store, open_store


@dataclass(frozen=True, slots=True)
class Run:
    """What one run did."""

    imports: tuple[SourceImport, ...]
    returned: tuple[Reading, ...]
    """The mails that came back."""
    problems: tuple[Problem, ...]
    """The mailboxes that could not be read."""
    plan: Plan
    report: DispatchReport
    """What became of each mail."""


def read_files(
    settings: Settings, at: datetime, progress: Callable[[int], None] = lambda rows: None
) -> tuple[SourceImport, ...]:
    """The files under `imports:`, read at `at` (the real time, UTC)."""
    if not settings.imports:
        return ()
    with _store(settings) as store:
        return read_imports(settings, store, at, progress=progress)


def prepare(project: Project, now: datetime, at: datetime) -> int:
    """Forget what is older than `retention`, and have the indexes that planning wants; how many orders were forgotten.

    `now` is the run's time, `at` the real one (both UTC): what is forgotten does not come back.
    """
    with _store(project.settings) as store:
        forgotten = forget_old(store, project.settings, at)
        store.ensure_indexes(indexes(project, now))
        store.note_run([rule.id for rule in project.rules if rule.enabled], now)
    return forgotten


def read_returned(settings: Settings, at: datetime) -> tuple[tuple[Reading, ...], Sequence[Problem]]:
    """What came back to the senders' mailboxes by `at` (UTC); one that cannot be read keeps no mail from leaving."""
    names = with_mailbox(settings)
    if not names:
        return (), ()
    with _store(settings) as store:
        readings, problems = read_mailboxes(names, settings, store, at)
    return tuple(readings), problems


def ready(plan: Plan, project: Project, at: datetime) -> Plan:
    """The plan as a run sends it: what an equal plan left open, or a person opened again, may leave now.

    Raises UserError for a plan over `limits.per_run`, and for one that nobody has approved at `at` (the real time,
    UTC): that is kept, so that somebody can.
    """
    check_brake(plan, project, None)
    if project.settings.approval:
        with _store(project.settings) as store:
            try:
                check_approved(plan, project, store, at)
            except UserError:
                keep_waiting(store, plan)
                raise
    return replace(plan, id=f"{plan.id}-{secrets.token_hex(4)}")


def takes_on(settings: Settings, firing: datetime) -> bool:
    """Whether this host is the one that plans at this firing; one that wakes late finds that another did.

    Raises UserError when its clock and that of the store differ.
    """
    with _store(settings) as store:
        if not store.shared:
            return True
        check_clock(store)
        return store.take_firing(firing)


@contextmanager
def _store(settings: Settings) -> Iterator[Store]:
    with closing(open_store(settings.store, settings.folder, settings.fields, settings.calendar)) as store:
        yield store
