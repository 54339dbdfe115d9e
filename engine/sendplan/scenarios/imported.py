"""Orders of a file, in a store of their own: what scenarios and snapshots with `import:` play on."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path

from sendplan.dataclass import dataclass
from sendplan.importing.import_file import import_file
from sendplan.importing.import_report import ImportReport
from sendplan.ledger import RefusedData
from sendplan.problems import Problem, did_you_mean
from sendplan.project.settings import Settings
from sendplan.reading.source import Document, KeyPath
from sendplan.store import open_store
from sendplan.store.memory import MemoryOrders
from sendplan.store.records import StoredOrder


def located_import(document: Document, folder: Path, project: Path) -> tuple[Path | None, Path | None, list[Problem]]:
    """The file and the mapping under `import`."""
    found: dict[str, Path | None] = {}
    problems: list[Problem] = []
    for key in document.data["import"]:
        found[key], missing = located(document, ("import", key), folder, project)
        problems += missing
    return found.get("file"), found.get("mapping"), problems


def located(document: Document, path: KeyPath, folder: Path, project: Path) -> tuple[Path | None, list[Problem]]:
    """The file that a key names: beside the file that names it, else below the project's folder."""
    value = document.data
    for part in path:
        value = value[part]
    tried = [folder / str(value), project / str(value)]
    found = next((each for each in tried if each.is_file()), None)
    if found is not None:
        return found, []
    near = {each.name for parent in {each.parent for each in tried} if parent.is_dir() for each in parent.iterdir()}
    help_ = did_you_mean(Path(str(value)).name, near)
    return None, [Problem("file-missing", f"there is no file `{value}`", document.span(path), help_)]


@dataclass(frozen=True, slots=True)
class ImportedOrders:
    """What a store holds after an import."""

    orders: tuple[StoredOrder, ...]
    refused: Mapping[str, RefusedData]
    """Order → its row that was refused."""
    report: ImportReport


def read_orders(
    file: Path, mapping: Path | None, settings: Settings, at: datetime, before: Iterable[StoredOrder] = ()
) -> ImportedOrders:
    """The file's orders as an import at `at` (UTC) stores them beside those that were there before."""
    with (
        tempfile.TemporaryDirectory(prefix="sendplan-") as folder,
        closing(open_store("sqlite:///import.db", Path(folder), settings.fields, settings.calendar)) as store,
    ):
        with store.importing("before", at) as run:
            for line, order in enumerate(before, start=1):
                values = {"id": order.id, "account": order.account, **order.values}
                run.upsert(tuple(values), [(line, tuple(values.values()))])
            run.finish(0)
        report = import_file(file, mapping, settings, store, at)
        orders = tuple(store.orders())
        histories = store.histories([each.id for each in orders])
        return ImportedOrders(orders, {id_: each.refused for id_, each in histories.items() if each.refused}, report)


def filled(orders: Iterable[StoredOrder]) -> MemoryOrders:
    """These orders on a virtual clock."""
    source = MemoryOrders()
    for order in orders:
        source.put(order.id, order.account, order.values)
    return source


def refresh(
    source: MemoryOrders, settings: Settings, at: datetime, times: Mapping[str, datetime] | None = None
) -> None:
    """Have every field imported just now for every account, or at the times that are named."""
    names = (name for name, each in settings.fields.items() if not each.derived_from)
    moments = dict.fromkeys(names, at) | dict(times or {})
    for account in settings.accounts:
        for name, moment in moments.items():
            source.carry(account, [name], moment)
