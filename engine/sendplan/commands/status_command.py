"""`sendplan status`: what needs attention, counts, the last imports and the last runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from sendplan.calendar import Calendar
from sendplan.commands.context import clock_of, format_option, load_project, now_option, project_option, reader_of
from sendplan.commands.output import print_json, print_table
from sendplan.ledger import Record
from sendplan.operating.overview import Overview, overview_of
from sendplan.plan import Status, key_of
from sendplan.problems import Exit
from sendplan.store.protocols import ImportRecord, PlanRecord
from sendplan.text import clean, counted

SHOWN_RUNS = 5


@click.command("status")
@now_option
@format_option("text", "json")
@project_option
def command(now: str | None, format_: str, project_dir: Path | None) -> int:
    """Show what needs attention: senders that cannot send, bad rows, unknown outcomes, failures, held messages.

    Exit 1 when there is any. Then counts, and the last imports and runs.
    """
    project, _ = load_project(project_dir)
    calendar = project.settings.calendar
    overview = overview_of(project, reader_of(project), clock_of(now, calendar), datetime.now(UTC))
    if format_ == "json":
        print_json(overview_json(overview, calendar))
    else:
        print_overview(overview, calendar)
    return Exit.FINDINGS if overview.needs_person else Exit.DONE


def print_overview(overview: Overview, calendar: Calendar) -> None:
    """The overview for people: what needs them first."""
    _print_senders(overview, calendar)
    plan = overview.plan
    if overview.unsettled:
        rows = [
            (_key(each), each.state.value, _minute(calendar.text(each.at)), each.reply) for each in overview.unsettled
        ]
        print_table(("Message", "State", "Since", "Reply"), rows, title=f"Settle with `sendplan resolve` ({len(rows)})")
    for status, title in ((Status.HELD, "Held"), (Status.ERROR, "Errors")):
        entries = plan.with_status(status)
        if entries:
            held = [(each.key, each.reason.value, each.why) for each in entries]
            print_table(("Message", "Reason", "Why"), held, title=f"{title} ({len(entries)})")
    if plan.missed:
        missed = [(each.key, _minute(each.at), each.why) for each in plan.missed]
        title = f"Missed ({len(missed)}): put aside with `sendplan resolve --state missed drop`"
        print_table(("Message", "Too late since", "Why"), missed, title=title)
    if overview.doubt:
        click.echo(f"A run would be refused: {overview.doubt}; see `sendplan adopt`\n")
    if plan.refused:
        click.echo(f"A run would be refused: {len(plan.with_status(Status.SEND))} sends are over `limits.per_run`\n")
    for warning in plan.warnings:
        click.echo(f"warning: {clean(warning)}")
    for pause in overview.pauses:
        click.echo(clean(f"paused: {pause.name} {pause.reason}".rstrip()))
    counts = [(count, name) for name, count in overview.counts.items() if count]
    told = [counted(count, "order") if name == "orders" else f"{count} {name}" for count, name in counts]
    click.echo(", ".join(told) or "the store is empty")
    click.echo(f"now: {len(plan.with_status(Status.SEND))} to send, {len(plan.with_status(Status.LATER))} later")
    _print_imports(overview.imports, calendar)
    _print_runs(overview.runs[:SHOWN_RUNS], calendar)


def _print_senders(overview: Overview, calendar: Calendar) -> None:
    if not overview.senders:
        return
    click.echo(f"Senders that cannot send ({len(overview.senders)})")
    for each in overview.senders:
        report = each.report
        since = _minute(calendar.text(report.since))
        click.echo(clean(f"  {report.sender}  since {since}: {report.reply}"))
        if each.advice:
            click.echo(clean(f"    advice  {each.advice}"))
        click.echo(clean(f"    then    sendplan smtp-test {report.sender}"))
    click.echo()


def _print_imports(imports: Sequence[ImportRecord], calendar: Calendar) -> None:
    if not imports:
        return
    click.echo()
    rows = [
        (
            clean(each.source or each.file),
            _minute(calendar.text(each.at)),
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
            click.echo(f"  and {each.bad - len(each.refused)} more rows of {clean(each.file)}")


def _print_runs(runs: Sequence[PlanRecord], calendar: Calendar) -> None:
    if not runs:
        return
    click.echo()
    rows = [
        (run.id, _minute(calendar.text(run.created)), run.state, *map(str, _outcomes(run).values())) for run in runs
    ]
    print_table(("Plan", "At", "State", "Sent", "Failed", "Uncertain", "Open"), rows, title="Last runs")
    for run in runs:
        for each in run.open:
            more = f" and {each.count - 1} more" if each.count > 1 else ""
            click.echo(clean(f"  {run.id}: {each.cause}: {each.keys[0]}{more}: {each.why}"))
        for reply in run.copies_refused:
            click.echo(clean(f"  {run.id}: copies were refused, the buyers got their mails: {reply}"))


def overview_json(overview: Overview, calendar: Calendar) -> dict[str, Any]:
    """The same for machines."""
    plan = overview.plan
    return {
        "now": plan.now,
        "needs_person": {concern.value: count for concern, count in overview.concerns.items()},
        "senders": [
            {
                "sender": each.report.sender,
                "scope": each.report.scope.value,
                "since": calendar.text(each.report.since),
                "tried_at": calendar.text(each.report.tried_at),
                "reply": each.report.reply,
                "advice": each.advice,
            }
            for each in overview.senders
        ],
        "unsettled": [
            {"key": _key(each), "state": each.state.value, "at": calendar.text(each.at), "reply": each.reply}
            for each in overview.unsettled
        ],
        "held": [
            {"key": each.key, "reason": each.reason.value, "why": each.why, "chosen": each.key not in overview.kept}
            for each in plan.with_status(Status.HELD)
        ],
        "missed": [
            {"key": each.key, "rule": each.rule, "step": each.step, "order": each.order, "at": each.at, "why": each.why}
            for each in plan.missed
        ],
        "errors": [{"key": each.key, "why": each.why} for each in plan.with_status(Status.ERROR)],
        "refused": plan.refused,
        "store_doubted": overview.doubt,
        "warnings": list(plan.warnings),
        "paused": [pause.name for pause in overview.pauses],
        "counts": dict(overview.counts),
        "summary": plan.summary(),
        "imports": [_import_json(each, calendar) for each in overview.imports],
        "runs": [_run_json(run, calendar) for run in overview.runs],
    }


def _import_json(record: ImportRecord, calendar: Calendar) -> dict[str, Any]:
    return {
        "source": record.source or None,
        "file": record.file,
        "at": calendar.text(record.at),
        "inserted": record.imported.inserted,
        "updated": record.imported.updated,
        "unchanged": record.imported.unchanged,
        "bad": record.bad,
        "stored": record.stored,
        "refused": [{"place": each.place, "code": each.code, "message": each.message} for each in record.refused],
    }


def _run_json(run: PlanRecord, calendar: Calendar) -> dict[str, Any]:
    return {
        "plan": run.id,
        "at": calendar.text(run.created),
        "state": run.state,
        **_outcomes(run),
        "left_open": [
            {"reason": each.cause, "why": each.why, "count": each.count, "keys": list(each.keys)} for each in run.open
        ],
        "copies_refused": list(run.copies_refused),
    }


def _outcomes(run: PlanRecord) -> dict[str, int]:
    return {"sent": run.sent, "failed": run.failed, "uncertain": run.uncertain, "open": run.left_open}


def _key(record: Record) -> str:
    return key_of(record.order, record.rule, record.step or None)


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ")
