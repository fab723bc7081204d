"""Who takes part: every server by the name that the command line has for it, and how it is started."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from bench import million, peers, processes, servers
from bench.bounds import MIRROR, TWO_WORKERS
from bench.content import Content
from bench.scene import Setup
from bench.servers import Place, Role, Server, Upstream

NAMES = ("mirror", "mirror-2", "nginx-static", "nginx-cache", "distribution", "drayage", "direct", "aiohttp")
_WITHOUT_TLS = Role.DIRECT | Role.BARE


@dataclass(frozen=True, slots=True)
class Participant:
    """`start` takes the place that is made for it, and the upstream."""

    name: str
    role: Role
    start: Callable[[Place, Upstream], AbstractContextManager[Server]]
    has_tls: bool = True

    def takes(self, roles: Role, setup: Setup) -> bool:
        """Whether a scenario for these roles makes sense for it."""
        return self.role in roles and (self.has_tls or not setup.tls)


def participants(content: Content, loop: str, binaries: dict[str, Path]) -> list[Participant]:
    """Everybody that can be started here, and `binaries` by their names: programs that take distribution's
    configuration, or directories that hold the mirror at another revision."""
    found = [
        Participant("mirror", Role.MIRROR, lambda place, _: servers.mirror(MIRROR, Role.MIRROR, place, loop)),
        Participant("mirror-2", Role.WORKERS, lambda place, _: servers.mirror(TWO_WORKERS, Role.WORKERS, place, loop)),
        Participant("nginx-static", Role.STATIC, lambda place, _: peers.nginx_static(place, content)),
        Participant("nginx-cache", Role.PEER, lambda place, _: peers.nginx_cache(place)),
        Participant("distribution", Role.PEER, _distribution("distribution", "docker-registry")),
        Participant("direct", Role.DIRECT, servers.direct, has_tls=False),
        Participant("aiohttp", Role.BARE, lambda place, _: servers.bare(place, loop), has_tls=False),
    ]
    program = peers.drayage_program()
    if program is not None:
        found.append(Participant("drayage", Role.PEER, lambda place, _: peers.drayage(place, program), has_tls=False))
    return found + [_other(name, path, loop) for name, path in binaries.items()]


def _distribution(name: str, program: str) -> Callable[[Place, Upstream], AbstractContextManager[Server]]:
    return lambda place, _: peers.distribution(name, place, program)


def _other(name: str, path: Path, loop: str) -> Participant:
    if path.is_dir():
        source = path.resolve()
        return Participant(name, Role.PEER, lambda place, _: servers.mirror(name, Role.PEER, place, loop, source))
    return Participant(name, Role.PEER, _distribution(name, str(path)))


@contextlib.contextmanager
def started(participant: Participant, setup: Setup, root: Path, upstream: Upstream) -> Iterator[Server]:
    """The participant over an empty directory, or over a cache of so many rows; what it left is removed."""
    root.mkdir()
    certificate = _certificate(root) if setup.tls else None
    # What was not downloaded is not what its digest says: it would be found out.
    place = Place(root, upstream.port, certificate, scrub=not setup.rows)
    try:
        if setup.rows:
            with participant.start(place, upstream):
                pass  # which makes the directory what it has to be
            million.fill(root / "cache", setup.rows)
        with participant.start(place, upstream) as server:
            yield server
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _certificate(root: Path) -> Path:
    """A certificate for this machine, signed by its own key, which lies beside it."""
    certificate = root / "certificate.pem"
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(root / "key.pem")]
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", *key, "-out", str(certificate), "-days", "2", *name]
    if subprocess.run(command, capture_output=True).returncode:
        raise processes.Failed("openssl makes no certificate")
    return certificate
