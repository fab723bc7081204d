"""Memory that was freed is used again."""

from __future__ import annotations

import subprocess
import sys

_PAGES_TOUCHED = """
import resource
from mirror.heap import keep_freed
{begin}
bytes(512 * 1024)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(400):
    pieces = [b"x" * (512 * 1024) for _ in range(4)]
    del pieces
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def pages_touched(begin: str) -> int:
    """How often the kernel had to find a page for some hundred MiB, of which two are used at a time."""
    program = _PAGES_TOUCHED.format(begin=begin)
    return int(subprocess.run([sys.executable, "-c", program], check=True, capture_output=True).stdout)


def test_what_was_freed_is_not_asked_of_the_system_again() -> None:
    assert pages_touched("assert keep_freed()") * 3 < pages_touched("")


def test_it_may_be_said_twice() -> None:
    program = "from mirror.heap import keep_freed; print(keep_freed() == keep_freed())"
    assert subprocess.run([sys.executable, "-c", program], check=True, capture_output=True).stdout == b"True\n"
