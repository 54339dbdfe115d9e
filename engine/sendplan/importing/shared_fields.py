"""Fields that several files under `imports:` write: who writes what, and whose word an empty cell is not.

docs/mapping.md#payments says what that means for stored values and for freshness.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

from sendplan.dataclass import dataclass
from sendplan.importing.files import OrderFile
from sendplan.importing.mapping import ConstantSource, FileMapping, importable
from sendplan.importing.tables import Table, TableLayout
from sendplan.problems import UserError
from sendplan.project.settings import ImportSource, Settings


@dataclass(frozen=True, slots=True)
class Writer:
    """What a file writes, as far as its mapping tells."""

    name: str
    """Under `imports:`; empty for a file that was named by hand."""
    fields: frozenset[str]
    """Beside what names the order."""
    matches: bool
    """Whether it only updates orders that are there, so that each is another file's order too."""
    accounts: frozenset[str] | None
    """Whose orders it writes; None: anybody's."""
    named: bool = True
    """Whether a mapping names the fields; without one the header does."""

    def meets(self, other: Writer) -> bool:
        """Whether both may write the same orders."""
        return self.accounts is None or other.accounts is None or not self.accounts.isdisjoint(other.accounts)

    def writes_for(self, account: str) -> bool:
        """Whether orders of this account may be among its own."""
        return self.accounts is None or account in self.accounts

    def together(self, writers: Iterable[Writer]) -> frozenset[str]:
        """The fields that it writes for orders of which another file certainly writes them too."""
        found: frozenset[str] = frozenset()
        for other in writers:
            if other.name != self.name and (other.matches or self.matches) and self.meets(other):
                found |= self.fields & other.fields
        return found


def writers(settings: Settings) -> tuple[Writer, ...]:
    """What every file under `imports:` writes."""
    return tuple(writer(each.name, each.mapping, settings, each.file) for each in settings.imports)


def writer(name: str, mapping: Path | None, settings: Settings, file: Path) -> Writer:
    """What one file writes; of a mapping that is broken as much as can be read, and in doubt everything."""
    if mapping is None:
        return Writer(name, frozenset(importable(settings)) - _NAMING, False, None, named=False)
    from sendplan.importing.mapping_file import read_mapping

    read = read_mapping(mapping, settings, file)[0]
    return _as_read(name, read, settings) if read is not None else _as_written(name, mapping, settings)


def source_of(mapping: Path | None, settings: Settings) -> ImportSource | None:
    """The entry under `imports:` that reads by this mapping."""
    if mapping is None:
        return None
    same = mapping.resolve()
    return next((each for each in settings.imports if each.mapping and each.mapping.resolve() == same), None)


def clashes(settings: Settings) -> Iterator[tuple[Writer, Writer, tuple[str, ...]]]:
    """Two files under `imports:` that write the same field of perhaps the same orders, where mail depends on it."""
    known = [
        _by_header(each, source, settings) for each, source in zip(writers(settings), settings.imports, strict=True)
    ]
    for first, second in combinations(known, 2):
        both = [each for each in _CRITICAL if each in first.fields & second.fields]
        if both and first.meets(second):
            yield first, second, tuple(both)


def _by_header(own: Writer, source: ImportSource, settings: Settings) -> Writer:
    """What a file without a mapping writes by its header, as far as there is one to be read."""
    if own.named or source.mapping is not None:
        return own
    try:
        header = Table(OrderFile(source.file, source.name), TableLayout())
        header.start()
    except (UserError, OSError, EOFError, UnicodeDecodeError):
        return replace(own, fields=frozenset())
    return replace(own, fields=own.fields & header.positions.keys())


_CRITICAL = ("paid", "paid_amount", "credited", "cancelled", "returned", "shipped", "delivered", "disputed", "parked")
_NAMING = frozenset({"id", "account"})


def _as_read(name: str, mapping: FileMapping, settings: Settings) -> Writer:
    sources = mapping.sources or ()
    constant = [
        str(each.source.value)
        for each in sources
        if each.field.name == "account" and isinstance(each.source, ConstantSource)
    ]
    accounts = mapping.accounts if mapping.accounts is not None else (constant or None)
    fields = frozenset(each.field.name for each in sources) - _NAMING - {mapping.match}
    return Writer(name, fields, mapping.match is not None, _present(accounts, settings))


def _as_written(name: str, mapping: Path, settings: Settings) -> Writer:
    from sendplan.reading.source import load

    document = load(mapping, project=settings.folder)[0] if mapping.is_file() else None
    data: Any = document.data if document is not None else None
    fields = data.get("fields") if isinstance(data, Mapping) else None
    if not isinstance(fields, Mapping) or "extends" in data:
        return Writer(name, frozenset(importable(settings)) - _NAMING, True, None)
    accounts = data.get("accounts")
    listed = _present(map(str, accounts), settings) if isinstance(accounts, list) else None
    return Writer(name, frozenset(map(str, fields)) - _NAMING - {data.get("match")}, "match" in data, listed)


def _present(accounts: Iterable[str] | None, settings: Settings) -> frozenset[str] | None:
    return None if accounts is None else frozenset(map(settings.present_account, accounts))
