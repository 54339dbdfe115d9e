"""Writes small .xlsx files, cell by cell as a spreadsheet program would."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def error(text: str) -> str:
    """A cell that shows an error."""
    return f'<{{p}}c r="{{at}}" t="e"><{{p}}v>{text}</{{p}}v></{{p}}c>'


def formula(text: str, result: str | None = None, kind: str = "n") -> str:
    """A formula with the result that is stored; None: the file holds none."""
    stored = "" if result is None else f"<{{p}}v>{result}</{{p}}v>"
    return f'<{{p}}c r="{{at}}" t="{kind}"><{{p}}f>{text}</{{p}}f>{stored}</{{p}}c>'


def workbook(
    path: Path, rows: Sequence[Sequence[str | float | None]], *, prefix: str = "", recalculated: bool = False
) -> Path:
    """A workbook of one sheet; texts that begin with `<` are cells as `error` and `formula` make them."""
    p = f"{prefix}:" if prefix else ""
    lines = "".join(
        f'<{p}row r="{number}">{"".join(_cell(each, number, at, p) for at, each in enumerate(row))}</{p}row>'
        for number, row in enumerate(rows, start=1)
    )
    declared = f'xmlns:{prefix}="{_MAIN}"' if prefix else f'xmlns="{_MAIN}"'
    flag = '<calcPr fullCalcOnLoad="1"/>' if recalculated else ""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{_PACKAGE}"><Relationship Id="rId1" Type="{_OFFICE}/officeDocument"'
            ' Target="xl/workbook.xml"/></Relationships>',
        )
        parts.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets><sheet name="Orders" sheetId="1" r:id="rId1"/>'
            f"</sheets>{flag}</workbook>",
        )
        parts.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{_PACKAGE}"><Relationship Id="rId1" Type="{_OFFICE}/worksheet"'
            ' Target="worksheets/sheet1.xml"/></Relationships>',
        )
        parts.writestr(
            "xl/worksheets/sheet1.xml",
            f"<{p}worksheet {declared}><{p}sheetData>{lines}</{p}sheetData></{p}worksheet>",
        )
    return path


def _cell(value: str | float | None, line: int, at: int, p: str) -> str:
    place = f"{'ABCDEFGHIJKLMNOPQRSTUVWXYZ'[at]}{line}"
    match value:
        case None:
            return ""
        case str() if value.startswith("<"):
            return value.format(p=p, at=place)
        case str():
            return f'<{p}c r="{place}" t="inlineStr"><{p}is><{p}t>{escape(value)}</{p}t></{p}is></{p}c>'
        case _:
            return f'<{p}c r="{place}"><{p}v>{value}</{p}v></{p}c>'
