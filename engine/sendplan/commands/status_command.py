"""`sendplan status`: what needs a person, counts, and the last runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from sendplan.commands.context import clock_of, format_option, load_project, now_option, project_option, reader_of
from sendplan.commands.output import clean, print_json, print_table
from sendplan.ledger import Record, State
from sendplan.plan import Entry, Plan, Reason, Status, key_of
from sendplan.planning.planner import Clock, decide_orders, make_plan
from sendplan.problems import Exit, UserError
from sendplan.project.project import Project
from sendplan.report import counted
from sendplan.store import Reader
from sendplan.store.adoption import doubt_or_unreadable

UNSETTLED = (State.UNCERTAIN, State.FAILED, State.SENDING)
"""What a person settles; a mail on its way only when the run that sent it has vanished."""

TRIED = 200
"""How many of the mails that are due are written to see whether they can be."""


@click.command("status")
@now_option
@format_option("text", "json")
@project_option
def command(now: str | None, format_: str, project_dir: Path | None) -> int:
    """Show what needs a person: unknown outcomes, failures, held and unwritable messages, a refused plan or store.

    Exit 1 when there is any.
    """
    project, _ = load_project(project_dir)
    reader, clock = reader_of(project), clock_of(now, project.settings.calendar)
    if format_ == "json":
        plan, records = _look(project, reader, clock)
        print_json(_json(project, reader, plan, records))
    else:
        plan, records = print_status(project, reader, clock)
    needs_person = bool(records or plan.refused or plan.with_status(Status.HELD) or plan.with_status(Status.ERROR))
    return Exit.FINDINGS if needs_person or plan.expired_while_held or _doubt(project, reader) else Exit.DONE


def _look(project: Project, reader: Reader, clock: Clock) -> tuple[Plan, list[Record]]:
    at_work = reader.live_leases(datetime.now(UTC))
    unsettled = [
        each for each in reader.records(UNSETTLED) if each.state is not State.SENDING or each.token not in at_work
    ]
    return _tried(project, reader, clock, make_plan(project, reader, clock)), unsettled


def _tried(project: Project, reader: Reader, clock: Clock, plan: Plan) -> Plan:
    """The plan with an error for each mail that cannot be written, such as for a field that its order lacks.

    The first ones are tried out: what stayed open for this in earlier runs is the oldest.
    """
    due = {each.key: each for each in plan.with_status(Status.SEND)[:TRIED]}
    if not due:
        return plan
    from sendplan.mail.compose import compose, templates_of

    templates = templates_of(project)
    wrong: dict[str, Entry] = {}
    orders = reader.orders_by_id(each.order or "" for each in due.values())
    for decided in decide_orders(project, reader, clock, orders=orders):
        for decision in decided.decisions:
            entry = due.get(key_of(decided.facts.id, *decision.key))
            if entry is None or decision.step is None:
                continue
            try:
                compose(project, templates, decided.facts, decision.rule, decision.step, now=clock.now)
            except UserError as error:
                why = f"its mail cannot be written: {error}"
                wrong[entry.key] = replace(entry, status=Status.ERROR, reason=Reason.ERROR, why=why)
    return replace(plan, entries=tuple(wrong.get(each.key, each) for each in plan.entries))


def print_status(project: Project, reader: Reader, clock: Clock) -> tuple[Plan, list[Record]]:
    """Print what needs a person, and return what was looked at."""
    plan, records = _look(project, reader, clock)
    _print(project, reader, plan, records)
    return plan, records


def _doubt(project: Project, reader: Reader) -> str | None:
    return doubt_or_unreadable(project.settings.folder, reader)


def _print(project: Project, reader: Reader, plan: Plan, records: list[Record]) -> None:
    calendar = project.settings.calendar
    if records:
        rows = [
            (_key(each), each.state.value, calendar.text(each.at)[:16].replace("T", " "), each.reply)
            for each in records
        ]
        print_table(("Message", "State", "Since", "Reply"), rows, title=f"Settle with `sendplan resolve` ({len(rows)})")
    for status, title in ((Status.HELD, "Held"), (Status.ERROR, "Errors")):
        entries = plan.with_status(status)
        if entries:
            held = [(each.key, each.reason.value, each.why) for each in entries]
            print_table(("Message", "Reason", "Why"), held, title=f"{title} ({len(entries)})")
    if doubt := _doubt(project, reader):
        click.echo(f"A run would be refused: {doubt}; see `sendplan adopt`\n")
    if plan.refused:
        click.echo(f"A run would be refused: {len(plan.with_status(Status.SEND))} sends are over `limits.per_run`\n")
    for warning in plan.warnings:
        click.echo(f"warning: {clean(warning)}")
    for pause in reader.pauses():
        click.echo(clean(f"paused: {pause.name} {pause.reason}".rstrip()))
    counts = [(count, name) for name, count in reader.counts().items() if count]
    told = [counted(count, "order") if name == "orders" else f"{count} {name}" for count, name in counts]
    click.echo(", ".join(told) or "nothing in the store")
    click.echo(f"now: {len(plan.with_status(Status.SEND))} to send, {len(plan.with_status(Status.LATER))} later")
    runs = reader.plan_records(5)
    if runs:
        table = [
            (
                run.id,
                calendar.text(run.created)[:16].replace("T", " "),
                run.state,
                str(run.sent),
                str(run.failed),
                str(run.uncertain),
            )
            for run in runs
        ]
        click.echo()
        print_table(("Plan", "At", "State", "Sent", "Failed", "Uncertain"), table, title="Last runs")


def _json(project: Project, reader: Reader, plan: Plan, records: list[Record]) -> dict[str, Any]:
    calendar = project.settings.calendar
    return {
        "now": plan.now,
        "unsettled": [
            {"key": _key(each), "state": each.state.value, "at": calendar.text(each.at), "reply": each.reply}
            for each in records
        ],
        "held": [
            {"key": each.key, "reason": each.reason.value, "why": each.why} for each in plan.with_status(Status.HELD)
        ],
        "errors": [{"key": each.key, "why": each.why} for each in plan.with_status(Status.ERROR)],
        "refused": plan.refused,
        "store_doubted": _doubt(project, reader),
        "warnings": list(plan.warnings),
        "paused": [pause.name for pause in reader.pauses()],
        "counts": dict(reader.counts()),
        "summary": plan.summary(),
        "runs": [
            {
                "plan": run.id,
                "at": calendar.text(run.created),
                "state": run.state,
                "sent": run.sent,
                "failed": run.failed,
                "uncertain": run.uncertain,
            }
            for run in reader.plan_records()
        ],
    }


def _key(record: Record) -> str:
    return key_of(record.order, record.rule, record.step or None)
