"""`python tests/chaos [KILLS] [NAME]`: play every fault, print its figures, and fail when one is not as promised."""

from __future__ import annotations

import sys

from faults import all_faults
from playing import play

if __name__ == "__main__":
    sys.exit(play(all_faults, sys.argv[1:]))
