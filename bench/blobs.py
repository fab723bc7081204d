"""Blobs that are held, and blobs that are not."""

from __future__ import annotations

import os
from collections.abc import Callable

from bench.bounds import FIRST, GETS, MORE, TIMES
from bench.figures import Figure, figure
from bench.processes import read_from_disk
from bench.scene import GIB, MANIFESTS, MIB, Scene, keep, load, loading
from bench.servers import Role, Server

Measuring = Callable[[Scene, Server], Figure]
_LARGE_FILE = 64 * MIB  # bytes from which on a file is that of a large blob


def cold(name: str, unit: str = "ms") -> Measuring:
    """One client, one blob that nobody has asked for: the time to its last byte."""

    def measure(scene: Scene, server: Server) -> Figure:
        scene.upstream.asked()
        seen = load(server, scene.blob(name), "GET", 1, "1")
        gets, sent = scene.upstream.asked()
        size = scene.content.blobs[name].size
        return figure(
            (seen.seconds * (1000 if unit == "ms" else 1), unit),
            (seen.first * 1000, FIRST),
            (seen.cpu, "s CPU"),
            (gets, GETS),
            (sent / size, TIMES),
        )

    return measure


def herd(name: str, clients: int) -> Measuring:
    """Many clients at once want a blob that nobody has asked for; without a cache, one: what the link allows."""

    def measure(scene: Scene, server: Server) -> Figure:
        many = 1 if server.role is Role.DIRECT else clients
        scene.upstream.asked()
        idle = server.memory()
        seen = load(server, scene.blob(name), "GET", many, "1")
        gets, sent = scene.upstream.asked()
        return figure(
            (seen.seconds, "s"),
            (seen.cpu / seen.bytes * GIB, "CPU s/GiB"),
            (seen.first * 1000, FIRST),
            (gets, GETS),
            (sent / scene.content.blobs[name].size, TIMES),
            (server.memory() - idle, MORE),
        )

    return measure


def hot(clients: int) -> Measuring:
    """Clients that pull the large blob, which is held, again and again."""

    def measure(scene: Scene, server: Server) -> Figure:
        keep(scene, server, scene.blob("large"))
        seen = load(server, scene.blob("large"), "GET", clients, f"{scene.seconds}s")
        return figure((seen.cpu / seen.bytes * GIB, "CPU s/GiB"), (seen.bytes / seen.seconds / 1e9, "GB/s"))

    return measure


def beside_pulls(scene: Scene, server: Server) -> Figure:
    """How long manifests take while eight clients pull the large blob."""
    large = scene.blob("large")
    keep(scene, server, large)
    keep(scene, server, MANIFESTS + "latest")
    with loading(server, large, "GET", 8, f"{scene.seconds + 1}s") as pulled:
        seen = load(server, MANIFESTS + "latest", "GET", 16, f"{scene.seconds}s")
        pulls = pulled()
    return figure(
        (seen.p99 * 1000, "ms p99"),
        (seen.requests / seen.seconds, "answers/s"),
        (pulls.bytes / pulls.seconds / 1e9, "GB/s beside"),
    )


def from_disk(scene: Scene, server: Server) -> Figure:
    """The same while what eight clients pull has to be read from the disk first."""
    large = scene.blob("large")
    keep(scene, server, large)
    keep(scene, server, MANIFESTS + "latest")
    _drop(server)
    before = read_from_disk(server.pid)
    with loading(server, large, "GET", 8, "1") as pulled:
        seen = load(server, MANIFESTS + "latest", "GET", 16, f"{scene.seconds}s")
        pulls = pulled()
    return figure(
        (seen.p99 * 1000, "ms p99"),
        (seen.requests / seen.seconds, "answers/s"),
        (pulls.seconds, "s for the blobs"),
        (read_from_disk(server.pid) - before, "MiB from disk"),
    )


def _drop(server: Server) -> None:
    """Let the kernel forget the large files of a server, which it does only with what is on disk."""
    for file in server.root.rglob("*"):
        if file.is_file() and file.stat().st_size >= _LARGE_FILE:
            descriptor = os.open(file, os.O_RDONLY)
            try:
                os.fsync(descriptor)
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)
