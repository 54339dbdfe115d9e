"""Who is told after a run how the project stands: the owner by mail, and a metrics file or port."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sendplan.commands.context import store_for
from sendplan.commands.output import warn
from sendplan.dataclass import dataclass
from sendplan.planning.planner import Clock
from sendplan.problems import Exit, Problem, UserError
from sendplan.project.project import Project

if TYPE_CHECKING:
    from sendplan.operating.metrics import Snapshot

F = TypeVar("F", bound=Callable[..., Any])


def metrics_options(command: F) -> F:
    """`--metrics-file` and `--metrics-port`."""
    file = click.option(
        "--metrics-file",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Write metrics for Prometheus after the run, for node_exporter's textfile collector.",
    )
    port = click.option(
        "--metrics-port",
        metavar="[HOST:]PORT",
        callback=_host_and_port,
        help="With --stay: answer Prometheus there; on this computer alone without HOST.",
    )
    return file(port(command))


def _host_and_port(context: click.Context, option: click.Parameter, text: str | None) -> tuple[str, int] | None:
    if text is None:
        return None
    host, _, port = text.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise click.BadParameter(f"`{text}` is not a port; write 9464, or 0.0.0.0:9464")
    return host.strip("[]") or "127.0.0.1", int(port)


@dataclass(frozen=True, slots=True)
class Watchers:
    """Told after each run."""

    snapshot: Snapshot | None
    """None when nobody asked for metrics."""
    file: Path | None

    def tell(self, project: Project, clock: Clock) -> None:
        """Find out how the project stands, where anybody wants to know; raises UserError like any look at the store."""
        settings = project.settings
        if settings.alerts is None and self.snapshot is None:
            return
        from sendplan.operating.alerts import alert_owner
        from sendplan.operating.overview import overview_of

        with store_for(settings) as store:
            overview = overview_of(project, store, clock, datetime.now(UTC))
            alert = alert_owner(project, store, overview, clock.now)
        if alert is not None and alert.sender is None:
            warn(f"nobody could be alerted: {'; '.join(alert.failures) or 'no sender works'}")
        if self.snapshot is not None:
            self.snapshot.show(overview, settings.senders)
            if self.file is not None:
                from sendplan.operating.metrics import write_file

                write_file(self.file, self.snapshot)


@contextmanager
def watching(file: Path | None, port: tuple[str, int] | None) -> Iterator[Watchers]:
    """What tells the metrics, for the length of the command; raises UserError without the library for it."""
    if file is None and port is None:
        yield Watchers(None, None)
        return
    try:
        from sendplan.operating.metrics import Snapshot, serve
    except ImportError:
        raise UserError(_NO_METRICS, Exit.USAGE) from None
    snapshot = Snapshot()
    stop = serve(snapshot, *port) if port is not None else None
    try:
        yield Watchers(snapshot, file)
    finally:
        if stop is not None:
            stop()


_NO_METRICS = Problem(
    "missing-extra", "metrics need the package prometheus-client", help="pip install 'sendplan[metrics]'"
)
