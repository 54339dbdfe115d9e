"""`sendplan plan`: what would leave now, later, is held or in error. It cannot send."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

import click

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
from sendplan.commands.output import clean, print_problems, print_table
from sendplan.plan import Entry, Plan, Status
from sendplan.planner import make_plan
from sendplan.problems import Exit

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


@click.command("plan")
@now_option
@click.option("--rule", "rules", multiple=True, metavar="R", help="Only this rule; may be given several times.")
@click.option("--account", metavar="A", help="Only this account's orders.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the plan file for `send`.")
@click.option("--show-addresses", is_flag=True, help="Show e-mail addresses unmasked.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 10 when there is something to send.")
@format_option("table", "json", "csv")
@project_option
def command(
    now: str | None,
    rules: tuple[str, ...],
    account: str | None,
    output: Path | None,
    show_addresses: bool,
    detailed_exitcode: bool,
    format_: str,
    project_dir: Path | None,
) -> int:
    """Show what would be sent now, to whom, and why; what is left for later, held or in error. Sends nothing."""
    project, problems = load_project(project_dir)
    plan = make_plan(
        project,
        reader_of(project),
        clock_of(now, project.settings.calendar),
        rules=known_rules(project, rules),
        account=known_account(project, account),
        show_addresses=show_addresses,
    )
    if output is not None:
        output.write_bytes(plan.to_bytes())
    if format_ == "json":
        click.echo(plan.to_bytes().decode(), nl=False)
    elif format_ == "csv":
        click.echo(entries_csv(plan.entries), nl=False)
    else:
        print_plan(plan)
        if output is not None:
            click.echo(f"Written to {output}; send it with: sendplan send {output}")
    if problems and project.broken:
        print_problems([each for each in problems if each.is_error], "text", err=True)
        return Exit.FINDINGS
    return Exit.DIFFERENT if detailed_exitcode and plan.with_status(Status.SEND) else Exit.DONE


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


def entries_csv(entries: Iterable[Entry]) -> str:
    """The entries as CSV, one line each."""
    out = io.StringIO()
    writer = csv.DictWriter(out, CSV_COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for entry in entries:
        writer.writerow(entry.to_json())
    return out.getvalue()
