"""sendplan: from the store to the sorted keys of what leaves now, and to the written plan file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from moments import NOW

from sendplan.plan import Reason, key_of
from sendplan.planning.planner import Clock, Planned, make_plan, planned
from sendplan.project.project import Project
from sendplan.store import Reader, open_reader


def reader_of(project: Project) -> Reader:
    """A reader that has seen nothing yet."""
    settings = project.settings
    return open_reader(settings.store, settings.folder, settings.fields, settings.calendar)


def keys(project: Project) -> list[str]:
    """The keys of the `send` entries, sorted."""
    reader = reader_of(project)
    found: list[str] = []
    for each in planned(project, reader, Clock(NOW)):
        if isinstance(each, Planned):
            found += [each.key] if each.reason is Reason.SEND else []
        else:
            found += [key_of(each.order, *made.key) for made in each.decisions if made.reason is Reason.SEND]
    reader.close()
    return sorted(found)


def written(project: Project, path: Path) -> list[str]:
    """The plan file, and the keys of its `send` entries, sorted."""
    reader = reader_of(project)
    plan = make_plan(project, reader, Clock(NOW))
    with path.open("wb") as file:
        file.writelines(plan.chunks())
    reader.close()
    return sorted(entry.key for entry in plan.entries if entry.reason is Reason.SEND)


def listed(project: Project, *, held: bool = False, past: bool = False) -> list[str]:
    """The keys of all entries of a plan and its bytes: as it is, with everything paused, or under a clock set back."""
    reader = reader_of(project)
    if held:
        overrides = replace(reader.overrides(), paused=frozenset({"*"}))
        reader.overrides = lambda: overrides  # type: ignore[method-assign]
    plan = make_plan(project, reader, Clock(NOW, replay=past))
    plan.to_bytes()
    reader.close()
    return sorted(entry.key for entry in plan.entries)
