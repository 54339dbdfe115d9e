"""`sendplan login`: obtain and keep the OAuth 2 token of a sender, step by step (docs/mail-accounts.md)."""

from __future__ import annotations

from pathlib import Path

import click

from sendplan.commands.context import load_settings, project_option, reader_for, store_for
from sendplan.mail.authorities import log_in
from sendplan.mail.diagnosis import advice_for
from sendplan.mail.dialing import SmtpError
from sendplan.mail.oauth_tokens import keep
from sendplan.problems import Exit, did_you_mean
from sendplan.project.settings import Settings
from sendplan.scopes import Scope
from sendplan.text import clean


@click.command("login")
@click.argument("sender")
@project_option
def command(sender: str, project_dir: Path | None) -> int:
    """Obtain a token for SENDER, which has `oauth2:`, and keep it on this computer, readable by you alone."""
    settings = load_settings(project_dir)
    if sender not in settings.senders:
        raise click.UsageError(f"there is no sender `{sender}`; {did_you_mean(sender, settings.senders)}")
    chosen = settings.senders[sender]
    if chosen.oauth2 is None:
        raise click.UsageError(f"sender `{sender}` has no `oauth2:`, so there is nothing to log in to")
    click.echo(clean(f"Sender {sender} logs in at {chosen.provider} as {chosen.username}."))
    try:
        granted = log_in(chosen, lambda line: click.echo(clean(line)))
    except SmtpError as error:
        click.echo(clean(f"Not logged in: {error.detail}"))
        click.echo(clean(f"  advice  {advice_for(chosen, error)}"))
        return Exit.FINDINGS
    if not granted.refresh:
        click.echo("Not logged in: the login service gave no token that can be renewed")
        click.echo("  advice  allow the application to keep its access, and log in again")
        return Exit.FINDINGS
    file = keep(chosen, granted)
    _clear_report(settings, sender)
    click.echo(f"Logged in. The token is in {file}, readable by you alone.")
    if granted.person and granted.person.casefold() != (chosen.username or "").casefold():
        click.echo(
            clean(f"  note    {granted.person} signed in, the sender sends as {chosen.username}: that works where the")
        )
        click.echo("          first may send as the second, as with a shared mailbox; else write `username`")
    click.echo(f"Now try it: sendplan smtp-test {sender}")
    return Exit.DONE


def _clear_report(settings: Settings, name: str) -> None:
    """A refused or missing login is over; the next run tries the new one at once."""
    with reader_for(settings) as reader:
        reports = {each.sender: each.scope for each in reader.sender_reports()}
    if reports.get(name) in (Scope.LOGIN, Scope.CREDENTIALS):
        with store_for(settings) as store:
            store.clear_sender(name)
