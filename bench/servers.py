"""Processes that are measured: started with an empty cache, watched through /proc, stopped by their own ids."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_START = 20.0  # seconds that a server is given to begin


@dataclass(frozen=True, slots=True)
class Server:
    """`name` as in the table. `caches`: whether it fetches from the upstream. `began`: seconds until it answered."""

    name: str
    pid: int
    port: int
    caches: bool
    began: float

    def cpu(self) -> float:
        """Seconds of CPU that it and its children have used so far."""
        return sum(_cpu(pid) for pid in _tree(self.pid))

    def rss(self) -> float:
        """MiB of memory that it and its children have; what they share counts once."""
        return sum(_proportional(pid) for pid in _tree(self.pid)) / 1024


@contextlib.contextmanager
def running(name: str, command: list[str], port: int, *, caches: bool = True) -> Iterator[Server]:
    """A server that listens on a port that it was told; killed with its children in the end."""
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait(process, port)
            yield Server(name, process.pid, port, caches, time.monotonic() - began)
        finally:
            process.terminate()
            process.wait(30)


@contextlib.contextmanager
def mirror(root: Path, upstream_port: int, loop: str) -> Iterator[Server]:
    """A mirror with its access log switched on, into a file."""
    port, log = free_port(), root.with_suffix(".log")
    environment = os.environ | {
        "MIRROR_SERVER__LISTEN": f"127.0.0.1:{port}",
        "MIRROR_ADMIN__LISTEN": "127.0.0.1:0",
        "MIRROR_STORAGE__ROOT": str(root),
        "MIRROR_STORAGE__MIN_FREE": "0",
        "MIRROR_UPSTREAMS__DOCKER_IO__ENDPOINTS": f"http://127.0.0.1:{upstream_port}",
        "MIRROR_LOG__FORMAT": "json",
    }
    block = "import sys; sys.modules['uvloop'] = None; " if loop == "asyncio" else ""
    command = [sys.executable, "-c", f"{block}from mirror.cli import main; main()", "serve"]
    began = time.monotonic()
    with log.open("wb") as output, subprocess.Popen(command, env=environment, stderr=output) as process:
        try:
            _wait(process, port)
            yield Server("mirror", process.pid, port, True, time.monotonic() - began)
        finally:
            process.terminate()
            process.wait(30)


@contextlib.contextmanager
def bare(loop: str) -> Iterator[Server]:
    """aiohttp with a handler that always says the same."""
    port = free_port()
    with running("aiohttp alone", [sys.executable, "-m", "bench.bare", loop, str(port)], port, caches=False) as server:
        yield server


@dataclass(slots=True)
class Upstream:
    """The registry behind all of them, and what it was asked since somebody looked."""

    port: int
    _blobs: int = 0
    _bytes: int = 0

    def asked(self) -> tuple[int, int]:
        """GETs of blobs, and bytes of them, since the last call."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/counts") as answer:
            counts = json.load(answer)
        blobs, sent = counts["blobs"] - self._blobs, counts["bytes"] - self._bytes
        self._blobs, self._bytes = counts["blobs"], counts["bytes"]
        return blobs, sent


@contextlib.contextmanager
def upstream(directory: Path) -> Iterator[Upstream]:
    command = [sys.executable, "-m", "bench.upstream", str(directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield Upstream(int(process.stdout.readline()))
        finally:
            process.terminate()


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _START
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.005)
    raise TimeoutError(f"{process.args!r} does not answer")


def _tree(root: int) -> list[int]:
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
