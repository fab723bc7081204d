"""A thread that waits for the interpreter is given it soon."""

from __future__ import annotations

import sys

from mirror.handover import hand_over_soon


def test_nobody_waits_for_the_interpreter_for_milliseconds() -> None:
    before = sys.getswitchinterval()
    try:
        hand_over_soon()
        hand_over_soon()
        assert sys.getswitchinterval() < 0.001 < before
    finally:
        sys.setswitchinterval(before)
