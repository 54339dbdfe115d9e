"""`sendplan status`: what needs attention, counts, the last imports and the last runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from sendplan.calendar import Calendar
from sendplan.commands.context import clock_of, format_option, load_project, now_option, project_option, reader_of
from sendplan.commands.output import print_json, print_table
from sendplan.operating.overview import Overview, overview_of
from sendplan.operating.overview_json import outcomes, record_key
from sendplan.operating.suppressing import ALL_MAIL
from sendplan.plan import Status, key_of
from sendplan.problems import Exit
from sendplan.store.records import SHOWN_ACTS, Act, ImportRecord, PlanRecord
from sendplan.text import clean, counted, minute, readable

SHOWN_RUNS = 5


@click.command("status")
@now_option
@click.option("--audit", is_flag=True, help="What people changed by hand, and who: the latest first.")
@format_option("text", "json")
@project_option
def command(now: str | None, audit: bool, format_: str, project_dir: Path | None) -> int:
    """Show what needs attention: senders that cannot send, bad rows, unknown outcomes, failures, held messages.

    Exit 1 when there is any. Then counts, and the last imports and runs.
    """
    project, _ = load_project(project_dir, kept=True)
    calendar = project.settings.calendar
    if audit:
        _print_acts(reader_of(project).acts(SHOWN_ACTS), calendar, format_)
        return Exit.DONE
    overview = overview_of(project, reader_of(project), clock_of(now, calendar), datetime.now(UTC))
    if format_ == "json":
        print_json(overview.to_json())
    else:
        print_overview(overview, calendar)
    return Exit.FINDINGS if overview.needs_person else Exit.DONE


def _print_acts(acts: Sequence[Act], calendar: Calendar, format_: str) -> None:
    if format_ == "json":
        names = ("who", "act", "subject", "detail")
        print_json([{"at": calendar.text(each.at)} | {name: getattr(each, name) for name in names} for each in acts])
    elif acts:
        rows = [(minute(calendar.text(each.at)), each.who, each.act, each.subject, each.detail) for each in acts]
        print_table(("When", "Who", "Did", "To", "Detail"), rows)
    else:
        click.echo("nobody has changed anything by hand")


def print_overview(overview: Overview, calendar: Calendar) -> None:
    """The overview for people: what needs them first."""
    _print_senders(overview, calendar)
    plan = overview.plan
    if overview.unsettled:
        rows = [
            (record_key(each), each.state.value, minute(calendar.text(each.at)), each.reply)
            for each in overview.unsettled
        ]
        print_table(("Message", "State", "Since", "Reply"), rows, title=f"Settle with `sendplan resolve` ({len(rows)})")
    for status, title in ((Status.HELD, "Held"), (Status.ERROR, "Errors")):
        entries = plan.with_status(status)
        if entries:
            held = [(each.key, each.reason.value, readable(each.why)) for each in entries]
            print_table(("Message", "Reason", "Why"), held, title=f"{title} ({len(entries)})")
    if plan.missed:
        missed = [(each.key, minute(each.at), readable(each.why)) for each in plan.missed]
        title = f"Missed ({len(missed)}): put aside with `sendplan resolve --state missed drop`"
        print_table(("Message", "Too late since", "Why"), missed, title=title)
    if overview.doubt:
        click.echo(f"A run would be refused: {overview.doubt}; see `sendplan adopt`\n")
    if overview.awaits_approval:
        click.echo(f"{counted(len(plan.send), 'mail')} waiting for approval; see `sendplan approve`\n")
    if plan.refused:
        click.echo(f"A run would be refused: {len(plan.with_status(Status.SEND))} sends are over `limits.per_run`\n")
    for warning in plan.warnings:
        click.echo(f"warning: {clean(warning)}")
    for pause in overview.pauses:
        click.echo(clean(f"paused: {pause.name} {pause.reason}".rstrip()))
    if overview.suppressed:
        classes = (f"{count} for {klass or ALL_MAIL}" for klass, count in sorted(overview.suppressed.items()))
        click.echo(clean(f"suppressed addresses: {', '.join(classes)}"))
    if overview.snoozes:
        last = max(each.until for each in overview.snoozes)
        click.echo(f"snoozes: {len(overview.snoozes)}, the last until {last}")
    counts = [(count, name) for name, count in overview.counts.items() if count]
    told = [counted(count, "order") if name == "orders" else f"{count} {name}" for count, name in counts]
    click.echo(", ".join(told) or "the store is empty")
    click.echo(f"now: {len(plan.with_status(Status.SEND))} to send, {len(plan.with_status(Status.LATER))} later")
    _print_hosts(overview, calendar)
    _print_bounces(overview, calendar)
    _print_imports(overview.imports, calendar)
    _print_runs(overview.runs[:SHOWN_RUNS], calendar)


def _print_senders(overview: Overview, calendar: Calendar) -> None:
    if not overview.senders:
        return
    click.echo(f"Senders that cannot send ({len(overview.senders)})")
    for each in overview.senders:
        report = each.report
        since = minute(calendar.text(report.since))
        click.echo(clean(f"  {report.sender}  since {since}: {report.reply}"))
        if each.advice:
            click.echo(clean(f"    advice  {each.advice}"))
        click.echo(clean(f"    then    sendplan smtp-test {report.sender}"))
    click.echo()


def _print_hosts(overview: Overview, calendar: Calendar) -> None:
    for sender, rate in overview.rates.items():
        click.echo(clean(f"{sender}: {rate.minute} in the last minute, {rate.day} in the last 24 hours"))
    if not overview.hosts:
        return
    click.echo()
    rows = [
        (
            clean(each.name),
            each.process,
            each.plan or "waits for a plan",
            ", ".join(f"{sender} {number}" for sender, number in each.connections.items()),
            minute(calendar.text(each.lease_until)),
        )
        for each in overview.hosts
    ]
    print_table(("Host", "Process", "Plan", "Connections", "Lease until"), rows, title=f"Hosts ({len(rows)})")


def _print_bounces(overview: Overview, calendar: Calendar) -> None:
    if not overview.last_bounces:
        return
    click.echo()
    counts = ", ".join(f"{count} {kind.value}" for kind, count in sorted(overview.bounces.items()))
    rows = [
        (
            key_of(each.order, each.key[0], each.key[1] or None),
            each.kind.value,
            minute(calendar.text(each.at)),
            each.diagnosis,
        )
        for each in overview.last_bounces
    ]
    print_table(("Message", "Kind", "Read", "Why"), rows, title=f"Last bounces ({counts} in all)")


def _print_imports(imports: Sequence[ImportRecord], calendar: Calendar) -> None:
    if not imports:
        return
    click.echo()
    rows = [
        (
            clean(each.source or each.file),
            minute(calendar.text(each.at)),
            str(each.imported.inserted),
            str(each.imported.updated),
            str(each.imported.unchanged),
            str(each.bad) if each.stored else "all",
        )
        for each in imports
    ]
    print_table(("Import", "At", "New", "Updated", "Unchanged", "Bad"), rows, title="Last imports")
    for each in imports:
        for row in each.refused:
            click.echo(clean(f"  {row.place}: {row.message}" if row.place else f"  {row.message}"))
        if each.bad > len(each.refused):
            more = counted(each.bad - len(each.refused), "more row")
            click.echo(f"  and {more} of {clean(each.file)}; `sendplan import` with --dry-run --format json lists all")


def _print_runs(runs: Sequence[PlanRecord], calendar: Calendar) -> None:
    if not runs:
        return
    click.echo()
    rows = [(run.id, minute(calendar.text(run.created)), run.state, *map(str, outcomes(run).values())) for run in runs]
    print_table(("Plan", "At", "State", "Sent", "Failed", "Uncertain", "Open"), rows, title="Last runs")
    for run in runs:
        for each in run.open:
            more = f" and {each.count - 1} more" if each.count > 1 else ""
            click.echo(clean(f"  {run.id}: {each.cause}: {each.keys[0]}{more}: {each.why}"))
        for reply in run.copies_refused:
            click.echo(clean(f"  {run.id}: copies were refused, the buyers got their mails: {reply}"))
