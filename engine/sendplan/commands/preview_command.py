"""`sendplan preview`: the message itself, without any side effect."""

from __future__ import annotations

from pathlib import Path

import click

from sendplan.commands.context import clock_of, format_option, load_project, now_option, project_option, reader_of
from sendplan.commands.explain_command import unknown_key, unknown_order
from sendplan.commands.output import print_json
from sendplan.mail.compose import compose, templates_of
from sendplan.output_file import FileKind, write_file
from sendplan.plan import parse_key
from sendplan.planning.planner import decide_orders
from sendplan.problems import Exit
from sendplan.text import clean


@click.command("preview")
@click.argument("key")
@now_option
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the mail as an .eml file.")
@format_option("text", "json")
@project_option
def command(key: str, now: str | None, output: Path | None, format_: str, project_dir: Path | None) -> int:
    """Show the message KEY (ORDER/RULE or ORDER/RULE/STEP) as it would leave, whether or not it is due."""
    project, _ = load_project(project_dir)
    parsed = parse_key(key, project.steps_by_rule())
    if parsed is None:
        raise unknown_key(project, key)
    order, rule_id, step_id = parsed
    reader, clock = reader_of(project), clock_of(now, project.settings.calendar)
    decided = next(decide_orders(project, reader, clock, orders=reader.orders_by_id([order])), None)
    if decided is None:
        raise unknown_order(reader, order, "it was not placed yet at this time")
    rule = next(rule for rule in project.rules_for(decided.facts.account) if rule.id == rule_id)
    step = next(step for step in rule.written if step.id == (step_id or ""))
    message, rendered = compose(project, templates_of(project), decided.facts, rule, step, now=clock.now)
    if output is not None:
        write_file(output, FileKind.MAIL, [message.bytes])
    head = message.bytes.split(b"\r\n\r\n", 1)[0].decode()
    if format_ == "json":
        parts = {"subject": rendered.subject, "text": rendered.text, "html": rendered.html}
        print_json({"key": key, "language": rendered.language, "headers": head.split("\r\n"), **parts})
    elif output is not None:
        click.echo(f"Written to {output}")
    else:
        lines = [*head.split("\r\n"), f"Subject (decoded): {rendered.subject}", "", *rendered.text.splitlines()]
        click.echo("\n".join(map(clean, lines)))
    return Exit.DONE
