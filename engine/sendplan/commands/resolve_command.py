"""`sendplan resolve`: a person settles messages, or records one that was sent by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from sendplan.calendar import Calendar
from sendplan.commands.context import clock_of, format_option, load_project, project_option, store_of
from sendplan.commands.output import print_json
from sendplan.commands.person import person
from sendplan.operating.resolving import STATES, Resolution, resolve
from sendplan.operating.settling import Settled, Verb
from sendplan.problems import Exit, Problem, UserError
from sendplan.text import clean, counted

_SAID = {
    Verb.SENT: "is recorded as sent",
    Verb.RETRY: "may be sent again",
    Verb.DROP: "will never be sent",
}


@click.command("resolve")
@click.argument("names", nargs=-1, metavar="[KEY…|ORDER]")
@click.argument("outcome", type=click.Choice([each.value for each in Verb]))
@click.option("--sender", metavar="S", help="All that wait for a person of this sender.")
@click.option("--rule", metavar="R", help="All that wait for a person of this rule.")
@click.option(
    "--state",
    type=click.Choice(STATES),
    help="All that wait for a person in this state.",
)
@click.option("--at", metavar="T", help="When it was sent, or missed (ISO 8601, the shop's zone); now by default.")
@format_option("text", "json")
@project_option
def command(
    names: tuple[str, ...],
    outcome: str,
    sender: str | None,
    rule: str | None,
    state: str | None,
    at: str | None,
    format_: str,
    project_dir: Path | None,
) -> int:
    """Settle messages: they were `sent`, may be sent again (`retry`), or shall never leave (`drop`).

    KEY is a message; `sent` also records one that a person sent by hand, so that its ladder goes on from there. ORDER
    (an id, a number or an e-mail address) and the options choose among the messages that failed or are uncertain. With
    `drop`, an ORDER of which an import refused a row gets mail again: what is stored of it is right after all.
    """
    if bool(names) is any(each is not None for each in (sender, rule, state)):
        raise click.UsageError("name messages or orders, or choose with --sender, --rule or --state")
    project, _ = load_project(project_dir)
    meant, calendar = Verb(outcome), project.settings.calendar
    clock = clock_of(at, calendar, "--at")
    if clock.now > datetime.now(UTC):
        click.echo(f"warning: --at {at} is in the future", err=True)
    done = resolve(
        project,
        person(store_of(project.settings)),
        names,
        meant,
        sender=sender,
        rule=rule,
        state=state,
        clock=clock,
    )
    alone = len(names) == len(done.settled) + len(done.freed) == 1
    if alone and not done.done:
        raise UserError(_problem(done.settled[0], meant, calendar), Exit.REFUSED)
    if format_ == "json":
        print_json(_json(done, meant, calendar.text(clock.now), alone=alone, calendar=calendar))
    else:
        _print(done, meant, calendar, alone=alone)
    return Exit.DONE if done.done else Exit.REFUSED


# --- output ---


def _problem(refused: Settled, outcome: Verb, calendar: Calendar) -> Problem:
    message = f"{refused.key} is {refused.why}: `{outcome}` is not possible"
    row = refused.present
    if outcome is Verb.RETRY and row is not None and row.repeat_from is not None:
        message = f"{refused.key} is {refused.why}: `retry` is possible from {calendar.text(row.repeat_from)}"
        return Problem("illegal-move", message, None, "until then a late answer of the server may still come")
    return Problem("illegal-move", message, None, "see `sendplan explain --message KEY`")


def _print(done: Resolution, outcome: Verb, calendar: Calendar, *, alone: bool) -> None:
    settled = done.settled
    for order in done.freed:
        click.echo(clean(f"{order} is no longer held by a refused row; its mail goes by what is stored"))
    for each in settled:
        if each.done:
            click.echo(clean(f"{each.key} {_SAID[outcome]}"))
        else:
            click.echo(clean(_problem(each, outcome, calendar).message), err=True)
    if not alone and (settled or not done.freed):
        refused = sum(not each.done for each in settled)
        rest = f", {refused:,} not possible" if refused else ""
        click.echo(f"{counted(len(settled) - refused, 'message')} settled{rest}")


def _json(done: Resolution, outcome: Verb, at: str, *, alone: bool, calendar: Calendar) -> Any:
    settled, freed = done.settled, done.freed
    if alone and freed:
        return {"order": freed[0], "outcome": outcome.value}
    if alone:
        return {"key": settled[0].key, "outcome": outcome.value, "at": at}
    refused = [
        {
            "key": each.key,
            "state": each.why,
            "from": calendar.text(each.present.repeat_from) if each.present and each.present.repeat_from else None,
        }
        for each in settled
        if not each.done
    ]
    return {
        "outcome": outcome.value,
        "at": at,
        "settled": [each.key for each in settled if each.done],
        "freed": list(freed),
        "refused": refused,
    }
