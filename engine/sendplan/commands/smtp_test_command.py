"""`sendplan smtp-test`: "Test ok", or "Test failed" with the step and what to change (manual M3)."""

from __future__ import annotations

from pathlib import Path

import click

from sendplan.addresses import address_error
from sendplan.commands.context import format_option, load_settings, project_option, reader_for, store_for
from sendplan.commands.output import print_json
from sendplan.mail.deliverability import hints
from sendplan.mail.diagnosis import smtp_test
from sendplan.problems import Exit, did_you_mean
from sendplan.project.providers import PRESETS
from sendplan.project.settings import Settings
from sendplan.text import clean


@click.command("smtp-test")
@click.argument("sender", required=False)
@click.option("--to", metavar="ADDR", help="Where the test mail goes; the sender's own From address by default.")
@format_option("text", "json")
@project_option
def command(sender: str | None, to: str | None, format_: str, project_dir: Path | None) -> int:
    """Send a test mail through SENDER (the first one by default) and say which step failed and what to change."""
    settings = load_settings(project_dir)
    senders = settings.senders
    name = sender or next(iter(senders))
    if name not in senders:
        raise click.UsageError(f"there is no sender `{name}`; {did_you_mean(name, senders)}")
    if to is not None and (wrong := address_error(to)):
        raise click.UsageError(f"--to: `{to}` is not an e-mail address: {wrong}")
    result = smtp_test(senders[name], to)
    if result.ok:
        _clear_report(settings, name)
    notes = hints(senders[name]) if result.ok else ()
    if format_ == "json":
        print_json(
            {
                "sender": name,
                "ok": result.ok,
                "step": result.step,
                "message": result.message,
                "advice": result.advice,
                "notes": list(notes),
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
        for note in notes:
            click.echo(clean(f"  note    {note}"))
        if result.ok and (known := PRESETS[senders[name].provider]).read_on is not None:
            click.echo(f"  limits  those of {known.name} as of {known.read_on}: {known.source}")
    return Exit.DONE if result.ok else Exit.FINDINGS


def _clear_report(settings: Settings, name: str) -> None:
    """The next run need not be careful with a sender that works; a store that is not there yet is not made."""
    with reader_for(settings) as reader:
        reported = any(each.sender == name for each in reader.sender_reports())
    if reported:
        with store_for(settings) as store:
            store.clear_sender(name)
