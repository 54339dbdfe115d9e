"""`python tests/benchmarks/planning [SECTION…]`: everything that is measured, or these sections, as one table.

The rule engines are left out unless `SENDPLAN_BENCH_PYTHON` names the Python that has them (`make bench`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from figures import HEADING, Figure, say
from keys import engines, history, keys

SECTIONS: Mapping[str, Callable[[], Iterator[Figure]]] = {
    "keys": keys,
    "history": history,
    "engines": partial(engines, os.environ.get("SENDPLAN_BENCH_PYTHON")),
}


def main(names: list[str]) -> None:
    """Print the sections' figures as they come."""
    unknown = set(names) - SECTIONS.keys()
    if unknown:
        raise SystemExit(f"no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    print(HEADING, flush=True)
    for name in names or SECTIONS:
        say(name)
        for figure in SECTIONS[name]():
            print(figure.line(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
