"""What docs/operating.md gives people to copy works: units, timer and cron lines, as they stand there."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from projects import ROOT, Project, received

from sendplan.sink import Sink

PAGE = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
UNITS = dict(re.findall(r"^```ini (\S+)\n(.*?)^```$", PAGE, re.M | re.S))
SERVICES = sorted(name for name in UNITS if name.endswith(".service"))
CRON = re.findall(r"^```cron\n(.*?)^```$", PAGE, re.M | re.S)
INSTALLED = "/opt/sendplan/bin/sendplan"
FOLDER = "/srv/shop"


@pytest.fixture
def command(tmp_path: Path) -> Path:
    """The `sendplan` command, in a folder of its own."""
    script = tmp_path / "bin" / "sendplan"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m sendplan "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    return script


@pytest.fixture
def fed(shop: Project) -> Project:
    """The example shop with the settings that the page shows."""
    [snippet] = re.findall(r"^```yaml\n# sendplan.yaml\n(.*?)^```$", PAGE, re.M | re.S)
    shop.write("sendplan.yaml", shop.path("sendplan.yaml").read_text(encoding="utf-8") + snippet)
    shop.path("var").mkdir(exist_ok=True)
    shop.write("secrets.env", "export SMTP_PASSWORD=secret\n")
    return shop


def setting(unit: str, key: str) -> list[str]:
    """Every value of a key in a unit."""
    return re.findall(rf"^{key}=(.*)$", UNITS[unit], re.M)


def environment(command: Path, tmp_path: Path, unit: str | None = None) -> dict[str, str]:
    """What systemd or cron would set, with the state directory in the test's folder."""
    given = dict(each.split("=", 1) for each in (setting(unit, "Environment") if unit else []))
    assert unit is None or given["XDG_STATE_HOME"] == f"/var/lib/{setting(unit, 'StateDirectory')[0]}"
    state = {"XDG_STATE_HOME": str(tmp_path / "state"), "HOME": str(tmp_path), "PYTHONPATH": str(ROOT / "engine")}
    return given | state | {"PATH": f"{command.parent}:/usr/bin:/bin"}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not at hand")
@pytest.mark.parametrize("name", UNITS)
def test_systemd_finds_nothing_wrong_with_a_unit(name: str, command: Path, tmp_path: Path) -> None:
    """`systemd-analyze verify` is content with every unit of the page."""
    folder = tmp_path / "units"
    folder.mkdir()
    for each, text in UNITS.items():
        (folder / each).write_text(text.replace(INSTALLED, str(command)), encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", str(folder / name)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, [line for line in done.stderr.splitlines() if "sendplan" in line]) == (0, [])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not at hand")
def test_the_timer_means_what_the_page_says(tmp_path: Path) -> None:
    """Every ten minutes, from 8 to before 18, on working days: the next firings after Friday evening say so."""
    [calendar] = setting("sendplan.timer", "OnCalendar")
    line = ["systemd-analyze", "calendar", "--base-time=2026-08-21 17:45:00 UTC", "--iterations=2", calendar]
    done = subprocess.run(line, capture_output=True, text=True, check=True, env={"TZ": "UTC", "PATH": "/usr/bin:/bin"})
    assert re.findall(r"\w{3} (\d{4}-\d\d-\d\d \d\d:\d\d):00 UTC", done.stdout)[:2] == [
        "2026-08-21 17:50",
        "2026-08-24 08:00",
    ]


def test_the_oneshot_service_does_a_days_work(fed: Project, command: Path, tmp_path: Path, sink: Sink) -> None:
    """The service's command line, in its folder and environment, imports and plans; its log is JSON alone."""
    [line] = setting("sendplan.service", "ExecStart")
    program, *arguments = shlex.split(line)
    assert (program, setting("sendplan.service", "WorkingDirectory")) == (INSTALLED, [FOLDER])
    done = subprocess.run(
        [command, *arguments, "--now", "2026-08-24T12:00"],
        cwd=fed.folder,
        env=environment(command, tmp_path, "sendplan.service"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, len(received(sink))) == (0, 14), done.stderr
    assert all(each.startswith("{") for each in done.stderr.splitlines())
    assert fed("status", "--now", "2026-08-24T12:00", "--format", "json").json["counts"]["sent"] == 14


def test_the_service_that_stays_answers_and_ends_in_order(fed: Project, command: Path, tmp_path: Path) -> None:
    """It stays, answers Prometheus, and ends on SIGTERM with a code that systemd takes for success."""
    [line] = setting("sendplan-stay.service", "ExecStart")
    _, *arguments = shlex.split(line)
    port = free_port()
    arguments[arguments.index("9464")] = str(port)
    environment_ = environment(command, tmp_path, "sendplan-stay.service")
    with running([str(command), *arguments], fed.folder, environment_) as process:
        assert scraped(process, port) is not None
        process.send_signal(signal.SIGTERM)
        code = process.wait()
    assert str(code) in ["0", *setting("sendplan-stay.service", "SuccessExitStatus")[0].split()]


@pytest.mark.parametrize("block", CRON)
def test_the_cron_lines_run(fed: Project, command: Path, tmp_path: Path, block: str) -> None:
    """What cron would run goes through the shell, in the project, with its secrets; what `status` finds is mailed."""
    mailed = tmp_path / "mailed"
    mail = command.parent / "mail"
    mail.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {shlex.quote(str(mailed))}\n', encoding="utf-8")
    mail.chmod(0o755)
    fed.write("rules/broken.yaml", "rules:\n  - {id: broken}\n")
    assert fed("import").code == 0
    for line in block.splitlines():
        shell = line.split(maxsplit=5)[5].replace(FOLDER, str(fed.folder))
        done = subprocess.run(
            ["sh", "-c", shell],
            env=environment(command, tmp_path),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "not found" not in done.stderr
        if "store backup" in shell:
            assert fed.path("var/backup.db").stat().st_size > 0
        elif "mail -s" in shell:
            assert mailed.read_text(encoding="utf-8").split() == ["-s", "sendplan", "owner@example.com"]
            assert "broken" in fed.path("var/status.txt").read_text(encoding="utf-8")
        else:
            assert '"event": "ended"' in fed.path("var/run.log").read_text(encoding="utf-8")


@contextmanager
def running(line: list[str], folder: Path, environment_: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A process that is certainly gone afterwards."""
    process = subprocess.Popen(line, cwd=folder, env=environment_, text=True, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def scraped(process: subprocess.Popen[str], port: int) -> str | None:
    """What it answers once it listens; None when it ended instead."""
    while process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                return str(answer.read())
        except OSError:
            continue
    return None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
