"""The catalogue of problem codes and the engine's source say the same."""

from __future__ import annotations

from problem_codes import codes

from sendplan.problems import CODES

FOUND = codes()


def test_every_code_is_in_the_catalogue() -> None:
    """Nobody meets a code that the documentation does not know."""
    assert {code: places for code, places in FOUND.given.items() if code not in CODES} == {}


def test_every_code_of_the_catalogue_is_given_somewhere() -> None:
    """The catalogue explains nothing that cannot happen."""
    assert sorted(set(CODES) - set(FOUND.given)) == []


def test_every_code_is_written_out() -> None:
    """A reader of the source can search for a code, as none is put together from parts."""
    assert FOUND.untold == []
