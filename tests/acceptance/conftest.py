"""A project in a folder, its commands, and a real mail server."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from authority import Authority
from invoices import SAMPLES, Sample
from projects import ROOT, Project

from sendplan.commands.init_command import copy_example
from sendplan.dispatch import Pauses, Services, delivery
from sendplan.sink import Sink


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A mail server on loopback."""
    with Sink() as server:
        yield server


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits until a server is tried again."""
    quick = Pauses(after_failure=0.0, probes=(0.0, 0.0), rate=(0.0, 0.0), quota=1.0)
    monkeypatch.setattr(delivery, "Services", partial(Services, pauses=quick))


@pytest.fixture
def shop(tmp_path: Path, capsys: pytest.CaptureFixture[str], sink: Sink) -> Project:
    """The example shop, whose senders deliver to the mail server on loopback."""
    copy_example(tmp_path)
    project = Project(tmp_path, capsys)
    text = project.path("sendplan.yaml").read_text(encoding="utf-8")
    local = f"host: {sink.host}\n    port: {sink.port}\n    security: none\n"
    text = re.sub(r"provider: (gmail|office365)\n", local, text)
    text = re.sub(r"    (username|password|oauth2): .*\n", "", text)
    project.path("sendplan.yaml").write_text(text, encoding="utf-8")
    return project


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Authority]:
    """A login service whose certificate this process and its children trust; tokens are kept in the test's folder."""
    with Authority(tmp_path) as running:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(running.ca_file))
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        monkeypatch.setenv("OAUTH_CLIENT", running.client)
        monkeypatch.setenv("OAUTH_SECRET", running.secret)
        monkeypatch.delenv("DISPLAY", raising=False)
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        yield running


@pytest.fixture(params=SAMPLES, ids=["invented", "public"])
def sample(request: pytest.FixtureRequest) -> Sample:
    """A file of invoices; the public one is an extra, skipped where it is not beside the repository."""
    found: Sample = request.param
    if not found.path.is_file():
        pytest.skip(f"the larger data set is not beside the repository: {found.path}")
    return found


@pytest.fixture
def receivables(tmp_path: Path, capsys: pytest.CaptureFixture[str], sink: Sink) -> Project:
    """A project that duns unpaid invoices."""
    shutil.copytree(ROOT / "tests" / "acceptance" / "receivables", tmp_path, dirs_exist_ok=True)
    project = Project(tmp_path, capsys)
    project.edit("sendplan.yaml", "port: 2525", f"port: {sink.port}")
    return project
