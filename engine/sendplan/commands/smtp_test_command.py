"""`sendplan smtp-test`: "Test ok", or "Test failed" with the step and what to change (manual M3)."""

from __future__ import annotations

from pathlib import Path

import click

from sendplan.commands.context import format_option, load_settings, project_option
from sendplan.commands.output import print_json
from sendplan.operating.trying_senders import try_sender
from sendplan.problems import Exit
from sendplan.project.providers import PRESETS
from sendplan.text import clean


@click.command("smtp-test")
@click.argument("sender", required=False)
@click.option("--to", metavar="ADDR", help="Where the test mail goes; the sender's own From address by default.")
@format_option("text", "json")
@project_option
def command(sender: str | None, to: str | None, format_: str, project_dir: Path | None) -> int:
    """Send a test mail through SENDER (the first one by default) and say which step failed and what to change."""
    settings = load_settings(project_dir)
    result = try_sender(settings, sender, to)
    name = result.sender
    if format_ == "json":
        print_json(
            {
                "sender": name,
                "ok": result.ok,
                "step": result.step,
                "message": result.message,
                "advice": result.advice,
                "notes": list(result.notes),
            }
        )
    else:
        color = "green" if result.ok else "red"
        click.echo(click.style("Test ok" if result.ok else "Test failed", fg=color) + f": {name}")
        if result.step:
            click.echo(clean(f"  step    {result.step}"))
        click.echo(clean(f"  server  {result.message}"))
        if result.advice:
            click.echo(clean(f"  advice  {result.advice}"))
        for note in result.notes:
            click.echo(clean(f"  note    {note}"))
        if result.ok and (known := PRESETS[settings.senders[name].provider]).read_on is not None:
            click.echo(f"  limits  those of {known.name} as of {known.read_on}: {known.source}")
    return Exit.DONE if result.ok else Exit.FINDINGS
