"""Whole images, as people pull them: by skopeo, into a directory one layer at a time, and by dockerd, three."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from bench.bounds import GETS, TIMES
from bench.content import DOCKERD, REPOSITORY, SKOPEO
from bench.figures import Figure, figure
from bench.processes import Failed, process
from bench.scene import Scene
from bench.servers import Server

_LONGEST = 300  # seconds that a pull may take
# What dockerd writes below /run and /etc is gone with it. Its layers lie in memory: how long the disk of a client
# takes to sync them is not what is measured.
_PRIVATE = """
set -e
mkdir "$1"
mount -t tmpfs -o size=2g tmpfs "$1"
shift
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/etc/upper /run/etc/work
mount -t overlay -o lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work overlay /etc
exec dockerd "$@"
"""


def by_skopeo(scene: Scene, server: Server) -> Figure:
    """An image into a directory."""
    target = scene.scratch / "skopeo"
    source = f"docker://127.0.0.1:{server.port}/{REPOSITORY}:{SKOPEO}"
    command = ["skopeo", "--insecure-policy", "copy", "-q", "--src-tls-verify=false", source, f"dir:{target}"]
    try:
        return _pull(scene, server, command, SKOPEO)
    finally:
        shutil.rmtree(target, ignore_errors=True)


def by_dockerd(scene: Scene, server: Server) -> Figure:
    """An image into a daemon that was started for it."""
    with _dockerd(scene.scratch / "d") as docker:
        reference = f"127.0.0.1:{server.port}/{REPOSITORY}:{DOCKERD}"
        return _pull(scene, server, [*docker, "pull", "-q", reference], DOCKERD)


def has_dockerd() -> bool:
    """Whether dockerd can be started here: it takes root."""
    return os.geteuid() == 0 and shutil.which("dockerd") is not None


def _pull(scene: Scene, server: Server, command: list[str], tag: str) -> Figure:
    scene.upstream.asked()
    before, began = server.cpu(), time.monotonic()
    done = subprocess.run(command, capture_output=True, timeout=_LONGEST, start_new_session=True)
    seconds = time.monotonic() - began
    if done.returncode:
        raise Failed(f"{command[0]} from {server.name}: {done.stderr.decode(errors='replace').strip()[-300:]}")
    gets, sent = scene.upstream.asked()
    return figure(
        (seconds, "s"),
        (server.cpu() - before, "s CPU"),
        (gets, GETS),
        (sent / scene.content.images[tag], TIMES),
    )


@contextlib.contextmanager
def _dockerd(root: Path) -> Iterator[list[str]]:
    """The command that talks to a daemon of its own, with nothing in it."""
    root.mkdir()
    socket = f"unix://{root}/sock"
    places = ["--data-root", f"{root}/data", "--exec-root", f"{root}/exec", "--pidfile", f"{root}/pid", "-H", socket]
    no_network = ["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"]
    command = ["unshare", "--mount", "sh", "-c", _PRIVATE, "dockerd", f"{root}/data", *places, *no_network]
    docker = ["docker", "-H", socket]
    try:
        with process(command, log=root / "log"):
            deadline = time.monotonic() + 60
            while subprocess.run([*docker, "version"], capture_output=True, timeout=60).returncode:
                if time.monotonic() > deadline:
                    raise Failed(f"dockerd does not start: {(root / 'log').read_text(errors='replace')[-300:]}")
                time.sleep(0.1)
            yield docker
    finally:
        shutil.rmtree(root, ignore_errors=True)
