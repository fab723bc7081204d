"""Small answers: manifests, small blobs, and what a server is before it was asked anything."""

from __future__ import annotations

from collections.abc import Callable

from bench.blobs import Measuring
from bench.figures import Figure, Measure, figure
from bench.processes import Failed
from bench.scene import MANIFESTS, Scene, Seen, keep, load, loading
from bench.servers import Role, Server

_CLIENTS = 16
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
