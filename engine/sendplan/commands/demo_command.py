"""`sendplan demo`: the main job end to end, on sample orders and a mail server that it starts on loopback."""

from __future__ import annotations

import email
import email.policy
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from sendplan import checking, resources
from sendplan.commands.context import reader_of, store_for
from sendplan.commands.init_command import NOW, copy_example
from sendplan.commands.output import print_problems
from sendplan.commands.plan_command import print_plan
from sendplan.commands.sending import deliver_with_progress, print_report
from sendplan.commands.status_command import print_overview
from sendplan.dispatch import DispatchReport, Ending
from sendplan.dispatch.stopping import stopping
from sendplan.importing.import_file import import_file
from sendplan.operating.overview import overview_of
from sendplan.planning.planner import Clock, make_plan
from sendplan.problems import Exit
from sendplan.project import project as projects
from sendplan.project.project import Project
from sendplan.sink import Sink
from sendplan.text import clean

SHOWN = "E-2050/feedback-reminder"


@click.command("demo")
def command() -> int:
    """Import sample orders, check, plan, send to a mail server of its own, and show that a second run sends nothing."""
    with tempfile.TemporaryDirectory(prefix="sendplan-demo-") as folder, Sink() as sink, stopping() as stop:
        copy_example(Path(folder))
        _heading("sendplan check", "the example shop's settings, rules and templates")
        problems = checking.check(Path(folder))
        print_problems(problems, "text")
        project = _project(Path(folder), sink)
        calendar = project.settings.calendar
        now = calendar.parse(NOW)
        assert now is not None
        clock = Clock(now, replay=True)

        _heading("sendplan import fixtures/orders.csv", "sample orders")
        orders = resources.shipped() / "fixtures" / "orders.csv"
        with store_for(project.settings) as store:
            done = import_file(orders, None, project.settings, store, datetime.now(UTC))
        click.echo(f"{done.inserted} orders imported, {done.bad} bad rows")

        _heading(f'sendplan plan --now "{NOW}"', "what would be sent, to whom, when and why; nothing is sent yet")
        plan = make_plan(project, reader_of(project), clock)
        print_plan(plan)

        _heading("sendplan send plan.json", f"over SMTP, to a mail server on 127.0.0.1:{sink.port}")
        report = deliver_with_progress(plan, project, lambda: clock, stop)
        print_report(report, "text")
        click.echo(f"The server holds {len(sink.mails)} mails.")

        _heading(f"sendplan preview {SHOWN}", "one of them, as the server received it")
        _show_mail(sink)

        _heading(f'sendplan status --now "{NOW}"', "what needs attention")
        print_overview(overview_of(project, reader_of(project), clock, datetime.now(UTC)), project.settings.calendar)

        _heading(f'sendplan run --now "{NOW}"', "a second run sends nothing")
        again = deliver_with_progress(make_plan(project, reader_of(project), clock), project, lambda: clock, stop)
        print_report(again, "text")
        return _verdict(report, again, problems_found=any(each.is_error for each in problems))


def _project(folder: Path, sink: Sink) -> Project:
    """The example shop with its senders turned to the demo's own server, and nothing of it noted elsewhere."""
    project, problems = projects.load(folder)
    assert project is not None, problems
    settings = project.settings
    senders = {
        name: replace(
            sender, host=sink.host, port=sink.port, security="none", username=None, password=None, oauth2=None
        )
        for name, sender in settings.senders.items()
    }
    return replace(project, settings=replace(settings, senders=senders, state="var/state"))


def _heading(command_line: str, what: str) -> None:
    click.echo(click.style(f"\n$ {command_line}", bold=True) + f"   # {what}")


def _show_mail(sink: Sink) -> None:
    received = [email.message_from_bytes(mail.content, policy=email.policy.default) for mail in sink.mails]
    shown = next(each for each in received if each["Subject"] and "List-Unsubscribe" in each)
    for header in ("From", "To", "Subject", "Date", "List-Unsubscribe"):
        click.echo(clean(f"{header}: {shown[header]}"))
    body = shown.get_body(("plain",))
    assert body is not None
    click.echo("\n" + "\n".join(clean(line) for line in body.get_content().splitlines()))


def _verdict(first: DispatchReport, second: DispatchReport, *, problems_found: bool) -> Exit:
    if problems_found or not first.results or first.count(Ending.SENT) != len(first.results) or second.results:
        click.echo("\nThe demo did not work as expected.", err=True)
        return Exit.FINDINGS
    click.echo("\nThat was the main job: declare, read the plan, send exactly that, once.")
    return Exit.DONE
