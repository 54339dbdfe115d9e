"""`sendplan plan`: what would leave now, later, is held or in error. It cannot send."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import click

from sendplan.calendar import Calendar
from sendplan.commands.context import (
    clock_of,
    format_option,
    known_account,
    known_rules,
    load_project,
    now_option,
    project_option,
    reader_of,
)
from sendplan.commands.output import print_json, print_problems, print_table
from sendplan.output_file import FileKind, write_file
from sendplan.plan import Entry, Plan, Reason, Status
from sendplan.planning.planner import decide_orders, make_plan
from sendplan.problems import Exit, Problem
from sendplan.project.project import Project
from sendplan.text import clean

if TYPE_CHECKING:
    from sendplan.planning.funnel import Funnel

Funnels: TypeAlias = "tuple[Funnel, ...]"

HEADINGS = {
    Status.SEND: "Send now",
    Status.LATER: "Later",
    Status.HELD: "Held",
    Status.ERROR: "Errors",
}
CSV_COLUMNS = (
    "status",
    "reason",
    "key",
    "account",
    "region",
    "class",
    "sender",
    "language",
    "due",
    "send_at",
    "to",
    "why",
)


def print_plan(plan: Plan) -> None:
    """The plan as tables, by status."""
    click.echo(f"Plan {plan.id} for {plan.now} ({plan.timezone})\n")
    for status, heading in HEADINGS.items():
        entries = plan.with_status(status)
        if entries:
            print_table(*_table(status, entries), title=f"{heading} ({len(entries)})")
    summary = plan.summary()
    click.echo(", ".join(f"{summary[status.value]} {status.value}" for status in Status))
    if plan.refused:
        count = summary["send"]
        click.echo(f"Refused: {count} mails are more than `limits.per_run` allows; `sendplan send --approve {count}`")
    for warning in plan.warnings:
        click.echo(f"warning: {clean(warning)}", err=True)


def _table(status: Status, entries: Iterable[Entry]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Headings and rows, with what matters for a status."""
    if status in (Status.HELD, Status.ERROR):
        held = [(each.order or "", _message(each), _short(each.due), each.reason.value, each.why) for each in entries]
        return ("Order", "Message", "Due", "Reason", "Why"), list(held)
    rows = [
        (
            each.order or "",
            _message(each),
            each.to or "",
            each.language or "",
            each.region or "",
            _short(each.due if status is Status.SEND else each.send_at),
            each.why,
        )
        for each in entries
    ]
    when = "Due" if status is Status.SEND else "Leaves"
    return ("Order", "Message", "To", "Lang", "Region", when, "Why"), list(rows)


def _message(entry: Entry) -> str:
    return "/".join(part for part in (entry.rule, entry.step) if part)


def _short(moment: str | None) -> str:
    """A moment without seconds and offset, for reading."""
    return (moment or "")[:16].replace("T", " ")


def _plan_json(plan: Plan) -> None:
    for chunk in plan.chunks():
        click.echo(chunk, nl=False)


def _plan_csv(plan: Plan) -> None:
    """The entries, one line each."""
    writer = csv.DictWriter(sys.stdout, CSV_COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(entry.to_json() for entry in plan.entries)


def _funnel_table(found: Funnels, calendar: Calendar) -> None:
    for each in found:
        click.echo(f"{each.rule}: {each.text()}\n")
        print_table(
            ("Reason", "Orders", "Nearest orders"),
            [
                (
                    stage.reason.value,
                    f"{stage.count:,}",
                    ", ".join(f"{near.order} ({near.what} {_short(calendar.text(near.at))})" for near in stage.nearest),
                )
                for stage in each.stages
            ],
        )
    if not any(each.stages for each in found):
        click.echo("No orders to examine")


def _funnel_json(found: Funnels, calendar: Calendar) -> None:
    from sendplan.planning.funnel import funnels_json

    print_json(funnels_json(found, calendar))


def _funnel_csv(found: Funnels, calendar: Calendar) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("rule", "reason", "orders", "nearest"))
    for each in found:
        for stage in each.stages:
            writer.writerow(
                (each.rule, stage.reason.value, stage.count, " ".join(near.order for near in stage.nearest))
            )


PLAN_FORMATS: Mapping[str, Callable[[Plan], None]] = {"table": print_plan, "json": _plan_json, "csv": _plan_csv}
FUNNEL_FORMATS: Mapping[str, Callable[[Funnels, Calendar], None]] = {
    "table": _funnel_table,
    "json": _funnel_json,
    "csv": _funnel_csv,
}
"""The formats that there are; the first one is the default."""


@click.command("plan")
@now_option
@click.option("--rule", "rules", multiple=True, metavar="R", help="Only this rule; may be given several times.")
@click.option("--account", metavar="A", help="Only this account's orders.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the plan file for `send`.")
@click.option(
    "--funnel", is_flag=True, help="Count per rule how many orders stopped at which reason, instead of a plan."
)
@click.option("--show-addresses", is_flag=True, help="Show e-mail addresses unmasked.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 10 when there is something to send.")
@format_option(*dict.fromkeys((*PLAN_FORMATS, *FUNNEL_FORMATS)))
@project_option
def command(
    now: str | None,
    rules: tuple[str, ...],
    account: str | None,
    output: Path | None,
    funnel: bool,
    show_addresses: bool,
    detailed_exitcode: bool,
    format_: str,
    project_dir: Path | None,
) -> int:
    """Show what would be sent now, to whom, and why; what is left for later, held or in error. Sends nothing."""
    if funnel and output is not None:
        raise click.UsageError("--funnel counts decisions and makes no plan file; leave out one of --funnel and -o")
    formats = FUNNEL_FORMATS if funnel else PLAN_FORMATS
    if format_ not in formats:
        what = "--funnel" if funnel else "a plan"
        raise click.UsageError(f"{what} has no format `{format_}`; choose one of {', '.join(formats)}")
    project, problems = load_project(project_dir)
    reader, clock = reader_of(project), clock_of(now, project.settings.calendar)
    selected, account = known_rules(project, rules), known_account(project, account)
    if funnel:
        from sendplan.planning.funnel import funnels

        decided = decide_orders(project, reader, clock, rules=selected, account=account)
        found = funnels(decided, project.settings.calendar)
        FUNNEL_FORMATS[format_](found, project.settings.calendar)
        sends = any(stage.reason is Reason.SEND for each in found for stage in each.stages)
    else:
        plan = make_plan(project, reader, clock, rules=selected, account=account, show_addresses=show_addresses)
        _output_plan(plan, output, format_)
        sends = bool(plan.with_status(Status.SEND))
    return _exit_code(project, problems, detailed_exitcode and sends)


def _output_plan(plan: Plan, output: Path | None, format_: str) -> None:
    if output is not None:
        write_file(output, FileKind.PLAN, plan.chunks())
    PLAN_FORMATS[format_](plan)
    if output is not None and format_ == "table":
        click.echo(f"Written to {output}; send it with: sendplan send {output}")


def _exit_code(project: Project, problems: Iterable[Problem], different: bool) -> int:
    if problems and project.broken:
        print_problems([each for each in problems if each.is_error], "text", err=True)
        return Exit.FINDINGS
    return Exit.DIFFERENT if different else Exit.DONE
