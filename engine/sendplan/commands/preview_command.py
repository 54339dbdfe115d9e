"""`sendplan preview`: the message itself, without any side effect."""

from __future__ import annotations

from pathlib import Path

import click

from sendplan.commands.context import clock_of, format_option, load_project, now_option, project_option, reader_of
from sendplan.commands.output import print_json
from sendplan.mail.preview import preview
from sendplan.output_file import FileKind, write_file
from sendplan.problems import Exit
from sendplan.text import clean
from sendplan.units import size_text


@click.command("preview")
@click.argument("key")
@now_option
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the mail as an .eml file.")
@format_option("text", "json")
@project_option
def command(key: str, now: str | None, output: Path | None, format_: str, project_dir: Path | None) -> int:
    """Show the message KEY (ORDER/RULE or ORDER/RULE/STEP) as it would leave, whether or not it is due."""
    project, _ = load_project(project_dir)
    shown = preview(project, reader_of(project), key, clock_of(now, project.settings.calendar))
    if output is not None:
        write_file(output, FileKind.MAIL, shown.message.chunks())
    if format_ == "json":
        parts = {"subject": shown.subject, "text": shown.text, "html": shown.html}
        files = [
            {"name": each.name, "file": each.shown, "type": each.type, "size": each.size} for each in shown.attachments
        ]
        print_json({"key": key, "language": shown.language, "headers": shown.headers, **parts, "attachments": files})
    elif output is not None:
        click.echo(f"Written to {output}")
    else:
        files_ = [f"Attachment: {each.shown} ({each.type}, {size_text(each.size)})" for each in shown.attachments]
        lines = [*shown.headers, f"Subject (decoded): {shown.subject}", *files_, "", *shown.text.splitlines()]
        click.echo("\n".join(map(clean, lines)))
    return Exit.DONE
