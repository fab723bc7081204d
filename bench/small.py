"""Small answers: manifests, small blobs, and what a server is before it was asked anything."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable

from bench.blobs import Measuring
from bench.figures import Figure, Measure, figure
from bench.load import ACCEPT
from bench.processes import Failed
from bench.scene import MANIFESTS, Scene, Seen, keep, load, loading
from bench.servers import Role, Server

_CLIENTS = 16
_MANY = 64
_RATE = re.compile(rb"Requests/sec:\s+([\d.]+)")
Target = Callable[[Scene], str]


def idle(_: Scene, server: Server) -> Figure:
    """What it takes to run at all."""
    return figure((server.memory(), "MiB"), (server.began * 1000, "ms until it answered"))


def answers(target: Target, method: str = "GET") -> Measuring:
    """What an answer costs that does not change, over connections that stay."""

    def measure(scene: Scene, server: Server) -> Figure:
        if server.role is not Role.BARE:
            keep(scene, server, target(scene))
        return _cost(load(server, target(scene), method, _CLIENTS, f"{scene.seconds}s"))

    return measure


def handshakes(scene: Scene, server: Server) -> Figure:
    """What an answer costs over a new connection, whose TLS session is resumed."""
    keep(scene, server, by_tag(scene))
    with loading(server, by_tag(scene), "GET", _CLIENTS, f"{scene.seconds}s", "handshakes") as result:
        seen = result()
    resumed = Measure(100 * seen.resumed / (seen.requests + _CLIENTS), "% resumed")
    return Figure((*_cost(seen).measures, resumed))


def as_many_as_it_can(scene: Scene, server: Server) -> Figure:
    """Answers a second to a load generator in C, which leaves the cores to the server."""
    keep(scene, server, by_tag(scene))
    program = shutil.which("wrk")
    if program is None:
        raise Failed("wrk is not installed: `make bench` does that")
    url = f"http://127.0.0.1:{server.port}{by_tag(scene)}"
    seconds = max(round(scene.seconds), 1)
    command = [program, "-t1", f"-c{_MANY}", f"-d{seconds}s", "--timeout", "30s", "-H", f"Accept: {ACCEPT}", url]
    before = server.cpu()
    done = subprocess.run(command, check=True, capture_output=True, start_new_session=True, timeout=60)
    rate = _RATE.search(done.stdout)
    if rate is None or b"Non-2xx" in done.stdout:
        raise Failed(f"{server.name}: {done.stdout.decode().strip()[-200:]}")
    used = server.cpu() - before
    asked = float(rate[1]) * seconds
    return figure((float(rate[1]), "answers/s"), (used / asked * 1e6, "µs CPU"), (used / seconds, "cores"))


def by_digest(scene: Scene) -> str:
    return MANIFESTS + scene.content.manifests["latest"]


def by_tag(_: Scene) -> str:
    return MANIFESTS + "latest"


def small_blob(scene: Scene) -> str:
    return scene.blob("1 KiB")


def _cost(seen: Seen) -> Figure:
    if not seen.requests:
        raise Failed("not one answer came in time")
    return figure(
        (seen.cpu / seen.requests * 1e6, "µs CPU"),
        (seen.requests / seen.seconds, "answers/s"),
        (seen.p99 * 1000, "ms p99"),
    )
