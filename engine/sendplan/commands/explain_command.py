"""`sendplan explain`: one order under every rule, or the story of one message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sendplan.commands.context import (
    clock_of,
    format_option,
    known_rules,
    load_project,
    now_option,
    project_option,
    reader_of,
)
from sendplan.commands.output import clean, print_json
from sendplan.ledger import Move
from sendplan.plan import parse_key
from sendplan.planning.explain import explanation_json, explanation_text, next_change
from sendplan.planning.planner import Clock, decide_orders
from sendplan.problems import Exit, Problem, UserError
from sendplan.project.project import Project
from sendplan.store import Reader


@click.command("explain")
@click.argument("order", required=False)
@click.option("--rule", "rules", multiple=True, metavar="R", help="Only this rule; may be given several times.")
@click.option("--message", metavar="KEY", help="The story of one message, ORDER/RULE or ORDER/RULE/STEP.")
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
    """Tell why ORDER gets which mail, and why not, with the values under every part of the conditions."""
    if (order is None) is (message is None):
        raise click.UsageError("name an ORDER, or a message with --message KEY")
    project, _ = load_project(project_dir)
    reader = reader_of(project)
    if message is not None:
        return _message(project, reader, message, format_)
    assert order is not None
    return _order(
        project, reader, order, known_rules(project, rules), clock_of(now, project.settings.calendar), format_
    )


def _order(
    project: Project, reader: Reader, order: str, rules: frozenset[str] | None, clock: Clock, format_: str
) -> int:
    settings, calendar = project.settings, project.settings.calendar
    decided = next(decide_orders(project, reader, clock, orders=reader.orders_by_id([order])), None)
    if decided is None:
        raise unknown_order(reader, order, "it was not placed yet at this time")
    explained = [
        (decision, next_change(decision, settings))
        for decision in decided.decisions
        if rules is None or decision.rule.id in rules
    ]
    broken = [each for each in project.broken if rules is None or each.id in rules]
    if format_ == "json":
        decisions: list[dict[str, Any]] = [
            {"rule": each.id, "step": None, "reason": "error", "status": "error", "why": each.problem.message}
            for each in broken
        ]
        decisions += [explanation_json(decision, change, calendar) for decision, change in explained]
        print_json(
            {"order": order, "account": decided.facts.account, "now": calendar.text(clock.now), "decisions": decisions}
        )
        return Exit.DONE
    click.echo(clean(f"Order {order}, account {decided.facts.account}, at {calendar.text(clock.now)}"))
    for each in broken:
        click.echo(clean(f"\n{each.id}: error — {each.problem.span}: {each.problem.message}"))
    for decision, change in explained:
        click.echo("\n" + "\n".join(map(clean, explanation_text(decision, change, calendar).splitlines())))
    return Exit.DONE


def _message(project: Project, reader: Reader, key: str, format_: str) -> int:
    parsed = parse_key(key, project.steps_by_rule())
    if parsed is None:
        raise unknown_key(project, key)
    order, rule, step = parsed
    calendar = project.settings.calendar
    moves = reader.moves(order, (rule, step or ""))
    if not moves and next(iter(reader.orders_by_id([order])), None) is None:
        raise unknown_order(reader, order, "")
    if format_ == "json":
        print_json({"key": key, "moves": [_move_json(move, project) for move in moves]})
        return Exit.DONE
    click.echo(clean(f"Message {key}"))
    if not moves:
        click.echo("  nothing happened to it yet: not sent")
    for move in moves:
        before = move.before.value if move.before else "open"
        after = move.after.value if move.after else "open"
        click.echo(clean(f"  {calendar.text(move.at)}  {before} → {after}  {move.reply}".rstrip()))
    return Exit.DONE


def _move_json(move: Move, project: Project) -> dict[str, Any]:
    return {
        "at": project.settings.calendar.text(move.at),
        "from": move.before.value if move.before else None,
        "to": move.after.value if move.after else None,
        "reply": move.reply,
    }


def unknown_order(reader: Reader, order: str, why_not: str) -> UserError:
    """The error for an order that is not in the store, or not there yet."""
    exists = next(iter(reader.orders_by_id([order])), None) is not None
    message = f"order `{order}`: {why_not}" if exists else f"there is no order `{order}` in the store"
    return UserError(Problem("unknown-order", message, None, "" if exists else "ids are as imported"), Exit.USAGE)


def unknown_key(project: Project, key: str) -> UserError:
    """The error for a text that is no message's key."""
    forms = ", ".join(
        f"ORDER/{rule}/{'|'.join(steps)}" if steps else f"ORDER/{rule}"
        for rule, steps in sorted(project.steps_by_rule().items())
    )
    return UserError(Problem("unknown-message", f"`{key}` is no message", None, f"messages are {forms}"), Exit.USAGE)
