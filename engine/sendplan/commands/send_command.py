"""`sendplan send`: exactly what a plan file says, once."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from sendplan.addresses import address_error
from sendplan.commands.context import (
    clock_of_sending,
    format_option,
    load_project,
    log_option,
    now_option,
    project_option,
    reader_of,
)
from sendplan.commands.sending import deliver_with_progress, print_report
from sendplan.dispatch.delivery import Rehearsal, check_brake
from sendplan.dispatch.stopping import stopping
from sendplan.operating.approving import check_approved
from sendplan.planning.plan_file import check_fresh, read_plan


@click.command("send")
@click.argument("plan_path", metavar="PLAN", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@now_option
@click.option("--approve", type=int, metavar="N", help="Send a plan over `limits.per_run`; N is its number of sends.")
@click.option("--redirect", metavar="ADDR", help="A rehearsal: every mail goes to this address alone.")
@click.option("--to-dir", type=click.Path(path_type=Path, file_okay=False), help="A rehearsal: write the mails there.")
@format_option("text", "json")
@log_option
@project_option
def command(
    plan_path: Path,
    now: str | None,
    approve: int | None,
    redirect: str | None,
    to_dir: Path | None,
    format_: str,
    project_dir: Path | None,
) -> int:
    """Send PLAN's `send` entries; each is decided again right before its mail, and none is ever sent twice.

    A rehearsal enters nothing in the ledger and leaves the plan unused.
    """
    if redirect is not None and to_dir is not None:
        raise click.UsageError("choose one of --redirect and --to-dir")
    if redirect is not None and (wrong := address_error(redirect)):
        raise click.UsageError(f"--redirect: `{redirect}` is not an e-mail address: {wrong}")
    rehearsal = Rehearsal(redirect, to_dir) if redirect is not None or to_dir is not None else None
    project, _ = load_project(project_dir)
    clock = clock_of_sending(now, project.settings.calendar)
    plan = read_plan(plan_path)
    check_fresh(plan, project, clock().now)
    check_brake(plan, project, approve)
    if rehearsal is None and project.settings.approval:
        check_approved(plan, project, reader_of(project), datetime.now(UTC))
    with stopping() as stop:
        sending_at = clock().now if now is not None else None
        report = deliver_with_progress(plan, project, clock, stop, rehearsal, sending_at=sending_at)
    print_report(report, format_, rest="run `sendplan send` with the same plan again to continue it")
    return report.exit_code
