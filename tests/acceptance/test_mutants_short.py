"""Some mistakes put into the engine on purpose, each noticed by the tests (`make mutants`: all of them)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

MUTANTS = Path(__file__).parents[1] / "mutants"
sys.path.insert(0, str(MUTANTS))
import mutants  # noqa: E402


def test_every_mutant_still_has_its_place(tmp_path: Path) -> None:
    """A mutant whose text is gone from the engine proves nothing any more, and has to follow it."""
    engine = MUTANTS.parents[1] / "engine" / "sendplan"
    listed = mutants.read()
    assert len(listed) >= 15
    assert len({each.name for each in listed}) == len(listed)
    for mutant in listed:
        for edit in mutant.edits:
            assert (engine / edit.file).read_text(encoding="utf-8").count(edit.old) == 1, mutant.name
            assert edit.new != edit.old
        for test in mutant.tests:
            file, _, name = test.partition("::")
            assert f"def {name}" in (MUTANTS.parents[1] / file).read_text(encoding="utf-8"), mutant.name


@pytest.mark.parametrize(
    "name", ["the intent does not ask for pauses", "no mark is noted", "a journal that knows more than the store"]
)
def test_a_mutant_is_caught(name: str) -> None:
    """The tests fail with the mistake and pass without it."""
    tried = subprocess.run([sys.executable, str(MUTANTS), name], capture_output=True, text=True, check=False)
    assert tried.returncode == 0, tried.stdout + tried.stderr
    assert "1 of 1 mutants caught" in tried.stdout


def test_a_mutant_whose_text_is_gone_is_an_error(tmp_path: Path) -> None:
    """No mistake is taken for caught when nothing was changed."""
    (tmp_path / "part.py").write_text("once\\ntwice twice\\n")
    for old, found in (("never", 0), ("twice", 2)):
        edit = mutants.Edit("part.py", old, "")
        with pytest.raises(ValueError, match=f"holds {found} times"), edit.applied(tmp_path):
            pass
    with mutants.Edit("part.py", "once", "changed").applied(tmp_path):
        assert (tmp_path / "part.py").read_text().startswith("changed")
    assert (tmp_path / "part.py").read_text().startswith("once")
