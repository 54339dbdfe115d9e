"""`sendplan explain`: one order under every rule, or the history of one message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sendplan.addresses import mask_all
from sendplan.commands.context import (
    clock_of,
    format_option,
    load_project,
    now_option,
    project_option,
    reader_of,
)
from sendplan.commands.output import print_json
from sendplan.ledger import Bounce, Move, State
from sendplan.planning.explain import explanation_json, explanation_text, next_change
from sendplan.planning.finding import rule_lines, title
from sendplan.planning.lookup import decided_orders, known_rules, message_named, unknown_message
from sendplan.planning.planner import Clock, OrderDecisions
from sendplan.problems import Exit
from sendplan.project.project import Project
from sendplan.project.rules import BrokenRule
from sendplan.store import Reader
from sendplan.text import clean


@click.command("explain")
@click.argument("order", required=False)
@click.option("--rule", "rules", multiple=True, metavar="R", help="Only this rule; may be given several times.")
@click.option("--message", metavar="KEY", help="The history of one message, ORDER/RULE or ORDER/RULE/STEP.")
@now_option
@format_option("text", "json")
@project_option
def command(
    order: str | None,
    rules: tuple[str, ...],
    message: str | None,
    now: str | None,
    format_: str,
    project_dir: Path | None,
) -> int:
    """Tell why ORDER gets which mail, and why not, with the values under every part of the conditions.

    ORDER is an id, a number or a buyer's e-mail address. First comes a line for each rule.
    """
    if (order is None) is (message is None):
        raise click.UsageError("give an ORDER, or a message with --message KEY")
    project, _ = load_project(project_dir, kept=True)
    reader = reader_of(project)
    if message is not None:
        return _message(project, reader, message, format_)
    assert order is not None
    chosen, clock = known_rules(project, rules), clock_of(now, project.settings.calendar)
    decided = decided_orders(project, reader, order, clock, chosen)
    broken = [each for each in project.broken if chosen is None or each.id in chosen]
    if format_ == "json":
        explained = [_order_json(project, each, broken, clock) for each in decided]
        print_json(explained[0] if len(explained) == 1 else {"orders": explained})
    elif len(decided) == 1:
        _print_order(project, decided[0], broken, clock)
    else:
        for each in decided:
            lines = [title(each.facts, project.settings.calendar), *rule_lines(each.decisions, broken)]
            click.echo("\n".join(map(clean, lines)) + "\n")
        click.echo(clean(f"{len(decided)} orders are `{order}`: name one by its id to see why"))
    return Exit.DONE


def _print_order(project: Project, decided: OrderDecisions, broken: list[BrokenRule], clock: Clock) -> None:
    """A line for each rule, when there are several; then why, each condition once."""
    settings, calendar, facts = project.settings, project.settings.calendar, decided.facts
    heading = f"Order {facts.id}, account {facts.account}, at {calendar.text(clock.now)}"
    lines = rule_lines(decided.decisions, broken)
    click.echo("\n".join(map(clean, [heading, *(lines if len(lines) > 1 or broken else [])])))
    told: set[tuple[str, ...]] = set()
    for decision in decided.decisions:
        text = explanation_text(decision, next_change(decision, settings), calendar, told)
        click.echo("\n" + "\n".join(map(clean, text.splitlines())))


def _order_json(project: Project, decided: OrderDecisions, broken: list[BrokenRule], clock: Clock) -> dict[str, Any]:
    settings, calendar = project.settings, project.settings.calendar
    decisions: list[dict[str, Any]] = [
        {"rule": each.id, "step": None, "reason": "error", "status": "error", "why": each.problem.message}
        for each in broken
    ]
    decisions += [explanation_json(each, next_change(each, settings), calendar) for each in decided.decisions]
    facts = decided.facts
    return {"order": facts.id, "account": facts.account, "now": calendar.text(clock.now), "decisions": decisions}


def _message(project: Project, reader: Reader, key: str, format_: str) -> int:
    found = message_named(project, reader, key)
    if found is None:
        raise unknown_message(project, reader, key)
    calendar, moves, bounces = project.settings.calendar, reader.moves(*found), reader.bounces_of(*found)
    if format_ == "json":
        returned = [_bounce_json(each, project) for each in bounces]
        print_json({"key": key, "moves": [_move_json(move, project) for move in moves], "bounces": returned})
        return Exit.DONE
    click.echo(clean(f"Message {key}"))
    if not moves:
        click.echo("  nothing happened to it yet: not sent")
    lines = [(move.at, f"{_state(move.before)} → {_state(move.after)}  {mask_all(move.reply)}") for move in moves]
    lines += [(each.at, f"bounced ({each.kind.value})  {each.diagnosis}") for each in bounces]
    for at, said in sorted(lines, key=lambda line: line[0]):
        click.echo(clean(f"  {calendar.text(at)}  {said}".rstrip()))
    return Exit.DONE


def _state(state: State | None) -> str:
    return state.value if state else "open"


def _bounce_json(bounce: Bounce, project: Project) -> dict[str, Any]:
    return {
        "at": project.settings.calendar.text(bounce.at),
        "kind": bounce.kind.value,
        "status": bounce.status,
        "diagnosis": bounce.diagnosis,
    }


def _move_json(move: Move, project: Project) -> dict[str, Any]:
    return {
        "at": project.settings.calendar.text(move.at),
        "from": move.before.value if move.before else None,
        "to": move.after.value if move.after else None,
        "reply": mask_all(move.reply),
    }
