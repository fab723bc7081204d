"""What is measured: each scenario asks one server, and says what that cost. Knows no server by its name."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from bench.servers import Server, Upstream
from bench.upstream import REPOSITORY, SIZES, Content

_GIB = 1024**3
_MIB = 1024**2
BLOBS = f"/v2/{REPOSITORY}/blobs/"
MANIFESTS = f"/v2/{REPOSITORY}/manifests/"


@dataclass(frozen=True, slots=True)
class Scene:
    """What every scenario may ask for; `seconds` for each that has no end of its own."""

    content: Content
    upstream: Upstream
    seconds: float


@dataclass(frozen=True, slots=True)
class Figure:
    """`cost` in `unit`; less is better. `seen`: what else there is to say of it, for people."""

    cost: float
    unit: str
    seen: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """`cold`: what is asked for must not have been asked before, and makes sense only for who fetches it."""

    what: str
    measure: Callable[[Scene, Server], Figure]
    cold: bool = False


def load(server: Server, target: str, method: str, clients: int, amount: str) -> tuple[dict[str, float], float]:
    """What the clients saw, and the CPU seconds that the server used for it."""
    command = [sys.executable, "-m", "bench.load", str(server.port), target, method, str(clients), amount]
    before = server.cpu()
    seen = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return seen, server.cpu() - before


def _start(_: Scene, server: Server) -> Figure:
    return Figure(server.rss(), "MiB", f"answered after {server.began * 1000:.0f} ms")


def _herd(clients: int, blob: str) -> Callable[[Scene, Server], Figure]:
    def measure(scene: Scene, server: Server) -> Figure:
        scene.upstream.asked()
        idle = server.rss()
        seen, used = load(server, BLOBS + scene.content.digests[blob], "GET", clients, "1")
        gets, sent = scene.upstream.asked()
        return Figure(
            used / seen["bytes"] * _GIB,
            "s/GiB served",
            f"{seen['seconds']:.2f} s, first byte {seen['first'] * 1000:.0f} ms, {gets} GET, "
            f"{sent / SIZES[blob]:.2f}x bytes, RSS {server.rss() - idle:+.0f} MiB",
        )

    return measure


def _cold(blob: str) -> Callable[[Scene, Server], Figure]:
    def measure(scene: Scene, server: Server) -> Figure:
        seen, used = load(server, BLOBS + scene.content.digests[blob], "GET", 1, "1")
        return Figure(seen["seconds"] * 1000, "ms", f"{used:.2f} s of CPU")

    return measure


def _large(clients: int) -> Callable[[Scene, Server], Figure]:
    def measure(scene: Scene, server: Server) -> Figure:
        target = BLOBS + scene.content.digests["256 MiB"]
        seen, used = load(server, target, "GET", clients, f"{scene.seconds}s")
        return Figure(used / seen["bytes"] * _GIB, "s/GiB", f"{seen['bytes'] / seen['seconds'] / 1e9:.2f} GB/s")

    return measure


def _small(target: Callable[[Content], str], method: str = "GET") -> Callable[[Scene, Server], Figure]:
    def measure(scene: Scene, server: Server) -> Figure:
        seen, used = load(server, target(scene.content), method, 16, f"{scene.seconds}s")
        rate = seen["requests"] / seen["seconds"]
        return Figure(used / seen["requests"] * 1e6, "µs", f"{rate:.0f}/s, p99 {seen['p99'] * 1000:.1f} ms")

    return measure


def _mixed(scene: Scene, server: Server) -> Figure:
    target = BLOBS + scene.content.digests["256 MiB"]
    command = [sys.executable, "-m", "bench.load", str(server.port), target, "GET", "8", f"{scene.seconds + 1}s"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as pulling:
        seen, _ = load(server, MANIFESTS + "latest", "GET", 16, f"{scene.seconds}s")
        pulled = json.loads(pulling.communicate()[0])
    rate = f"{seen['requests'] / seen['seconds']:.0f}/s beside {pulled['bytes'] / pulled['seconds'] / 1e9:.2f} GB/s"
    return Figure(seen["p99"] * 1000, "ms p99", rate)


def _by_digest(content: Content) -> str:
    return MANIFESTS + content.manifest_digest


def _by_tag(_: Content) -> str:
    return MANIFESTS + "latest"


SCENARIOS = (
    Scenario("memory when idle", _start),
    Scenario("cold 1 KiB blob", _cold("1 KiB"), cold=True),
    Scenario("cold 1 MiB blob", _cold("1 MiB"), cold=True),
    Scenario("cold 64 MiB blob", _cold("64 MiB"), cold=True),
    Scenario("32 clients on a cold 256 MiB blob", _herd(32, "256 MiB"), cold=True),
    *(Scenario(f"hot 256 MiB blob, {clients} clients", _large(clients)) for clients in (1, 8, 32)),
    Scenario("manifest by tag", _small(_by_tag)),
    Scenario("manifest by tag, HEAD", _small(_by_tag, "HEAD")),
    Scenario("manifest by digest", _small(_by_digest)),
    Scenario("manifest by digest, in other bytes each time", _small(_by_digest, "GET#")),
    Scenario("1 KiB blob", _small(lambda content: BLOBS + content.digests["1 KiB"])),
    Scenario("/v2/", _small(lambda _: "/v2/")),
    Scenario("manifests beside 8 pulls", _mixed),
)
ALONE = Scenario("aiohttp alone, 1 KiB", _small(lambda _: "/"))
