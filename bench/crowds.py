"""Many clients, and clients that take nothing."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

from bench.bounds import MORE
from bench.figures import Figure, figure
from bench.scene import Scene, keep, load
from bench.servers import Server

_STALLED = 200
_WINDOW = 16 * 1024  # bytes that a client which takes nothing has room for


def stalled(scene: Scene, server: Server) -> Figure:
    """What clients cost that ask for the large blob and take nothing of it, and what others notice of them."""
    large = scene.blob("large")
    keep(scene, server, large)
    alone = load(server, large, "GET", 8, f"{scene.seconds}s")
    idle = server.memory()
    with _stalled(server.port, large):
        beside = load(server, large, "GET", 8, f"{scene.seconds}s")
        grown = server.memory() - idle
    rates = [seen.bytes / seen.seconds / 1e9 for seen in (beside, alone)]
    return figure((grown, MORE), (rates[0], "GB/s to 8 others"), (rates[1], "GB/s without them"))


@contextlib.contextmanager
def _stalled(port: int, target: str) -> Iterator[None]:
    with contextlib.ExitStack() as held:
        for _ in range(_STALLED):
            client = held.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _WINDOW)
            client.connect(("127.0.0.1", port))
            client.sendall(f"GET {target} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
            client.settimeout(30)
            client.recv(1)  # it is being answered
        yield
