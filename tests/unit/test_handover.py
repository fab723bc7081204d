"""A thread that waits for the interpreter is given it soon."""

from __future__ import annotations

import sys

from mirror.handover import hand_over_soon


def test_nobody_waits_for_the_interpreter_for_milliseconds() -> None:
    before = sys.getswitchinterval()
    try:
        sys.setswitchinterval(0.005)  # the interpreter's own; a mirror in this process may have changed it before
        hand_over_soon()
        hand_over_soon()
        assert sys.getswitchinterval() < 0.001
    finally:
        sys.setswitchinterval(before)
