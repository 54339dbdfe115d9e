"""Bytes and texts of a file that is imported: compression, encoding, its lines for messages (docs/mapping.md#files).

A file is read in pieces, however large it is.
"""

from __future__ import annotations

import codecs
import gzip
import io
import re
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import IO

from sendplan.dataclass import dataclass
from sendplan.problems import Problem, Span, UserError

LONGEST_LINE = 1_000
"""A longer line is not shown to people."""
FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".txt": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".xml": "xml",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
}
"""A file's ending → how it is read."""
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ZEROS: Mapping[tuple[bool, ...], str] = {
    (False, True, False, True): "utf-16-le",
    (True, False, True, False): "utf-16-be",
}
"""Which of the first four bytes are zero where texts have two bytes a character, and no mark."""
_GZIP = b"\x1f\x8b"
_NO_TEXTS = (
    (b"pk\x03\x04", "a workbook or an archive", "name it .xlsx, or add format: xlsx to the mapping; unpack an archive"),
    (b"\xd0\xcf\x11\xe0", "an old workbook", "save it as .xlsx or as CSV"),
    (b"%pdf", "a PDF", "export it as CSV"),
    (b"<!doctype html", "a web page, no export", "the shop may have asked to log in: download it again"),
    (b"<html", "a web page, no export", "the shop may have asked to log in: download it again"),
)
"""How files begin that are no text, in small letters; what they are, and what to do."""


def hidden(text: str, start: int = 0, end: int = 0) -> str:
    """A line of a file with dots for its letters and digits, but for characters `start` to `end` (not included).

    Rows hold names and streets, and what is told of them goes into mails and logs.
    """
    return "".join((_WORD.sub("·", text[:start]), text[start:end], _WORD.sub("·", text[end:])))


_WORD = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class OrderFile:
    """One file of orders; what is wrong with the file itself raises UserError."""

    path: Path
    name: str
    """How messages name it."""
    encoding: str | None = None
    """As the mapping says; by its byte order mark, else UTF-8, when None."""
    declared: str | None = None
    """The format that the mapping says; told by the file's ending when None."""

    @property
    def ending(self) -> str:
        """The file's ending, that of the compression left out."""
        name = Path(self.path.name.removesuffix(".gz"))
        return name.suffix.lower()

    @property
    def format(self) -> str:
        """How it is read: `csv`, `json`, `jsonl`, `xml` or `xlsx`."""
        return self.declared or FORMATS.get(self.ending, "csv")

    def open(self) -> IO[bytes]:
        """Its bytes, unpacked."""
        try:
            with self.path.open("rb") as file:
                packed = file.read(2) == _GZIP
            return gzip.open(self.path) if packed else self.path.open("rb")  # type: ignore[return-value]
        except OSError as error:
            raise UserError(self.unreadable(error)) from error

    def open_text(self) -> io.TextIOWrapper:
        """Its characters; line ends stay as they are."""
        file = self.open()
        try:
            self._refuse_no_text(file)
        except BaseException:
            file.close()
            raise
        return io.TextIOWrapper(file, encoding=self._encoding_of(file), newline="")

    def _refuse_no_text(self, file: IO[bytes]) -> None:
        start = file.read(32)
        file.seek(0)
        for mark, what, help in _NO_TEXTS:
            if start.removeprefix(codecs.BOM_UTF8).lower().startswith(mark):
                raise UserError(Problem("import-file", f"the file is {what}", self.span(1, 1), help))

    def _encoding_of(self, file: IO[bytes]) -> str:
        """A byte order mark is certain, whatever the mapping says; so are the zero bytes of UTF-16 without one."""
        start = file.read(4)
        file.seek(0)
        marked = next((name for mark, name in _MARKS if start.startswith(mark)), None)
        zeros = _ZEROS.get(tuple(not each for each in start))
        return marked or self.encoding or zeros or "utf-8"

    def unreadable(self, error: OSError | EOFError) -> Problem:
        """The file cannot be read from the disk, or its compression is broken."""
        why = (getattr(error, "strerror", None) or str(error)).lower()
        return Problem("file-unreadable", f"`{self.name}` cannot be read: {why}")

    def undecodable(self, error: UnicodeDecodeError) -> Problem:
        """The file is written in another encoding."""
        help = "name the file's encoding in the mapping, such as encoding: cp1252"
        with closing(self.open()) as file:
            encoding = self._encoding_of(file)
            if encoding.startswith("utf-8"):
                for number, raw in enumerate(file, start=1):
                    try:
                        raw.decode(encoding)
                    except UnicodeDecodeError as found:
                        column = len(raw[: found.start].decode(encoding, errors="replace")) + 1
                        return self.problem(number, "is not UTF-8 from here on", help, column)
        return self.problem(1, f"the file is not {encoding}", help)

    def problem(self, line: int, message: str, help: str = "", column: int = 1) -> Problem:
        """A problem of the file itself."""
        text = hidden(self.lines({line}).get(line, ""))
        return Problem("import-file", message, self.span(line, column, text), help)

    def header_problem(self, line: int, message: str, help: str = "") -> Problem:
        """A problem of the columns' names, which are nobody's."""
        return Problem("import-file", message, self.span(line, 1, self.lines({line}).get(line, "")), help)

    def span(self, line: int, column: int, text: str = "", end_column: int | None = None) -> Span:
        """A place in the file."""
        return Span(self.name, line, column, end_column or column + 1, text)

    def lines(self, numbers: Iterable[int]) -> Mapping[int, str]:
        """The texts of these lines, read again; without those that are too long to be shown."""
        wanted = set(numbers)
        if not wanted or self.format == "xlsx":
            return {}
        last, texts = max(wanted), {}
        try:
            with closing(self.open()) as file:
                encoding = self._encoding_of(file)
                text = io.TextIOWrapper(file, encoding=encoding, errors="replace")
                for number, line in enumerate(text, start=1):
                    if number in wanted and len(line) <= LONGEST_LINE:
                        texts[number] = line.rstrip("\r\n")
                    if number >= last:
                        break
        except (OSError, EOFError, UserError):
            return {}
        return texts
