"""How a project stands, as Prometheus reads it: a text file or a port (docs/operating.md#metrics).

Needs prometheus-client, the extra `metrics`; without it importing this module raises ImportError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry, start_http_server, write_to_textfile
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from sendplan.ledger import BounceKind, State
from sendplan.operating.overview import Concern, Overview
from sendplan.plan import Status


class Snapshot(Collector):
    """The metrics after the latest run; a scrape reads them at any time, from another thread."""

    def __init__(self) -> None:
        """Empty until the first `show`."""
        self._shown: tuple[GaugeMetricFamily, ...] = ()

    def show(self, overview: Overview, senders: Iterable[str]) -> None:
        """From now on tell this; `senders` are the names in the settings, so that those that work are told too."""
        self._shown = tuple(metrics_of(overview, senders))

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Every metric."""
        return iter(self._shown)


def write_file(path: Path, snapshot: Snapshot) -> None:
    """Replace `path` in one step, as node_exporter's textfile collector wants it."""
    write_to_textfile(str(path), _registry(snapshot))


def serve(snapshot: Snapshot, host: str, port: int) -> Callable[[], None]:
    """Answer scrapes at `host` and `port` in a thread; what is returned ends that. Raises OSError."""
    server, thread = start_http_server(port, host, _registry(snapshot))

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop


def metrics_of(overview: Overview, senders: Iterable[str]) -> Iterator[GaugeMetricFamily]:
    """The same as gauges; no label holds anything of a buyer."""
    plan, counts = overview.plan, overview.counts
    planned = {"due": len(plan.with_status(Status.SEND))} | {
        status.value: len(plan.with_status(status)) for status in (Status.LATER, Status.HELD, Status.ERROR)
    }
    yield _gauge("planned", "Messages by how the plan lists them now; `due` may leave at once.", "status", planned)
    ledger = {state.value: counts.get(state.value, 0) for state in State}
    yield _gauge("messages", "Messages in the ledger by state.", "state", ledger)
    bounces = {kind.value: overview.bounces.get(kind, 0) for kind in BounceKind}
    yield _gauge("bounces", "Mails that came back, by what they say of the address.", "kind", bounces)
    concerns = {each.value: overview.concerns.get(each, 0) for each in Concern}
    yield _gauge("needs_person", "What keeps `status` from exiting with 0.", "concern", concerns)

    reported = {each.report.sender: each.report for each in overview.senders}
    up = {name: float(name not in reported) for name in senders}
    yield _gauge(
        "sender_up", "1 for a sender against which nothing is known, 0 for one that cannot send.", "sender", up
    )
    since = {name: report.since.timestamp() for name, report in reported.items()}
    yield _gauge("sender_down_since_seconds", "Since when a sender cannot send (Unix time).", "sender", since)

    sources = {each.source or "by_hand": each for each in overview.imports}
    at = {name: each.at.timestamp() for name, each in sources.items()}
    yield _gauge("import_timestamp_seconds", "When a source was last imported (Unix time).", "source", at)
    bad = {name: float(each.bad) for name, each in sources.items()}
    yield _gauge("import_bad_rows", "Rows that the last import of a source refused.", "source", bad)
    good = {name: float(each.stored) for name, each in sources.items()}
    yield _gauge("import_stored", "0 when nothing of a source's file was taken.", "source", good)

    if overview.runs:
        run = overview.runs[0]
        yield _gauge(
            "last_run_timestamp_seconds", "When the last run began (Unix time).", None, {"": run.created.timestamp()}
        )
        outcomes = {"sent": run.sent, "failed": run.failed, "uncertain": run.uncertain, "open": run.left_open}
        yield _gauge("last_run_messages", "What became of the last run's messages.", "outcome", outcomes)


def _gauge(name: str, help_: str, label: str | None, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"sendplan_{name}", help_, labels=[label] if label else [])
    for key, value in values.items():
        family.add_metric([key] if label else [], value)
    return family


def _registry(snapshot: Snapshot) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(snapshot)
    return registry
