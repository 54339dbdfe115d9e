"""A project in a folder, its commands, and a real mail server: what the end-to-end tests share."""

from __future__ import annotations

import email
import email.policy
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from sendplan import cli
from sendplan.commands.init_command import copy_example
from sendplan.sink import Sink

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data" / "accounts-receivable.csv"
"""Public sample data that lies beside the project; tests that need it are skipped without it."""


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


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A mail server on loopback."""
    with Sink() as server:
        yield server


@pytest.fixture
def shop(tmp_path: Path, capsys: pytest.CaptureFixture[str], sink: Sink) -> Project:
    """The example shop, whose senders deliver to the mail server on loopback."""
    copy_example(tmp_path)
    project = Project(tmp_path, capsys)
    text = project.path("sendplan.yaml").read_text(encoding="utf-8")
    local = f"host: {sink.host}\n    port: {sink.port}\n    security: none\n"
    text = re.sub(r"provider: (gmail|office365)\n", local, text)
    text = re.sub(r"    (username|password): .*\n", "", text)
    project.path("sendplan.yaml").write_text(text, encoding="utf-8")
    return project


@pytest.fixture
def receivables(tmp_path: Path, capsys: pytest.CaptureFixture[str], sink: Sink) -> Project:
    """A project that duns the invoices of the sample data; skipped where those are not at hand."""
    if not DATA.is_file():
        pytest.skip(f"the sample data is not at hand: {DATA.name}")
    shutil.copytree(ROOT / "tests" / "acceptance" / "receivables", tmp_path, dirs_exist_ok=True)
    project = Project(tmp_path, capsys)
    project.edit("sendplan.yaml", "port: 2525", f"port: {sink.port}")
    return project


def received(sink: Sink) -> list[EmailMessage]:
    """The mails that the server holds, parsed."""
    return [email.message_from_bytes(each.content, policy=email.policy.default) for each in sink.mails]  # type: ignore[misc]


def text_of(mail: EmailMessage) -> str:
    """The text part of a mail."""
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())
