"""How much a test does: little while somebody works, much in the long tier (`MIRROR_SOAK=1`)."""

from __future__ import annotations

import os

LONG = os.environ.get("MIRROR_SOAK", "") not in ("", "0")


def count(quick: int, long: int) -> int:
    """The one for this run."""
    return long if LONG else quick
