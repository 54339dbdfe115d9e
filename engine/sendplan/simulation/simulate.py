"""Replay or forecast: the planner's own decisions at every run of a virtual clock (docs/commands.md#sendplan-simulate).

Orders do not influence each other, so each one is walked through the runs by itself. Memory holds the sends, never the
orders.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice

from sendplan.cron import firings
from sendplan.dataclass import dataclass
from sendplan.ledger import History, MessageKey, Overrides, Record, State
from sendplan.project.project import Project
from sendplan.simulation.walks import Send, Start, Walks
from sendplan.store.protocols import Reader
from sendplan.windows import next_opening, openings

_DAILY = "0 6 * * *"
"""On the shop's clock."""

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Simulation:
    """What a rule set sends between two moments."""

    runs: tuple[datetime, ...]
    """UTC, ascending."""
    sends: tuple[Send, ...]
    """In the order in which they leave."""
    errors: Mapping[str, int]
    """Rule → orders that could not be decided."""

    def refused(self, limit: int | None) -> list[tuple[datetime, int]]:
        """The runs, with their sends, that `limits.per_run` would have stopped until a person approves."""
        per_run = Counter(send.at for send in self.sends)
        return [(run, count) for run, count in sorted(per_run.items()) if limit is not None and count > limit]


def simulate(
    project: Project,
    starts: Iterable[Start],
    runs: Sequence[datetime],
    *,
    overrides: Overrides = Overrides(),  # noqa: B008 - it is frozen
    interpreted: Collection[str] = (),
    progress: Callable[[int], None] = lambda done: None,
) -> Simulation:
    """Every send of these orders at these runs (UTC, ascending); what one run sends is in the ledger by the next.

    Data counts as just imported; `overrides` say what is suppressed, snoozed or paused all the while. Raises
    Disagreement when the interpreter has to decide on a rule that is not among those `interpreted` anyway.
    """
    walks = Walks(project, runs, overrides, interpreted)
    sends: list[Send] = []
    for number, start in enumerate(starts, start=1):
        sends += walks.sends(start)
        progress(number)
    return Simulation(tuple(runs), tuple(sorted(sends, key=Send.sort_key)), dict(walks.errors))


def usual_runs(projects: Sequence[Project], first: datetime, last: datetime) -> list[datetime]:
    """When there are runs between two instants (UTC), both included, for rule sets of one shop, the first its own.

    By its `schedule`; without one daily at 06:00 and at each opening of a window that any of these rules asks for.
    """
    settings = projects[0].settings
    if settings.schedule is not None:
        return list(firings(settings.calendar, settings.schedule, first, last))
    runs = set(firings(settings.calendar, _DAILY, first, last))
    for project in projects:
        for window in _windows_used(project):
            runs.update(openings(project.settings.calendar, project.settings.windows[window], first, last))
    return sorted(runs)


def starts_of(reader: Reader, at: datetime) -> Iterator[Start]:
    """The store's orders, each with its ledger as it stood at `at` (UTC)."""
    orders = iter(reader.orders())
    while chunk := list(islice(orders, _CHUNK)):
        histories = reader.histories([order.id for order in chunk])
        for order in chunk:
            yield Start(order, _history_at(reader, order.id, histories.get(order.id, History()), at))


def _history_at(reader: Reader, order: str, history: History, at: datetime) -> History:
    records = {key: _record_at(reader, order, key, record, at) for key, record in history.records.items()}
    return History({key: record for key, record in records.items() if record is not None})


def _record_at(reader: Reader, order: str, key: MessageKey, record: Record, at: datetime) -> Record | None:
    """The row as it stood; what was in flight just then counts as it ended, else it would stand still for ever."""
    if record.at < at:
        return record
    last = max((move for move in reader.moves(order, key) if move.at < at), key=lambda move: move.at, default=None)
    if last is None or last.after is None:
        return None
    return record if last.after is State.SENDING else Record(*key, order, last.after, last.at)


def _is_open(project: Project, window: str, run: datetime) -> bool:
    settings = project.settings
    return next_opening(settings.calendar, settings.windows[window], run) == run


def closed_windows(project: Project, runs: Sequence[datetime]) -> dict[str, list[str]]:
    """The windows that none of the runs falls into, each with the rules in use that ask for it."""
    asked = _windows_used(project)
    closed = (window for window in asked if not any(_is_open(project, window, run) for run in runs))
    return {window: sorted(asked[window]) for window in closed}


def _windows_used(project: Project) -> Mapping[str, frozenset[str]]:
    """The windows that rules in use ask for, each with these rules."""
    asked: dict[str, frozenset[str]] = {}
    for rule in project.rules:
        for step in rule.steps if rule.enabled else ():
            if step.window is not None:
                asked[step.window] = asked.get(step.window, frozenset()) | {rule.id}
    return asked
