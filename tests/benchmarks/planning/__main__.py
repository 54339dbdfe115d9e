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
from on_server import on_server
from pages import pages
from sizes import check, imports, imports_of_systems, memory, rules, simulate, statuses
from startup import startup

SECTIONS: Mapping[str, Callable[[], Iterator[Figure]]] = {
    "keys": keys,
    "history": history,
    "engines": partial(engines, os.environ.get("SENDPLAN_BENCH_PYTHON")),
    "statuses": statuses,
    "memory": memory,
    "rules": rules,
    "import": imports,
    "import-systems": imports_of_systems,
    "check": check,
    "startup": startup,
    "simulate": partial(simulate, 10_000),
    "pages": partial(pages, 100_000),
    "postgres": on_server,
}
EXTRA: Mapping[str, Callable[[], Iterator[Figure]]] = {
    "simulate-100k": partial(simulate, 100_000),
    "pages-1m": partial(pages, 1_000_000),
}
"""Only when asked for: they take long."""


def main(names: list[str]) -> None:
    """Print the sections' figures as they come."""
    known = {**SECTIONS, **EXTRA}
    unknown = set(names) - known.keys()
    if unknown:
        raise SystemExit(f"no section {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    print(HEADING, flush=True)
    for name in names or SECTIONS:
        say(name)
        for figure in known[name]():
            print(figure.line(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
