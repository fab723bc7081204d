"""The workers of a running program, seen from outside: who they are, who holds a download, whom each one serves."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable
from pathlib import Path

from tests.support.processes import wait_until
from tests.support.program import Program

_ESTABLISHED = "01"


def workers_of(program: Program) -> list[int]:
    """Their process ids, in the order of their beginning."""
    pid = program.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def holders(workers: Iterable[int]) -> list[int]:
    """Those that have the file of a download open to write to it: others have it only to read."""
    return [pid for pid in workers if any(_writes(pid, name) for name in _links(pid, "/data"))]


def peers(pid: int) -> set[int]:
    """The ports at the other ends of the connections that this process has accepted."""
    inodes = {target[8:-1] for target in _links(pid, "]").values() if target.startswith("socket:[")}
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {int(line[2].rpartition(":")[2], 16) for line in lines if line[3] == _ESTABLISHED and line[9] in inodes}


def kill(pid: int) -> set[int]:
    """End it as the kernel does, wherever it is; whom it was serving by then."""
    os.kill(pid, signal.SIGSTOP)  # else it might be serving others by the time that it is killed
    state = Path(f"/proc/{pid}/stat")
    wait_until(lambda: state.read_text().rpartition(")")[2].split()[0] == "T", "it has stopped")
    served = peers(pid)
    os.kill(pid, signal.SIGKILL)
    return served


def _links(pid: int, ending: str) -> dict[str, str]:
    found = {}
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            target = os.readlink(f"/proc/{pid}/fd/{name}")
            if target.endswith(ending):
                found[name] = target
    return found


def _writes(pid: int, descriptor: str) -> bool:
    with contextlib.suppress(OSError):
        flags = Path(f"/proc/{pid}/fdinfo/{descriptor}").read_text().split("flags:")[1].split()[0]
        return bool(int(flags, 8) & os.O_RDWR)
    return False
