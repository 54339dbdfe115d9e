"""`python -m sendplan.sink`: a mail server to try things out with; it takes every mail and delivers none."""

from __future__ import annotations

import signal
from pathlib import Path

import click

from sendplan.sink.server import Sink


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=2525, show_default=True, help="Port of 127.0.0.1.")
@click.option("--mbox", type=click.Path(path_type=Path, dir_okay=False), help="Also keep the mails in this file.")
def main(port: int, mbox: Path | None) -> None:
    """Listen until Ctrl-C."""
    with Sink(port=port, mbox=mbox) as sink:
        click.echo(f"{sink.host}:{sink.port} takes mail and delivers nothing; Ctrl-C ends it")
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
        click.echo(f"{len(sink.mails)} mails taken")


if __name__ == "__main__":
    main(prog_name="python -m sendplan.sink")
