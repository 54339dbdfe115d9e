"""What an old system has sent, recorded as sent, so that nobody is mailed twice (docs/mapping.md#history)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from zlib import error as ZlibError  # noqa: N812 - its own name is `error`

from sendplan.dataclass import dataclass
from sendplan.importing.bad_rows import BadRow, BadRows
from sendplan.importing.files import OrderFile
from sendplan.importing.sent_rows import SentFile, SentRow
from sendplan.ledger import State
from sendplan.problems import Problem, UserError
from sendplan.project.project import Project
from sendplan.store import Store
from sendplan.store.adoption import checked
from sendplan.text import clean

BATCH = 2_000
"""Messages recorded at once."""


@dataclass(frozen=True, slots=True)
class HistoryReport:
    """What came of a file of sent messages."""

    rows: int = 0
    recorded: int = 0
    known: int = 0
    """Messages that had been sent already, by sendplan or in an earlier file."""
    unknown_orders: int = 0
    """Of the recorded ones, those whose order is not in the store yet."""
    bad: int = 0
    problems: tuple[Problem, ...] = ()
    stored: bool = False


class _Undone(Exception):  # noqa: N818 - it undoes the transaction, it is no error
    """Nothing shall be stored."""


def take_history(
    path: Path, name: str, project: Project, store: Store, now: datetime, *, strict: bool = False, dry_run: bool = False
) -> HistoryReport:
    """Record every message of a file as sent, all in one transaction; `now` is the real time (UTC).

    A bad row is told and left out; with `strict` it refuses the file. An order need not be there yet. Raises UserError
    for a store that may have forgotten mails that left.
    """
    with checked(project.settings, store) as marks:
        report = _taken(path, name, project, store, now, strict=strict, dry_run=dry_run)
        marks.rise(store.high_water())
    return report


def _taken(
    path: Path, name: str, project: Project, store: Store, now: datetime, *, strict: bool, dry_run: bool
) -> HistoryReport:
    calendar = project.settings.calendar
    work = _Work(SentFile(OrderFile(path, name), calendar, project.steps_by_rule(), now), store)
    try:
        with store.together():
            work.run()
            if dry_run or (strict and work.bad.lines):
                raise _Undone
    except _Undone:
        return work.report() if dry_run else HistoryReport(rows=work.rows, bad=work.bad.lines, problems=work.problems())
    except UserError as error:
        return HistoryReport(rows=work.rows, problems=tuple(error.problems))
    except UnicodeDecodeError as error:
        return HistoryReport(problems=(work.sent.file.undecodable(error),))
    except (OSError, EOFError, ZlibError) as error:
        known = error if isinstance(error, OSError | EOFError) else EOFError(str(error))
        return HistoryReport(problems=(work.sent.file.unreadable(known),))
    return work.report(stored=True)


class _Work:
    """The state of one such import while it runs."""

    def __init__(self, sent: SentFile, store: Store) -> None:
        self.sent = sent
        self.store = store
        self.bad = BadRows()
        self.rows = self.recorded = self.known = self.unknown_orders = 0

    def run(self) -> None:
        rows = self.sent.rows()
        while batch := list(islice(rows, BATCH)):
            self.rows += len(batch)
            good = [each for each in batch if isinstance(each, SentRow)]
            for each in batch:
                if not isinstance(each, SentRow):
                    self.bad.note(each[0].line, each)
            self._record(good)

    def _record(self, rows: Sequence[SentRow]) -> None:
        # What was forgotten comes back under no name of its own.
        gone = self.store.forgotten({each.order for each in rows})
        rows = [replace(each, order=gone[each.order]) if each.order in gone else each for each in rows]
        orders = {each.order for each in rows}
        stored = {each.id for each in self.store.orders_by_id(orders)} | set(gone.values())
        histories = self.store.histories(orders)
        file = clean(self.sent.file.path.name)
        for each in rows:
            present = histories[each.order].records.get(each.message) if each.order in histories else None
            if present is not None and present.state is State.SENT:
                self.known += 1
            elif self.store.move(each.order, each.message, State.SENT, at=each.at, reply=f"sent before, says {file}"):
                self.recorded += 1
                self.unknown_orders += each.order not in stored
            elif present is not None and present.state is State.SENDING:
                self.bad.note(
                    each.line, [BadRow(each.line, "this message is just being sent", "import it again later")]
                )
            else:
                self.known += 1  # twice in this file

    def problems(self) -> tuple[Problem, ...]:
        """The bad rows as they are told."""
        return tuple(self.bad.problems(self.sent.file, self.sent.table, self.rows))

    def report(self, stored: bool = False) -> HistoryReport:
        """What was done, or would be."""
        return HistoryReport(
            self.rows, self.recorded, self.known, self.unknown_orders, self.bad.lines, self.problems(), stored
        )
