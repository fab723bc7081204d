"""What is measured: the mirror, the upstream behind everybody, and aiohttp alone, each as a process of its own."""

from __future__ import annotations

import contextlib
import enum
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import processes
from bench.links import Link

PROJECT = Path(__file__).parent.parent


class Role(enum.Flag):
    """What a server is, so that a scenario can say whom it makes sense for."""

    MIRROR = enum.auto()
    WORKERS = enum.auto()  # the mirror with two of them
    PEER = enum.auto()  # somebody else's cache
    STATIC = enum.auto()  # serves files, and fetches nothing
    DIRECT = enum.auto()  # the upstream itself
    BARE = enum.auto()  # aiohttp, which knows no registry


CACHES = Role.MIRROR | Role.PEER
SERVING = CACHES | Role.STATIC


@dataclass(frozen=True, slots=True)
class Place:
    """What a server is started over: an empty directory, the upstream's port, and a certificate where TLS is wanted."""

    root: Path
    upstream: int
    certificate: Path | None = None  # PEM; its key lies beside it as `key.pem`
    scrub: bool = True  # whether the mirror reads in the background what it holds, to verify it

    @property
    def log(self) -> Path:
        """Where it says what it has to say."""
        return self.root / "log"

    @property
    def key(self) -> Path:
        return self.certificate.with_name("key.pem") if self.certificate is not None else Path()


@dataclass(frozen=True, slots=True)
class Server:
    """`name` as in the table. `began`: seconds until it answered. `root`: where its files are."""

    name: str
    role: Role
    pid: int
    port: int
    root: Path
    tls: bool = False
    began: float = 0.0

    def cpu(self) -> float:
        return processes.cpu(self.pid)

    def memory(self) -> float:
        return processes.memory(self.pid)


@contextlib.contextmanager
def answering(
    name: str, role: Role, place: Place, port: int, started: contextlib.AbstractContextManager[int]
) -> Iterator[Server]:
    """A server from the time when it answers on."""
    began = time.monotonic()
    tls = place.certificate is not None
    with started as pid:
        try:
            processes.wait_answering(pid, port, tls)
        except processes.Failed as failure:
            raise processes.Failed(f"{name}: {failure}: {_end_of(place.log)}") from None
        yield Server(name, role, pid, port, place.root, tls, time.monotonic() - began)


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-500:] if log.exists() else "it says nothing"


@contextlib.contextmanager
def mirror(name: str, role: Role, place: Place, loop: str, source: Path = PROJECT) -> Iterator[Server]:
    """The mirror as it lies below `source`, with its access log switched on, into a file."""
    port = processes.free_port()
    settings = {
        "SERVER__LISTEN": f"127.0.0.1:{port}",
        "ADMIN__LISTEN": "127.0.0.1:0",
        "STORAGE__ROOT": str(place.root / "cache"),
        "STORAGE__MIN_FREE": "0",
        "UPSTREAMS__DOCKER_IO__ENDPOINTS": f"http://127.0.0.1:{place.upstream}",
        "LOG__FORMAT": "json",
    }
    if not place.scrub:
        settings["STORAGE__SCRUB"] = "0"
    if role is Role.WORKERS:
        settings["SERVER__WORKERS"] = "2"
    if place.certificate is not None:
        settings |= {"SERVER__TLS__CERTIFICATE": str(place.certificate), "SERVER__TLS__KEY": str(place.key)}
    environment = {variable: value for variable, value in os.environ.items() if not variable.startswith("MIRROR_")}
    environment |= {f"MIRROR_{key}": value for key, value in settings.items()} | {"PYTHONPATH": str(source)}
    block = "import sys; sys.modules['uvloop'] = None; " if loop == "asyncio" else ""
    # -P: not from where we are, but from `source`.
    command = [sys.executable, "-P", "-c", f"{block}from mirror.cli import main; main()", "serve"]
    running = processes.process(command, environment, place.log)
    with answering(name, role, place, port, running) as server:
        yield server


@contextlib.contextmanager
def bare(place: Place, loop: str) -> Iterator[Server]:
    """aiohttp with a handler that always says the same."""
    port = processes.free_port()
    running = processes.process([sys.executable, "-m", "bench.bare", loop, str(port)])
    with answering("aiohttp alone", Role.BARE, place, port, running) as server:
        yield server


@dataclass(slots=True)
class Upstream:
    """The registry behind all of them, and what it was asked since somebody looked."""

    pid: int
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
def upstream(directory: Path, link: Link) -> Iterator[Upstream]:
    """A registry that serves what lies below `directory`, over that link."""
    command = [sys.executable, "-m", "bench.upstream", str(directory), link.name]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=PROJECT, start_new_session=True)
    try:
        if started.stdout is None or not (said := started.stdout.readline()):
            raise processes.Failed("the upstream did not start")
        yield Upstream(started.pid, int(said))
    finally:
        processes.stop(started)
        if started.stdout is not None:
            started.stdout.close()


@contextlib.contextmanager
def direct(place: Place, behind: Upstream) -> Iterator[Server]:
    """The upstream as if it were a cache: what a client has that asks nobody else."""
    yield Server("direct", Role.DIRECT, behind.pid, behind.port, place.root)
