"""What a process takes of the machine, from /proc."""

from __future__ import annotations

import os
from pathlib import Path


def resident(process: int | str = "self") -> int:
    """Bytes of memory in use."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def peak(process: int | str = "self") -> int:
    """The most bytes of memory that were ever in use."""
    (line,) = [line for line in Path(f"/proc/{process}/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024
