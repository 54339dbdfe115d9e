"""What a scenario says must come of its import, compared with what came (docs/project.md#scenarios)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sendplan.importing.conversion import ConversionError, convert
from sendplan.importing.values import as_json
from sendplan.problems import did_you_mean
from sendplan.project.settings import Settings
from sendplan.scenarios.imported import ImportedOrders


def import_differences(data: Mapping[str, Any], found: ImportedOrders, settings: Settings) -> list[str]:
    """What differs from `imported` and `refused`, a line each; a refused row that nobody expects differs too."""
    if not found.report.stored and not found.report.refused:
        return [f"the file was refused: {each.message}" for each in found.report.problems]
    wanted = data.get("imported")
    lines = list(_orders(wanted or (), found, settings))
    if wanted == [] and found.orders:
        lines.append(f"imported: expected none, got {', '.join(each.id for each in found.orders[:5])}")
    return [*lines, *_refused(data.get("refused", {}), found)]


def _orders(wanted: Sequence[Mapping[str, Any]], found: ImportedOrders, settings: Settings) -> Iterator[str]:
    stored = {each.id: each for each in found.orders}
    for order in wanted:
        id_ = str(order["id"])
        if id_ not in stored:
            yield f"imported: there is no order `{id_}`; {did_you_mean(id_, stored)}"
            continue
        values = {"account": stored[id_].account, **stored[id_].values}
        for name, raw in order.items():
            if name not in settings.fields:
                yield f"imported: {id_}: an order has no field `{name}`; {did_you_mean(name, settings.fields)}"
            elif name != "id" and (told := _differs(name, raw, values.get(name), settings)):
                yield f"imported: {id_}: {name}: {told}"


def _differs(name: str, raw: Any, got: Any, settings: Settings) -> str:
    try:
        value = convert(settings.fields[name], raw, settings.calendar) if raw is not None else None
    except ConversionError as error:
        return f"what is expected {error.message}"
    if value == got:
        return ""
    return f"expected {_shown(value)}, got {_shown(got)}"


def _shown(value: Any) -> object:
    return "nothing" if value is None else as_json(value)


def _refused(wanted: Mapping[str, str], found: ImportedOrders) -> Iterator[str]:
    expected = {int(line): str(code) for line, code in wanted.items()}
    for line in sorted(expected.keys() | found.report.refused.keys()):
        got = [each.value for each in found.report.refused.get(line, ())]
        if expected.get(line, "") in got or (line not in expected and not got):
            continue
        yield f"refused: line {line}: expected {expected.get(line, 'nothing')}, got {', '.join(got) or 'nothing'}"
