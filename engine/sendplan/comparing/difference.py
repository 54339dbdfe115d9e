"""Two plans with what separates them, ready to be read."""

from __future__ import annotations

from typing import Any

from sendplan.comparing import diff_report
from sendplan.comparing.diff import Change, Diff, compare, compare_rules
from sendplan.comparing.revisions import broken_there
from sendplan.dataclass import dataclass
from sendplan.plan import Plan
from sendplan.planning.planner import Clock
from sendplan.project.project import Project
from sendplan.store import Reader, open_reader


@dataclass(frozen=True, slots=True)
class Difference:
    """What a newer plan adds, drops, moves and changes, beside an older one."""

    old: Plan
    new: Plan
    diff: Diff
    names: tuple[str, str]
    """What the two are called."""
    warnings: tuple[str, ...] = ()
    """What of the older rules could not be used."""

    @property
    def changes(self) -> tuple[Change, ...]:
        """The messages that differ, by rule, kind and order."""
        return self.diff.changes

    def to_text(self) -> str:
        """For a terminal."""
        return diff_report.text(self.old, self.new, self.diff, self.names)

    def to_markdown(self) -> str:
        """For a ticket or a pull request."""
        return diff_report.markdown(self.old, self.new, self.diff, self.names)

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return diff_report.json_data(self.old, self.new, self.diff, self.names)


def of_plans(old: Plan, new: Plan, names: tuple[str, str] = ("old", "new")) -> Difference:
    """What separates two plans."""
    return Difference(old, new, compare(old, new), names)


def of_rules(before: Project, now: Project, clock: Clock, names: tuple[str, str] = ("before", "now")) -> Difference:
    """What separates the plans that two rule sets make of the present project's orders at the same time."""

    def reader_for(project: Project) -> Reader:
        fields, calendar = project.settings.fields, project.settings.calendar
        return open_reader(now.settings.store, now.settings.folder, fields, calendar)

    old, new, diff = compare_rules(before, reader_for(before), now, reader_for(now), clock)
    return Difference(old, new, diff, names, tuple(broken_there(before, names[0])))
