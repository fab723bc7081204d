"""What a scenario is, and what every one of them may ask for. Knows no server by its name."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.content import REPOSITORY, Content
from bench.figures import Figure
from bench.links import FAST, Link
from bench.processes import Failed
from bench.servers import PROJECT, Role, Server, Upstream

BLOBS = f"/v2/{REPOSITORY}/blobs/"
MANIFESTS = f"/v2/{REPOSITORY}/manifests/"
GIB, MIB = 1024**3, 1024**2
_LONGEST = 900.0  # seconds that a load may take
_SETTLED = 10  # tries until what was asked for is kept


@dataclass(frozen=True, slots=True)
class Setup:
    """What a server is started with: the link behind it, whether it speaks TLS, and how many blobs it holds already."""

    link: Link = FAST
    tls: bool = False
    rows: int = 0  # blobs in its cache


@dataclass(frozen=True, slots=True)
class Scene:
    """`seconds`: for what has no end of its own. `scratch`: a directory. `rows`: blobs that are held from the start."""

    content: Content
    upstream: Upstream
    seconds: float
    scratch: Path
    rows: int = 0

    def digest(self, name: str) -> str:
        return self.content.blobs[name].digest

    def blob(self, name: str) -> str:
        """The path of the blob of that name."""
        return BLOBS + self.digest(name)


@dataclass(frozen=True, slots=True)
class Scenario:
    """`once`: too long to be repeated in each round."""

    what: str
    measure: Callable[[Scene, Server], Figure]
    roles: Role
    setup: Setup = Setup()
    once: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What the clients saw of a load, and the seconds of CPU that the server used for it."""

    requests: int
    bytes: int
    seconds: float
    resumed: int  # connections that went on with an earlier TLS session
    first: float  # seconds to the first byte, of the client in the middle
    p50: float
    p99: float
    cpu: float


def load(server: Server, target: str, method: str, clients: int, amount: str) -> Seen:
    """Let clients ask, each `amount` times or for so long ("2s"). Raises Failed when one is not answered."""
    with loading(server, target, method, clients, amount) as result:
        return result()


@contextlib.contextmanager
def loading(
    server: Server, target: str, method: str, clients: int, amount: str, more: str = ""
) -> Iterator[Callable[[], Seen]]:
    """The same while something else goes on; what is called in the end waits for it. `more`: a word of `bench.load`."""
    words = [word for word in (more or ("tls" if server.tls else ""),) if word]
    command = [sys.executable, "-m", "bench.load", str(server.port), target, method, str(clients), amount, *words]
    before = server.cpu()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=PROJECT, start_new_session=True
    ) as clients_process:

        def result() -> Seen:
            said, complaint = clients_process.communicate(timeout=_LONGEST)
            if clients_process.returncode:
                raise Failed(f"{server.name}: {complaint.decode(errors='replace').strip().rpartition(chr(10))[2]}")
            return Seen(**json.loads(said), cpu=server.cpu() - before)

        try:
            yield result
        finally:
            clients_process.kill()


def keep(scene: Scene, server: Server, target: str) -> None:
    """Ask until the server no longer asks its upstream for it: some keep what they fetched only after a while."""
    for _ in range(_SETTLED):
        scene.upstream.asked()
        load(server, target, "GET", 1, "1")
        if not scene.upstream.asked()[0]:
            return
        time.sleep(0.2)
    raise Failed(f"{server.name} does not keep what it was asked for")
