"""Runs the mirror and prints what it costs: CPU for a GiB of a hot blob, for a manifest, for a herd on a cold blob.

usage: python -m bench.run [--seconds 3] [--rounds 3] [--loop asyncio|uvloop]
CPU is user + system time of the mirror's process, from /proc. Takes 600 MiB below the temporary directory.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.upstream import REPOSITORY, Content, make

_TICK = os.sysconf("SC_CLK_TCK")
_GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    what: str
    cpu: float
    unit: str
    rate: str


class Server:
    """A mirror's process."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self._process = process
        self.port = port

    def cpu(self) -> float:
        """Seconds of CPU used so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK

    def rss(self) -> float:
        """MiB of memory in use."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1024**2


@contextlib.contextmanager
def upstream(directory: Path) -> Iterator[int]:
    command = [sys.executable, "-m", "bench.upstream", str(directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


@contextlib.contextmanager
def bare(loop: str) -> Iterator[Server]:
    with subprocess.Popen([sys.executable, "-m", "bench.bare", loop], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield Server(process, int(process.stdout.readline()))
        finally:
            process.terminate()


@contextlib.contextmanager
def mirror(root: Path, upstream_port: int, loop: str) -> Iterator[Server]:
    """A mirror with an empty cache, its access log switched on and thrown away."""
    environment = os.environ | {
        "MIRROR_SERVER__LISTEN": "127.0.0.1:0",
        "MIRROR_ADMIN__LISTEN": "127.0.0.1:0",
        "MIRROR_STORAGE__ROOT": str(root),
        "MIRROR_STORAGE__MIN_FREE": "0",
        "MIRROR_UPSTREAMS__DOCKER_IO__ENDPOINTS": f"http://127.0.0.1:{upstream_port}",
        "MIRROR_LOG__FORMAT": "json",
    }
    block = "import sys; sys.modules['uvloop'] = None; " if loop == "asyncio" else ""
    command = [sys.executable, "-c", f"{block}from mirror.cli import main; main()", "serve"]
    log = root.with_suffix(".log")
    with log.open("wb") as output, subprocess.Popen(command, env=environment, stderr=output) as process:
        try:
            yield Server(process, _port(log))
        finally:
            process.terminate()
            process.wait(30)


def _port(log: Path) -> int:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for line in log.read_text().splitlines():
            event = json.loads(line)
            if event.get("event") == "serving":
                return int(event["at"].rpartition(":")[2])
        time.sleep(0.02)
    raise TimeoutError(f"the mirror did not start: {log.read_text()}")


def load(server: Server, target: str, method: str, clients: int, amount: str) -> tuple[dict[str, float], float]:
    """What the clients saw, and the CPU seconds that the mirror used for it."""
    command = [sys.executable, "-m", "bench.load", str(server.port), target, method, str(clients), amount]
    before = server.cpu()
    seen = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return seen, server.cpu() - before


def small(server: Server, what: str, target: str, method: str, seconds: float) -> Row:
    seen, used = load(server, target, method, 16, f"{seconds}s")
    return Row(what, used / seen["requests"] * 1e6, "µs", f"{seen['requests'] / seen['seconds']:.0f} req/s")


def large(server: Server, what: str, target: str, clients: int, seconds: float) -> Row:
    seen, used = load(server, target, "GET", clients, f"{seconds}s")
    return Row(what, used / seen["bytes"] * _GIB, "s/GiB", f"{seen['bytes'] / seen['seconds'] / 1e9:.2f} GB/s")


def herd(server: Server, target: str, clients: int, upstream_port: int) -> Row:
    idle = server.rss()
    seen, used = load(server, target, "GET", clients, "1")
    with urllib.request.urlopen(f"http://127.0.0.1:{upstream_port}/counts") as answer:
        counts = json.load(answer)
    first = statistics.median(seen["first"]) * 1000  # type: ignore[arg-type]
    rate = (
        f"{seen['seconds']:.2f} s, first byte {first:.0f} ms, upstream {counts['blobs']} GET, "
        f"{counts['bytes'] / (256 * 1024**2):.2f}x bytes, RSS +{server.rss() - idle:.0f} MiB"
    )
    return Row(f"herd of {clients} on a cold 256 MiB blob", used / seen["bytes"] * _GIB, "s/GiB served", rate)


def one_round(directory: Path, content: Content, seconds: float, loop: str) -> list[Row]:
    blobs = {name: f"/v2/{REPOSITORY}/blobs/{digest}" for name, digest in content.digests.items()}
    by_tag = f"/v2/{REPOSITORY}/manifests/latest"
    by_digest = f"/v2/{REPOSITORY}/manifests/{content.manifest_digest}"
    with (
        tempfile.TemporaryDirectory(dir=directory) as scratch,
        upstream(directory / "content") as port,
        mirror(Path(scratch) / "cache", port, loop) as server,
        bare(loop) as reference,
    ):
        rows = [herd(server, blobs["256 MiB"], 32, port)]
        rows += [
            large(server, f"hot 256 MiB blob, {number} clients", blobs["256 MiB"], number, seconds)
            for number in (1, 8, 32)
        ]
        rows += [
            small(server, "manifest by tag", by_tag, "GET", seconds),
            small(server, "manifest by tag, HEAD", by_tag, "HEAD", seconds),
            small(server, "manifest by digest", by_digest, "GET", seconds),
            small(server, "manifest by digest, asked in other bytes each time", by_digest, "GET#", seconds),
            small(server, "1 KiB blob", blobs["1 KiB"], "GET", seconds),
            small(server, "/v2/", "/v2/", "GET", seconds),
            small(reference, "aiohttp alone, 1 KiB", "/", "GET", seconds),
        ]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each line of each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="uvloop")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mirror-bench-") as scratch:
        directory = Path(scratch)
        content = make(directory / "content")
        rounds = [one_round(directory, content, options.seconds, options.loop) for _ in range(options.rounds)]
    print(f"{options.loop}, {options.rounds} rounds, Python {sys.version.split()[0]}\n")
    print("| what | CPU, median (min-max) | of the last round |\n|---|---|---|")
    for rows in zip(*rounds, strict=True):
        costs = [row.cpu for row in rows]
        spread = f"{statistics.median(costs):.3g} ({min(costs):.3g}-{max(costs):.3g}) {rows[0].unit}"
        print(f"| {rows[0].what} | {spread} | {rows[-1].rate} |")


if __name__ == "__main__":
    main()
