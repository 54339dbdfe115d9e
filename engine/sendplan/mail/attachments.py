"""Files that go along with a mail: found by name inside one folder, and read only while they leave.

A mail keeps the path of its attachment, never the content, so that large ones take no memory.
"""

from __future__ import annotations

import base64
import os
import re
import stat
from collections.abc import Iterator
from email import base64mime, quoprimime
from email.utils import quote
from mimetypes import MimeTypes
from pathlib import Path
from urllib.parse import quote as percent_encoded

from sendplan.dataclass import dataclass
from sendplan.problems import Problem, UserError

_LINE = 57
"""Bytes in a line of base64 (76 characters, RFC 2045 §6.8)."""
_BLOCK = _LINE * 1_024
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_PLAIN_NAME = re.compile(r"(?!.*=\?)[ -~]{1,60}")
_TYPES = MimeTypes(filenames=())
"""The library's own list: the same on every machine."""


class AttachmentError(UserError):
    """A file cannot go along with its mail, which therefore stays open."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file as it was when its mail was composed."""

    path: Path
    """Absolute, without symbolic links."""
    name: str
    """As the buyer sees it."""
    shown: str
    """As people here know it, relative to the project: `documents/invoices/4711.pdf`."""
    type: str
    """Of its content, by its name's ending (RFC 6838)."""
    size: int
    """In bytes, not encoded."""
    stamp: tuple[int, int, int]
    """Device, number and time of change: whether it still is the same file."""

    @property
    def encoded_size(self) -> int:
        """Bytes in the mail."""
        return 4 * -(-self.size // 3) + 2 * -(-self.size // _LINE)

    def header(self) -> str:
        """The lines above its content in the mail, each with its end.

        A name that is not plain ASCII is written twice: by RFC 2231 as the standards want it, and in the older way of
        RFC 2047 that Outlook and Gmail fall back to.
        """
        if _PLAIN_NAME.fullmatch(self.name):
            name = filename = f'"{quote(self.name)}"'
            equals = "="
        else:
            name = f'"{_encoded_words(self.name)}"'
            filename = "utf-8''" + percent_encoded(self.name, safe="")
            equals = "*="
        return (
            f"Content-Type: {self.type};\r\n name={name}\r\n"
            "Content-Transfer-Encoding: base64\r\n"
            f"Content-Disposition: attachment;\r\n filename{equals}{filename}\r\n"
        )

    def chunks(self) -> Iterator[bytes]:
        """Its content in base64, some lines at a time; raises AttachmentError when it is no longer what it was."""
        left = self.size
        try:
            with open(os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
                if _stamp(os.fstat(file.fileno())) != (self.size, self.stamp):
                    raise _error(self.shown, "it changed while its mail was being sent")
                while block := file.read(min(_BLOCK, left)):
                    left -= len(block)
                    yield base64.encodebytes(block).replace(b"\n", b"\r\n")
        except OSError as error:
            raise _error(self.shown, f"it cannot be read: {(error.strerror or str(error)).lower()}") from error
        if left:
            raise _error(self.shown, "it became shorter while its mail was being sent")


def find(folder: Path, shown_folder: str, name: str) -> Attachment:
    """The file `name` below `folder`; `shown_folder` is how the settings name that.

    Raises AttachmentError when it is missing, empty, no plain file, or outside the folder by any link.
    """
    shown = f"{shown_folder.rstrip('/')}/{name}"
    parts = name.split("/")
    if _CONTROL.search(name) or "\\" in name or any(part.strip() in ("", ".", "..") for part in parts):
        raise _error(shown, "this is not the name of a file in the folder")
    try:
        path = folder.joinpath(*parts).resolve(strict=True)
        if not path.is_relative_to(folder.resolve()):
            raise _error(shown, f"it lies outside `{shown_folder}`")
        found = path.stat()
    except FileNotFoundError:
        raise _error(shown, "there is no such file") from None
    except (OSError, RuntimeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "it cannot be found"
        raise _error(shown, why.lower()) from error
    if not stat.S_ISREG(found.st_mode):
        raise _error(shown, "it is not a file")
    if not os.access(path, os.R_OK):
        raise _error(shown, "it may not be read by this user")
    size, stamp = _stamp(found)
    if size == 0:
        raise _error(shown, "it is empty")
    return Attachment(path, parts[-1], shown, _type(parts[-1]), size, stamp)


def _stamp(found: os.stat_result) -> tuple[int, tuple[int, int, int]]:
    return found.st_size, (found.st_dev, found.st_ino, found.st_mtime_ns)


def _type(name: str) -> str:
    """By the name's ending; what could not be sent in base64 (RFC 2046 §5) is any other file."""
    type_, packed = _TYPES.guess_type(name)
    if packed is not None:
        return {"gzip": "application/gzip"}.get(packed, "application/octet-stream")
    composite = type_ is None or type_.startswith(("message/", "multipart/"))
    return "application/octet-stream" if composite else str(type_)


def _encoded_words(name: str) -> str:
    """RFC 2047, folded between words; no character is divided."""
    form = min((quoprimime, base64mime), key=lambda each: each.header_length(name.encode()))
    words, word = [], b""
    for character in (each.encode() for each in name):
        if form.header_length(word + character) > _LINE:
            words.append(word)
            word = b""
        word += character
    return "\r\n ".join(form.header_encode(each, "utf-8") for each in (*words, word))


def _error(shown: str, why: str) -> AttachmentError:
    return AttachmentError(Problem("attachment-missing", f"`{shown}` cannot go along: {why}"))
