"""How syrupy keeps a plan: as text for people and diffs, one file a plan."""

from __future__ import annotations

from typing import Any

from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from sendplan.plan import Plan


class PlanExtension(SingleFileSnapshotExtension):
    """`assert shop.plan(...) == plan_snapshot` compares the plan's text with `NAME.plan.txt`."""

    _write_mode = WriteMode.TEXT
    file_extension = "plan.txt"

    def serialize(self, data: Any, **options: Any) -> str:
        """The plan's text; raises TypeError for anything but a plan."""
        if not isinstance(data, Plan):
            raise TypeError(f"plan_snapshot compares plans, not {type(data).__name__}; write `shop.plan(...)`")
        return data.to_text()
