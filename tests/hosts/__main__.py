"""`python tests/hosts [KILLS] [NAME]`: every fault of several hosts on one PostgreSQL server, with its figures."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "chaos"))

from host_faults import all_faults
from playing import play

if __name__ == "__main__":
    sys.exit(play(all_faults, sys.argv[1:]))
