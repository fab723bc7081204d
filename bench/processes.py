"""Processes that are measured: started in a session of their own, watched through /proc, stopped by their own ids."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_START = 60.0  # seconds that a server is given to begin, and
_END = 15.0  # to end


class Failed(Exception):
    """A program ended, or did not answer; the message says which."""


@contextlib.contextmanager
def process(command: list[str], environment: Mapping[str, str] | None = None, log: Path | None = None) -> Iterator[int]:
    """The id of a process that runs until this is left, when it is stopped with its children.

    Its output goes to `log`. Raises Failed when it has ended by itself meanwhile, unless there is another exception.
    """
    with contextlib.ExitStack() as opened:
        output = opened.enter_context(log.open("ab")) if log is not None else subprocess.DEVNULL
        started = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, start_new_session=True
        )
        try:
            yield started.pid
            if started.poll() is not None:
                raise Failed(f"{Path(command[0]).name} ended with {started.returncode}")
        finally:
            stop(started)


def stop(started: subprocess.Popen[bytes]) -> None:
    """Ask a process that leads a session to end; kill what is left of its group then, or if it does not."""
    started.terminate()
    try:
        started.wait(_END)
    except subprocess.TimeoutExpired:
        started.kill()
        started.wait(_END)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)


def wait_answering(pid: int, port: int, tls: bool) -> None:
    """Wait until GET /v2/ is answered with 200. Raises Failed when the process ends or takes too long."""
    deadline = time.monotonic() + _START
    while time.monotonic() < deadline:
        if not _runs(pid):
            raise Failed(f"process {pid} ended at its start")
        if _answers(port, tls):
            return
        time.sleep(0.002)
    raise Failed(f"process {pid} does not answer")


def cpu(pid: int) -> float:
    """Seconds of CPU, user and system, that it and its children have used so far."""
    return sum(_cpu(one) for one in tree(pid))


def memory(pid: int) -> float:
    """MiB of memory that it and its children have; what they share counts once."""
    return sum(_proportional(one) for one in tree(pid)) / 1024


def read_from_disk(pid: int) -> float:
    """MiB that it and its children have had read from a disk so far; 0 where the kernel does not tell."""
    return sum(_read(one) for one in tree(pid)) / 1024**2


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def tree(root: int) -> list[int]:
    """The process and all that descend from it."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(") ")[2].split()[1])
                parents.setdefault(parent, []).append(int(entry.name))
    found, left = [], [root]
    while left:
        pid = left.pop()
        found.append(pid)
        left += parents.get(pid, [])
    return found


def _answers(port: int, tls: bool) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    if tls:
        # Whose certificate it is does not matter here: both ends are ours.
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=ssl._create_unverified_context())
    try:
        connection.request("GET", "/v2/")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _runs(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    return False


def _cpu(pid: int) -> float:
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK
    return 0.0


def _proportional(pid: int) -> float:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return float(line.split()[1])
    return 0.0


def _read(pid: int) -> float:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/io").read_text().splitlines():
            if line.startswith("read_bytes:"):
                return float(line.split()[1])
    return 0.0
