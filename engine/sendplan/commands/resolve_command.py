"""`sendplan resolve`: a person settles a message, or records one that was sent by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from sendplan.commands.context import clock_of, format_option, load_project, project_option, store_of
from sendplan.commands.explain_command import unknown_key, unknown_order
from sendplan.commands.output import print_json
from sendplan.dispatch import recover
from sendplan.ledger import State
from sendplan.plan import parse_key
from sendplan.problems import Exit, Problem, UserError
from sendplan.project.settings import Settings
from sendplan.store.adoption import JOURNALS, checked

MOVES = {"sent": State.SENT, "retry": None, "drop": State.DROPPED}


@click.command("resolve")
@click.argument("key")
@click.argument("outcome", type=click.Choice(tuple(MOVES)))
@click.option("--at", metavar="T", help="When it was sent (ISO 8601, the shop's zone); now by default.")
@format_option("text", "json")
@project_option
def command(key: str, outcome: str, at: str | None, format_: str, project_dir: Path | None) -> int:
    """Settle the message KEY: it was `sent`, may be sent again (`retry`), or shall never leave (`drop`).

    With `drop`, KEY may be an order of which an import refused a row: what is stored of it is right after all.

    `sent` also records a message that a person sent by hand, so that its ladder goes on from there.
    """
    project, _ = load_project(project_dir)
    parsed = parse_key(key, project.steps_by_rule())
    if parsed is None and outcome == "drop" and "/" not in key:
        return _unmark(project.settings, key, format_)
    if parsed is None:
        raise unknown_key(project, key)
    order, rule, step = parsed
    store = store_of(project.settings)
    if next(iter(store.orders_by_id([order])), None) is None:
        raise unknown_order(store, order, "")
    moment = clock_of(at, project.settings.calendar, "--at").now
    if moment > datetime.now(UTC):
        click.echo(f"warning: --at {at} is in the future", err=True)
    with checked(project.settings, store) as marks:
        # What a run that vanished left in flight is a person's as soon as its lease has ended, before any other run.
        recover(store, project.settings.folder / JOURNALS, datetime.now(UTC))
        note = f"resolved by a person: {outcome}"
        moved = store.move(order, (rule, step or ""), MOVES[outcome], at=moment, reply=note)
        marks.rise(store.high_water())
    if not moved:
        record = store.histories([order]).get(order)
        row = record.find(((rule, step or ""),)) if record else None
        state = row.state.value if row else "not sent"
        help_ = "see `sendplan explain --message KEY`; a message in flight may be repeated 10 minutes after its lease"
        raise UserError(
            Problem("illegal-move", f"{key} is {state}: `{outcome}` is not possible", None, help_), Exit.REFUSED
        )
    if format_ == "json":
        print_json({"key": key, "outcome": outcome, "at": project.settings.calendar.text(moment)})
    else:
        said = {"sent": "is recorded as sent", "retry": "may be sent again", "drop": "will never be sent"}[outcome]
        click.echo(f"{key} {said}")
    return Exit.DONE


def _unmark(settings: Settings, order: str, format_: str) -> int:
    """End the mark that a refused row left on an order."""
    store = store_of(settings)
    if not store.unmark(order):
        if next(iter(store.orders_by_id([order])), None) is None:
            raise unknown_order(store, order, "")
        help_ = "name one message to drop it: ORDER/RULE, or ORDER/RULE/STEP"
        raise UserError(Problem("illegal-move", f"no refused row holds {order}", None, help_), Exit.REFUSED)
    if format_ == "json":
        print_json({"order": order, "outcome": "drop"})
    else:
        click.echo(f"{order} is no longer held by a refused row; its mail goes by what is stored")
    return Exit.DONE
