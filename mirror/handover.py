"""How soon a thread that waits for the interpreter is given it: by default after five milliseconds, if nobody waits.

Threads that write to the disk want it for some microseconds between two calls of the system. The event loop hardly ever
lets go of it for longer than that takes to notice, so that a small blob would spend most of its time in waiting.
"""

from __future__ import annotations

import sys

_SOON = 0.0001  # seconds; to be waited for costs the loop two switches, which is a tenth of that


def hand_over_soon() -> None:
    """Have the interpreter handed over quickly, for the life of the process. Twice is as good as once."""
    sys.setswitchinterval(_SOON)
