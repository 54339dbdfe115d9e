"""The quick yes or no to a schema is the same that the schema library gives."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sendplan.reading import source
from sendplan.reading.coercion import coerced
from sendplan.reading.schemas import _validator, follows

ROOT = Path(__file__).parents[3]
FILES = {
    "settings": [ROOT / "sendplan.yaml", *(ROOT / "fixtures").glob("bad/*/sendplan.yaml")],
    "rules": [*(ROOT / "rules").glob("*.yaml"), *(ROOT / "fixtures").glob("bad/*/rules/*.yaml")],
    "scenario": [*(ROOT / "fixtures" / "scenarios").glob("*.yaml"), *(ROOT / "fixtures").glob("bad/*/*/scenarios/*")],
    "mapping": [*(ROOT / "fixtures").glob("*.mapping.yaml")],
}
MAPPING = {
    "format": "csv",
    "delimiter": ";",
    "accounts": ["web"],
    "fields": {"id": "No", "total": {"column": "Sum", "decimal": ","}, "account": {"value": "web"}},
}
VALUES: tuple[object, ...] = (
    None,
    True,
    False,
    0,
    1,
    -3,
    Decimal("1.5"),
    "",
    "all",
    "none",
    "7 days",
    "x\n",
    "${params.a}",
    [],
    {},
    ["a", "a"],
    {"a": 1},
)
WORDS = ("id", "regions", "expires", "cron", "column", "value", "expect", "because", "zzz", "template", "ladder", "")


def documents(name: str) -> Iterator[Any]:
    for path in sorted(FILES[name]):
        document, _ = source.load(path)
        if document is not None:
            yield coerced(document.data, name)
    if name == "mapping":
        yield MAPPING


SAMPLES = {name: list(documents(name)) for name in FILES}


@pytest.mark.parametrize("name", FILES)
def test_every_file_at_hand_is_judged_as_the_library_judges_it(name: str) -> None:
    """A file that follows its schema is accepted at once, any other is left to the library."""
    verdicts = [follows(data, name) for data in SAMPLES[name]]
    assert True in verdicts
    assert verdicts == [_validator(name).is_valid(data) for data in SAMPLES[name]]


def containers(data: Any) -> Iterator[Any]:
    if isinstance(data, dict | list):
        yield data
        for each in data.values() if isinstance(data, dict) else data:
            yield from containers(each)


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(tuple(FILES)), draw=st.data())
def test_a_changed_file_is_never_accepted_wrongly(name: str, draw: st.DataObject) -> None:
    """Whatever is changed in a good file, nothing passes that the schema forbids, and what it allows does."""
    data = copy.deepcopy(draw.draw(st.sampled_from([each for each in SAMPLES[name] if follows(each, name)])))
    for _ in range(draw.draw(st.integers(1, 3))):
        container = draw.draw(st.sampled_from(list(containers(data))))
        value = copy.deepcopy(draw.draw(st.sampled_from(VALUES)))
        if isinstance(container, list):
            container.insert(draw.draw(st.integers(0, len(container))), value)
        elif draw.draw(st.booleans()) and container:
            del container[draw.draw(st.sampled_from(sorted(container)))]
        else:
            container[draw.draw(st.sampled_from((*WORDS, *sorted(container))))] = value
    assert follows(data, name) == bool(_validator(name).is_valid(data))
