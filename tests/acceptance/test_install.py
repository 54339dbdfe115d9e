"""What `pip install sendplan` gives: the command, the schemas and the example shop, far from any checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHIPPED = (
    "sendplan.yaml",
    "rules",
    "templates",
    "schemas",
    "mappings",
    "fixtures/orders.csv",
    "fixtures/scenarios",
    "fixtures/snapshots",
    "fixtures/example_tests.py",
    "fixtures/example_plan.txt",
)


def _run(*command: str | Path, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the sources; without the network, since the build backend is installed for the tests."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index")
    _run(*pip, "--wheel-dir", folder, ROOT, cwd=folder)
    (built,) = folder.glob("sendplan-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of an environment that holds the wheel, and sees the dependencies that the tests run with."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    # A path in a .pth file comes last, and no .pth file there is read: an editable install of sendplan stays unseen.
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n", encoding="utf-8")
    pip = (sys.executable, "-m", "pip", "--quiet", "--python", folder / "bin" / "python")
    _run(*pip, "install", "--no-deps", "--no-index", "--no-warn-script-location", wheel, cwd=folder)
    return folder / "bin"


def test_the_wheel_holds_the_example_shop_and_the_schemas(wheel: Path) -> None:
    """Every file that `init` copies is inside the wheel, byte for byte as in the repository, and no other sample."""
    with zipfile.ZipFile(wheel) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    files = [
        path for name in SHIPPED for path in ((ROOT / name).rglob("*") if (ROOT / name).is_dir() else [ROOT / name])
    ]
    expected = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in files if path.is_file()}
    prefix = "sendplan/_shipped/"
    assert {name.removeprefix(prefix): text for name, text in held.items() if name.startswith(prefix)} == expected


def test_a_new_user_gets_from_install_to_a_plan(installed: Path, tmp_path: Path) -> None:
    """`sendplan init shop && cd shop && sendplan check && sendplan plan` works from anywhere."""
    sendplan, shop = installed / "sendplan", tmp_path / "shop"
    _run(sendplan, "init", "shop", cwd=tmp_path)
    assert "no problems found" in _run(sendplan, "check", cwd=shop)
    assert "0 send, 0 later, 0 held, 0 error" in _run(sendplan, "plan", cwd=shop)
    assert "26 new" in _run(sendplan, "import", "fixtures/orders.csv", cwd=shop)
    assert "14 send, 1 later, 2 held, 0 error" in _run(sendplan, "plan", "--now", "2026-08-24 12:00", cwd=shop)
    assert "0 failed" in _run(sendplan, "test", cwd=shop)


def test_a_new_project_has_tests_for_pytest(installed: Path, tmp_path: Path) -> None:
    """With the extra `pytest`, `init` and then `pytest` run scenarios, snapshots and tests/test_plans.py."""
    _run(installed / "sendplan", "init", "shop", cwd=tmp_path)
    shop = tmp_path / "shop"
    assert "sendplan_project, plan_snapshot" in (shop / "tests" / "test_plans.py").read_text(encoding="utf-8")
    said = _run(installed / "python", "-m", "pytest", "-vv", "-p", "no:cacheprovider", cwd=shop)
    assert "tests/test_plans.py::test_monday_in_august PASSED" in said
    assert "monday-in-august.yaml::A Monday in August, and the day after PASSED" in said
    assert "failed" not in said


def test_nothing_comes_from_the_checkout(installed: Path, tmp_path: Path) -> None:
    """The installed command reads its own files and knows its own version."""
    where = "import sendplan.resources as r; print(r.__file__); print(r.shipped())"
    for line in _run(installed / "python", "-c", where, cwd=tmp_path).splitlines():
        assert Path(line).is_relative_to(installed.parent)
    assert _run(installed / "sendplan", "--version", cwd=tmp_path).startswith("sendplan ")
