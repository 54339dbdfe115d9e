"""`sendplan worker`: take part in sending what other hosts planned."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

import click

from sendplan.commands.context import load_project, log_option, project_option
from sendplan.commands.output import remark, warn
from sendplan.dispatch import DispatchReport, Ending
from sendplan.dispatch.stopping import stopping
from sendplan.operating.helping import Helping
from sendplan.problems import Exit
from sendplan.project.project import Project


@click.command("worker")
@log_option
@project_option
def command(project_dir: Path | None) -> int:
    """Stay, and take part in sending what `send` and `run` on other hosts planned, until Ctrl-C.

    It plans nothing itself, and takes only plans of the rules, settings and templates that this host has.
    """

    def load() -> Project:
        project, _ = load_project(project_dir)
        return project

    printing = threading.Lock()

    def told(report: DispatchReport) -> None:
        counts = Counter(result.ending for result in report.results)
        parts = ", ".join(f"{counts[ending]} {ending.value}" for ending in Ending if counts[ending])
        with printing:
            click.echo(f"Plan {report.plan}: {parts} from here")
            for sender, why in report.stopped.items():
                remark(f"sender {sender} was stopped: {why}")
            if report.trouble:
                remark(f"this host's part broke off: {report.trouble}")

    with stopping() as stop:
        Helping(load, stop, told, warn).to_end()
    return Exit.DONE
