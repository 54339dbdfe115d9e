"""`sendplan resolve`: a person settles messages, or records one that was sent by hand."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from sendplan.calendar import Calendar
from sendplan.commands.context import clock_of, format_option, load_project, project_option, store_of
from sendplan.commands.output import print_json
from sendplan.commands.person import person
from sendplan.ledger import MessageKey, State
from sendplan.operating.settling import Selected, Settled, Verb, missed, waiting
from sendplan.planning.finding import named
from sendplan.planning.lookup import known_rules, message_named, unknown_message
from sendplan.planning.planner import Clock, make_plan
from sendplan.problems import Exit, Problem, UserError, did_you_mean
from sendplan.project.project import Project
from sendplan.store import Store
from sendplan.text import clean, counted

_NAME_ONE = "name one message to settle it whatever became of it: ORDER/RULE, or ORDER/RULE/STEP"
_MISSED = "missed"
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
    type=click.Choice((State.FAILED.value, State.UNCERTAIN.value, _MISSED)),
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
    narrowing = any(each is not None for each in (sender, rule, state))
    if bool(names) is narrowing:
        raise click.UsageError("name messages or orders, or choose with --sender, --rule or --state")
    project, _ = load_project(project_dir)
    meant, calendar = Verb(outcome), project.settings.calendar
    if state == _MISSED and meant is Verb.RETRY:
        raise click.UsageError("a missed message is too late: change `expires` or `lookback` of its rule, or `drop` it")
    states = Selected().states if state in (None, _MISSED) else frozenset({State(state)})
    chosen = Selected(states, None, _known_sender(project, sender), _known_rule(project, rule))
    clock = clock_of(at, calendar, "--at")
    moment = clock.now
    if moment > datetime.now(UTC):
        click.echo(f"warning: --at {at} is in the future", err=True)
    store = store_of(project.settings)
    found = _named(project, store, names)

    def choose(freed: Collection[str]) -> Iterable[tuple[str, MessageKey]]:
        if state == _MISSED:
            # Sent may have been a day on which it was not too late yet.
            looked = clock if meant is Verb.DROP else Clock(datetime.now(UTC))
            return missed(make_plan(project, store, looked), chosen)
        orders = frozenset(found.orders).difference(freed)
        return [*found.messages, *waiting(store, replace(chosen, orders=orders if names else None))]

    settled, freed = person(store).settle(project, choose, meant, at=moment, marked=found.orders)
    alone = len(names) == len(settled) + len(freed) == 1
    if names and not settled and not freed:
        problem = Problem("illegal-move", f"nothing of {', '.join(names)} waits for a person", None, _NAME_ONE)
        raise UserError(problem, Exit.REFUSED)
    if alone and not all(each.done for each in settled):
        raise UserError(_problem(settled[0], meant, calendar), Exit.REFUSED)
    if format_ == "json":
        print_json(_json(settled, freed, meant, calendar.text(moment), alone=alone, calendar=calendar))
    else:
        _print(settled, freed, meant, calendar, alone=alone)
    return Exit.DONE if all(each.done for each in settled) else Exit.REFUSED


def _known_sender(project: Project, name: str | None) -> str | None:
    senders = project.settings.senders
    if name is not None and name not in senders:
        raise click.UsageError(f"there is no sender `{name}`; {did_you_mean(name, senders)}")
    return name


def _known_rule(project: Project, name: str | None) -> str | None:
    if name is not None:
        known_rules(project, (name,))
    return name


@dataclass(frozen=True, slots=True)
class _Named:
    """What the names stand for."""

    messages: tuple[tuple[str, MessageKey], ...]
    orders: tuple[str, ...]


def _named(project: Project, store: Store, names: Sequence[str]) -> _Named:
    """The messages and orders that are named; raises UserError with all names that are neither."""
    messages: list[tuple[str, MessageKey]] = []
    orders: list[str] = []
    problems: list[Problem] = []
    for name in names:
        message = message_named(project, store, name)
        if message is not None:
            messages.append(message)
        elif stored := named(store, name):
            orders += [each.id for each in stored]
        elif _is_marked(store, name):
            orders.append(name)
        else:
            problems += unknown_message(project, store, name).problems
    if problems:
        raise UserError(problems, Exit.USAGE)
    return _Named(tuple(messages), tuple(orders))


def _is_marked(store: Store, order: str) -> bool:
    """Whether a row of an order was refused, which may not be stored at all."""
    history = store.histories([order]).get(order)
    return history is not None and history.refused is not None


# --- output ---


def _problem(refused: Settled, outcome: Verb, calendar: Calendar) -> Problem:
    message = f"{refused.key} is {refused.why}: `{outcome}` is not possible"
    row = refused.present
    if outcome is Verb.RETRY and row is not None and row.repeat_from is not None:
        message = f"{refused.key} is {refused.why}: `retry` is possible from {calendar.text(row.repeat_from)}"
        return Problem("illegal-move", message, None, "until then a late answer of the server may still come")
    return Problem("illegal-move", message, None, "see `sendplan explain --message KEY`")


def _print(settled: Sequence[Settled], freed: Sequence[str], outcome: Verb, calendar: Calendar, *, alone: bool) -> None:
    for order in freed:
        click.echo(clean(f"{order} is no longer held by a refused row; its mail goes by what is stored"))
    for each in settled:
        if each.done:
            click.echo(clean(f"{each.key} {_SAID[outcome]}"))
        else:
            click.echo(clean(_problem(each, outcome, calendar).message), err=True)
    if not alone and (settled or not freed):
        refused = sum(not each.done for each in settled)
        rest = f", {refused:,} not possible" if refused else ""
        click.echo(f"{counted(len(settled) - refused, 'message')} settled{rest}")


def _json(
    settled: Sequence[Settled], freed: Sequence[str], outcome: Verb, at: str, *, alone: bool, calendar: Calendar
) -> Any:
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
