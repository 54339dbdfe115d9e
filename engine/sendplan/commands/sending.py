"""What `send`, `run` and `demo` share: the brake, the progress bar, and what came of a plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

from sendplan.commands.context import progress_bar
from sendplan.commands.output import print_json, print_table, remark
from sendplan.dispatch import DispatchReport, Ending, Result
from sendplan.dispatch.delivery import Rehearsal, deliver
from sendplan.dispatch.stopping import Stop
from sendplan.plan import Plan, Status
from sendplan.planning.planner import Clock
from sendplan.project.project import Project
from sendplan.text import clean


def deliver_with_progress(
    plan: Plan,
    project: Project,
    clock: Callable[[], Clock],
    stop: Stop,
    rehearsal: Rehearsal | None = None,
    *,
    sending_at: datetime | None = None,
) -> DispatchReport:
    """Execute a plan under a progress bar; where the settings name a `redirect`, every execution is a rehearsal."""
    if rehearsal is None and project.settings.redirect is not None:
        rehearsal = Rehearsal(redirect=project.settings.redirect)
    if rehearsal is not None:
        where = rehearsal.redirect or rehearsal.folder
        remark(f"A rehearsal to {where}: no buyer gets mail, and the plan stays unused.")
    done = 0
    with progress_bar("Sending", "mails", total=len(plan.with_status(Status.SEND))) as show:

        def progress(result: Result) -> None:
            nonlocal done
            done += 1
            show(done)

        return deliver(plan, project, clock, stop=stop, sending_at=sending_at, rehearsal=rehearsal, progress=progress)


def print_report(report: DispatchReport, format_: str, *, rest: str = "the next run sends what is left") -> None:
    """What became of each entry; `rest` says how an interrupted plan goes on."""
    if format_ == "json":
        print_json(report_json(report))
        return
    unsent = [result for result in report.results if result.ending is not Ending.SENT]
    if unsent:
        rows = [(each.key, each.ending.value, str(each.cause.value) if each.cause else "", each.why) for each in unsent]
        print_table(("Message", "Outcome", "Reason", "Why"), rows, title=f"Not sent ({len(unsent)})")
    copies = Counter(each.copy_refused for each in report.results if each.copy_refused)
    for reply, number in copies.items():
        what = "1 copy was" if number == 1 else f"{number} copies were"
        click.echo(clean(f"{what} refused, the buyers got their mails: {reply}"))
    for sender, why in report.stopped.items():
        remark(f"sender {sender} was stopped: {why}")
    if report.trouble:
        remark(f"the run broke off: {report.trouble}")
    counts = Counter(result.ending.value for result in report.results)
    click.echo(f"Plan {report.plan}: " + ", ".join(f"{counts[ending.value]} {ending.value}" for ending in Ending))
    if report.interrupted:
        click.echo(f"It was interrupted; {rest}.")


def report_json(report: DispatchReport) -> dict[str, Any]:
    """The same for machines."""
    return {
        "plan": report.plan,
        **{ending.value: report.count(ending) for ending in Ending},
        "interrupted": report.interrupted,
        "trouble": report.trouble or None,
        "stopped": dict(report.stopped),
        "results": [
            {
                "key": each.key,
                "outcome": each.ending.value,
                "reason": each.cause.value if each.cause else None,
                "why": each.why,
            }
            for each in report.results
        ],
    }
