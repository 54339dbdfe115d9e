"""`python tests/benchmarks/dispatch [ROUNDS] [DJANGO_PYTHON]`: all contenders in turn, medians, and their ratios.

What is not installed is left out and named: the Django queues live in an environment of their own, `smtp-source`
comes with Postfix.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from servers import running

HERE = Path(__file__).parent
ENGINE = HERE.parents[2] / "engine"
MAILS = 2_000
"""Of each contender and round: enough that its start hardly counts."""
SESSIONS = 10
ROUND_TRIP = 0.02
"""Seconds that the relay adds, there and back together."""
FAR_MAILS = 600

Contender = Callable[[], float]


def main(rounds: int, django: str | None) -> None:
    """Run all contenders in turn, so that a busy machine slows all of them alike, and print their medians."""
    with running("sink") as port, running("relay", str(port), str(ROUND_TRIP / 2)) as far:
        contenders = near(port, django) | {
            f"sendplan, {ROUND_TRIP:g} s away": partial(script, sys.executable, "sendplan", far, FAR_MAILS, SESSIONS),
            f"smtplib, {ROUND_TRIP:g} s away": partial(script, sys.executable, "smtplib", far, FAR_MAILS, SESSIONS),
        }
        rates: dict[str, list[float]] = {name: [] for name in contenders}
        for _ in range(rounds):
            for name, contender in contenders.items():
                rates[name].append(contender())
    medians = {name: statistics.median(each) for name, each in rates.items()}
    print(f"| {SESSIONS} sessions, median of {rounds} rounds | mails/s | sendplan is |\n|---|--:|--:|")
    for name, rate in medians.items():
        own = medians[f"sendplan, {ROUND_TRIP:g} s away" if "away" in name else "sendplan"]
        print(f"| {name} | {rate:.0f} | {'' if rate == own else f'{own / rate:.2f} x as fast'} |")


def near(port: int, django: str | None) -> Mapping[str, Contender]:
    """The contenders next to the server."""
    found: dict[str, Contender] = {"sendplan": partial(script, sys.executable, "sendplan", port, MAILS, SESSIONS)}
    if django is None:
        print("Left out: django-mailer and django-post_office, whose Python was not given.\n")
    else:
        found["django-mailer"] = partial(script, django, "django", port, MAILS, 1, "mailer")
        found["django-post_office"] = partial(script, django, "django", port, MAILS, SESSIONS, "post_office")
    found["smtplib, ready messages, no ledger"] = partial(script, sys.executable, "smtplib", port, MAILS, SESSIONS)
    source = shutil.which("smtp-source", path=f"{os.environ['PATH']}:/usr/sbin")
    if source is None:
        print("Left out: smtp-source, which comes with Postfix (`apt-get install postfix`).\n")
    else:
        found["smtp-source, ready messages, no ledger"] = partial(smtp_source, source, port)
    return found


def script(python: str, name: str, port: int, mails: int, sessions: int, *words: str) -> float:
    """Mails per second of a contender in a process of its own, as it measured them."""
    command = (python, str(HERE / f"contender_{name}.py"), *words, str(port), str(mails), str(sessions))
    environment = os.environ | {"PYTHONPATH": str(ENGINE)}
    ran = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return mails / float(ran.stdout.splitlines()[-1])


def smtp_source(path: str, port: int) -> float:
    """Mails per second of Postfix's load generator; many more of them, because its start counts."""
    mails = 10 * MAILS
    options = ("-d", "-s", str(SESSIONS), "-m", str(mails), "-l", "1300", "-f", "a@example.com", "-t", "b@example.org")
    start = time.perf_counter()
    subprocess.run((path, *options, f"127.0.0.1:{port}"), check=True, capture_output=True)
    return mails / (time.perf_counter() - start)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5, sys.argv[2] if len(sys.argv) > 2 else None)
