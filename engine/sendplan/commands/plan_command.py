"""`sendplan plan`: what would leave now, later, is held or in error. It cannot send."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, assert_never

import click

from sendplan.calendar import Calendar
from sendplan.commands.context import (
    clock_of,
    format_option,
    load_project,
    now_option,
    project_option,
    reader_of,
)
from sendplan.commands.output import Section, print_json, print_problems, print_sections, print_table, warn
from sendplan.output_file import FileKind, write_file
from sendplan.plan import Entry, MessageGroup, Plan, Reason, Status
from sendplan.planning.finding import ids_found
from sendplan.planning.lookup import known_account, known_rules
from sendplan.planning.planner import decide_orders, make_plan
from sendplan.problems import Exit, Problem
from sendplan.project.project import Project
from sendplan.text import clean, minute, readable

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
    """The plan as tables by status, grouped by rule, with totals for each rule."""
    click.echo(f"Plan {plan.id} for {minute(plan.now)} ({plan.timezone})\n")
    found = plan.groups()
    for status, heading in HEADINGS.items():
        listed = [group for group in found if group.status is status]
        if listed:
            count = sum(len(group.entries) for group in listed)
            print_sections(COLUMNS[status], [_section(group) for group in listed], title=f"{heading} ({count:,})")
    summary = plan.summary()
    if len(summary["by_rule"]) > 1:
        rows = [(rule, *_counts(counts)) for rule, counts in summary["by_rule"].items()]
        print_table(("Rule", *(status.value for status in Status)), rows)
    click.echo(plan.totals())
    if plan.suppressed:
        click.echo(f"{plan.said_of_suppressed()} (`sendplan plan --funnel`)")
    if plan.refused:
        count = summary["send"]
        click.echo(f"Refused: {count} mails are over `limits.per_run`; `sendplan send --approve {count}`")
    for warning in plan.warnings:
        click.echo(f"warning: {clean(warning)}", err=True)


COLUMNS: Mapping[Status, tuple[str, ...]] = {
    Status.SEND: ("Order", "Step", "Due", "To", "Lang", "Region"),
    Status.LATER: ("Order", "Step", "Leaves", "Reason", "To", "Lang", "Region", "Why"),
    Status.HELD: ("Order", "Step", "Due", "Reason", "Why"),
    Status.ERROR: ("Order", "Step", "Due", "Why"),
}


def _section(group: MessageGroup) -> Section:
    """A rule's messages: the rule's name, count and due expression once, the reason too where all have the same."""
    shared = group.same_why if group.status is not Status.SEND else ""
    lines = [f"{group.rule} ({len(group.entries):,})" + (f"   due {group.formula}" if group.formula else "")]
    lines += [f"  {readable(shared)}"] if shared else []
    return Section(
        tuple(lines), [_row(entry, "" if shared is not None else readable(entry.why)) for entry in group.entries]
    )


def _row(entry: Entry, why: str) -> tuple[str, ...]:
    order, step, due = entry.order or "", entry.step or "", minute(entry.due)
    reader = (entry.to or "", entry.language or "", entry.region or "")
    match entry.status:
        case Status.SEND:
            return (order, step, due, *reader)
        case Status.LATER:
            return (order, step, minute(entry.send_at), entry.reason.value, *reader, why)
        case Status.HELD:
            return (order, step, due, entry.reason.value, why)
        case Status.ERROR:
            return (order, step, due, why)
        case _:
            assert_never(entry.status)


def _counts(counts: Mapping[str, int]) -> Iterator[str]:
    for status in Status:
        number = counts.get(status.value, 0)
        yield f"{number:,}" if number else "–"


def _plan_markdown(plan: Plan) -> None:
    from sendplan.planning.plan_markdown import markdown

    click.echo(markdown(plan), nl=False)


def _plan_html(plan: Plan) -> None:
    from sendplan.planning.plan_page import page

    click.echo(page(plan), nl=False)


def _plan_json(plan: Plan) -> None:
    for chunk in plan.chunks():
        click.echo(chunk, nl=False)


def _plan_csv(plan: Plan) -> None:
    """The entries, one line each."""
    writer = csv.DictWriter(sys.stdout, CSV_COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for entry in plan.entries:
        writer.writerow({name: _cell(value) for name, value in entry.to_json().items()})


def _funnel_table(found: Funnels, calendar: Calendar) -> None:
    for each in found:
        click.echo(f"{each.rule}: {each.text()}\n")
        print_table(
            ("Reason", "Orders", "Nearest orders"),
            [
                (
                    stage.reason.value,
                    f"{stage.count:,}",
                    ", ".join(f"{near.order} ({near.what} {minute(calendar.text(near.at))})" for near in stage.nearest),
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
            nearest = " ".join(near.order for near in stage.nearest)
            writer.writerow((each.rule, stage.reason.value, stage.count, _cell(nearest)))


def _cell(value: object) -> object:
    """A text that a spreadsheet would run as a formula begins with a `'`, which makes it text."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULAS) else value


_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


PLAN_FORMATS: Mapping[str, Callable[[Plan], None]] = {
    "table": print_plan,
    "json": _plan_json,
    "csv": _plan_csv,
    "markdown": _plan_markdown,
    "html": _plan_html,
}
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
@click.option("--find", "text", metavar="TEXT", help="Only orders that TEXT finds, as `sendplan find` looks for them.")
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
    text: str | None,
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
    project, problems = load_project(project_dir, kept=True)
    reader, clock = reader_of(project), clock_of(now, project.settings.calendar)
    selected, account = known_rules(project, rules), known_account(project, account)
    orders = ids_found(reader, text) if text is not None else None
    if text is not None and not orders:
        warn(f"no order is found by `{text}`")
    if funnel:
        from sendplan.planning.funnel import funnels

        stored = reader.orders_by_id(sorted(orders)) if orders is not None else None
        decided = decide_orders(project, reader, clock, rules=selected, account=account, orders=stored)
        found = funnels(decided, project.settings.calendar)
        FUNNEL_FORMATS[format_](found, project.settings.calendar)
        sends = any(stage.reason is Reason.SEND for each in found for stage in each.stages)
    else:
        plan = make_plan(
            project, reader, clock, rules=selected, account=account, orders=orders, show_addresses=show_addresses
        )
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
