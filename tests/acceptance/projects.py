"""A project in a folder and its commands, and mails as a server received them: what the end-to-end tests share."""

from __future__ import annotations

import email
import email.policy
import json
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from sendplan import cli
from sendplan.sink import Sink

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ran:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its output as JSON."""
        return json.loads(self.out)


class Project:
    """A project's folder and its commands, run in this process as the shell would run them."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    def __call__(self, *args: str) -> Ran:
        """Run `sendplan ARGS --project FOLDER`."""
        self._capsys.readouterr()
        code = cli.run([*args, "--project", str(self.folder)])
        captured = self._capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    def path(self, name: str) -> Path:
        """A file of the project."""
        return self.folder / name

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text that must be there."""
        text = self.path(name).read_text(encoding="utf-8")
        assert old in text
        self.path(name).write_text(text.replace(old, new), encoding="utf-8")

    def write(self, name: str, text: str) -> Path:
        """Write a file of the project."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


def received(sink: Sink) -> list[EmailMessage]:
    """The mails that the server holds, parsed."""
    return [email.message_from_bytes(each.content, policy=email.policy.default) for each in sink.mails]


def text_of(mail: EmailMessage) -> str:
    """The text part of a mail."""
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())
