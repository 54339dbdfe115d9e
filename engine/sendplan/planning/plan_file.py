"""Plan files: read back what `plan -o` wrote, and refuse what was edited, is stale, or is no plan at all."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from sendplan import resources
from sendplan.plan import Plan
from sendplan.problems import Exit, Problem, UserError
from sendplan.project.project import Project

FRESH_FOR = timedelta(hours=24)
_MAX_BYTES = 64 << 20
"""Of a plan file: some hundred thousand messages."""


def read_plan(path: Path) -> Plan:
    """The plan in a file. Raises UserError when it is none, or when it was changed since it was written."""
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise _unusable(path, f"is larger than {_MAX_BYTES >> 20} MiB")
        data = json.loads(content.decode("utf-8"))
    except OSError as error:
        raise _unusable(path, f"cannot be read: {(error.strerror or str(error)).lower()}") from error
    except (ValueError, RecursionError) as error:
        raise _unusable(path, f"is not valid JSON: {error}") from error
    _check_schema(path, data)
    plan = Plan.from_json(data)
    if not _is_unchanged(plan):
        raise _unusable(path, "was changed after it was written: its id no longer matches its content", Exit.REFUSED)
    return plan


def _is_unchanged(plan: Plan) -> bool:
    try:
        return replace(plan, id="").identified().id == plan.id
    except UnicodeEncodeError:  # a lone surrogate, which no plan was written with
        return False


def check_fresh(plan: Plan, project: Project, now: datetime) -> None:
    """Raises UserError when rules, settings or templates changed since the plan was made, or it is over 24 h old."""
    made = project.settings.calendar.parse(plan.now)
    if plan.digest != project.digest:
        message = f"plan {plan.id} is stale: rules, settings or templates changed since it was made"
    elif made is None or now - made > FRESH_FOR:
        message = f"plan {plan.id} is stale: it was made for {plan.now}, more than 24 hours ago"
    else:
        return
    raise UserError(Problem("plan-stale", message, None, "make a new one with `sendplan plan`"), Exit.REFUSED)


def _check_schema(path: Path, data: object) -> None:
    from jsonschema import Draft7Validator

    error = next(iter(Draft7Validator(resources.schema("plan")).iter_errors(data)), None)
    if error is not None:
        place = "/".join(map(str, error.absolute_path)) or "the top"
        raise _unusable(path, f"is not a plan file: at {place}, {error.message[:200]}")


def _unusable(path: Path, why: str, exit_code: Exit = Exit.USAGE) -> UserError:
    return UserError(Problem("plan-file", f"`{path}` {why}", None, "write one with `sendplan plan -o FILE`"), exit_code)
