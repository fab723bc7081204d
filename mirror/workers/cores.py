"""How many processes a mirror is to have, by how many processors there are for them. Starts none."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Literal

from mirror.config.written import MOST_WORKERS

_GROUP = Path("/sys/fs/cgroup")  # as a container sees its own


def number_of(workers: int | Literal["auto"], group: Path = _GROUP) -> int:
    """As configured; for `auto`, as many as this process may use processors, at most `MOST_WORKERS`."""
    if workers != "auto":
        return workers
    allowed = len(os.sched_getaffinity(0))
    quota = _quota(group)
    return max(min(allowed, allowed if quota is None else -int(-quota // 1), MOST_WORKERS), 1)


def _quota(group: Path) -> float | None:
    """Processors that the control group may keep busy on average, None for no bound (cgroups(7), cpu.max)."""
    with contextlib.suppress(OSError, ValueError):
        used, period = (group / "cpu.max").read_text().split()
        return None if used == "max" else int(used) / int(period)
    with contextlib.suppress(OSError, ValueError):
        used = (group / "cpu" / "cpu.cfs_quota_us").read_text()
        return int(used) / int((group / "cpu" / "cpu.cfs_period_us").read_text()) if int(used) > 0 else None
    return None
