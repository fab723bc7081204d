"""A cache of a million blobs: made without a million downloads, then started, asked, and made to choose what goes.

Each blob has its row, its membership, and its own name in the directory; the names are hard links to a few small files,
since an inode each would measure the file system. Their digests are those of nothing, but the index says that they were
verified, and nobody reads them in the background.
"""

from __future__ import annotations

import hashlib
import os
import random
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from bench.bounds import GETS, TURN
from bench.content import REPOSITORY
from bench.figures import Figure, figure
from bench.scene import BLOBS, Scene, load
from bench.servers import Server
from mirror.store.choice import Demand, larger_than
from mirror.store.choosing import Choosing
from mirror.store.index import Index, Member
from mirror.store.ingest import Stamp

_SIZE = 1024  # bytes of each
_BATCH = 50_000  # rows a transaction, and names of one file: ext4 allows 65,000
_ASKED = 4_000
_CHOSEN = 1_000


def fill(cache: Path, count: int) -> None:
    """Put so many blobs into a cache directory that a mirror has made and left. Takes a minute."""
    blobs = cache / "blobs" / "sha256"
    index = Index(cache / "index")
    try:
        numbers = iter(range(count))
        while batch := list(islice(numbers, _BATCH)):
            stamps = dict(_files(blobs, batch))
            with index:
                for digest, stamp in stamps.items():
                    index.put_blob(digest, stamp, float(stamp.mtime_ns // 10**9 - int(digest[7:12], 16)))
                index.put_members(Member("docker.io", REPOSITORY, digest) for digest in stamps)
    finally:
        index.close()


def start(_: Scene, server: Server) -> Figure:
    """Until it answers, and what it then needs."""
    return figure((server.began, "s"), (server.memory(), "MiB"))


def look_ups(scene: Scene, server: Server) -> Figure:
    """Blobs that nobody has asked for since the start, each once, at random."""
    count = scene.rows
    chosen = random.Random(1).sample(range(count), min(_ASKED, count))
    asked = scene.scratch / "targets"
    asked.write_text("\n".join(BLOBS + _digest(number) for number in chosen))
    scene.upstream.asked()
    seen = load(server, f"@{asked}", "GET", 4, "900s")
    return figure(
        (seen.p50 * 1000, "ms p50"),
        (seen.p99 * 1000, "ms p99"),
        (seen.cpu / seen.requests * 1e6, "µs CPU"),
        (scene.upstream.asked()[0], GETS),
    )


def choice(_: Scene, server: Server) -> Figure:
    """What `mirror gc --dry-run` does, by its own code: a thousand of what no image needs.

    It has the index for a turn at a time; eviction, which removes what is chosen before it goes on, for shorter ones.
    """
    index = Index(server.root / "cache" / "index")
    turns: list[float] = []
    chosen = 0
    try:
        began = time.perf_counter()
        choosing = Choosing(index, Demand(_CHOSEN * _SIZE))
        while not choosing.is_over:
            chosen += len(choosing.next())
            turns.append(time.perf_counter() - began)
            began = time.perf_counter()
        larger_than(index, _SIZE)
        scanned = time.perf_counter() - began
    finally:
        index.close()
    return figure(
        (max(turns) * 1000, TURN),
        (sum(turns) * 1000, "ms in all"),
        (chosen, "chosen"),
        (scanned * 1000, "ms to look for too large ones, in a thread"),
    )


def _files(blobs: Path, numbers: list[int]) -> Iterator[tuple[str, Stamp]]:
    """Make the files of these blobs; each digest with the stamp of its file."""
    source, stamp = Path(), None
    for number in numbers:
        digest = _digest(number)
        file = blobs / digest.partition(":")[2]
        if stamp is None:
            file.write_bytes(os.urandom(_SIZE))
            file.chmod(0o600)
            source, stamp = file, Stamp.of(file.stat())
        else:
            file.hardlink_to(source)
        yield digest, stamp


def _digest(number: int) -> str:
    return "sha256:" + hashlib.sha256(b"%d" % number).hexdigest()
