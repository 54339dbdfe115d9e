"""`sendplan approve`: a person's yes to a plan, where the settings say `approval: required`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from sendplan.commands.context import clock_of, format_option, load_project, now_option, project_option, store_of
from sendplan.commands.output import print_json
from sendplan.operating.approving import approve, waiting_plan
from sendplan.operating.by_hand import user_name
from sendplan.plan import Plan
from sendplan.planning.plan_file import check_fresh, read_plan
from sendplan.problems import Exit, Problem, UserError
from sendplan.store import Reader
from sendplan.text import counted


@click.command("approve")
@click.argument("plan_name", metavar="PLAN")
@now_option
@format_option("text", "json")
@project_option
def command(plan_name: str, now: str | None, format_: str, project_dir: Path | None) -> int:
    """Approve PLAN, a plan's file or the id of the one that the last run left waiting.

    It counts for 24 hours, for the messages that the plan sends and no others, until rules, settings or templates
    change; each message is decided again right before its mail.
    """
    project, _ = load_project(project_dir)
    store = store_of(project.settings)
    plan = _plan(store, plan_name)
    check_fresh(plan, project, clock_of(now, project.settings.calendar).now)
    approval = approve(store, plan, user_name(), datetime.now(UTC).replace(microsecond=0))
    if format_ == "json":
        print_json({"plan": plan.id, "who": approval.who, "at": approval.at.isoformat(), "keys": sorted(approval.keys)})
    else:
        click.echo(f"Plan {plan.id} is approved: {counted(len(approval.keys), 'mail')}")
    return Exit.DONE


def _plan(reader: Reader, name: str) -> Plan:
    waiting = waiting_plan(reader)
    if waiting is not None and waiting.id == name:
        return waiting
    if not Path(name).is_file():
        known = f"; the plan that waits is {waiting.id}" if waiting is not None else ""
        problem = Problem("plan-file", f"`{name}` is neither a plan file nor a plan that waits{known}")
        raise UserError(problem, Exit.USAGE)
    return read_plan(Path(name))
