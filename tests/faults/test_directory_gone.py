"""The cache directory goes away under a running mirror: pulls go on, and it keeps things again by itself."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from mirror.oci.digest import Digest
from tests.support.caches import false_blobs
from tests.support.killing import peers, workers_of
from tests.support.loops import LOOPS
from tests.support.measured import Row, note
from tests.support.mirror_thread import MirrorThread
from tests.support.processes import wait_until
from tests.support.program import Program
from tests.support.raw_client import RawClient
from tests.support.registry import FakeRegistry
from tests.support.surface import REPOSITORY, noise
from tests.support.tiers import LONG

BACK = 10.0  # seconds until things are kept again
PIECES = 500  # more than are pulled in that time
Way = Callable[[Path, ExitStack], None]


class Cache:
    """The directory of a running mirror, and what is pulled through it."""

    def __init__(self, served: MirrorThread) -> None:
        self.served = served
        self.root = served.mirror.settings.storage.root

    def pull(self, name: str) -> int:
        """Pull a blob of that name through the mirror; how often the registry was asked for it."""
        blob = noise(name, 100_000)
        digest = Digest.of(blob)
        self.served.call(lambda: self.served.registry.push_blob(REPOSITORY, blob))
        path = f"/v2/{REPOSITORY}/blobs/{digest}"
        before = self.served.call(lambda: self.served.registry.count("GET", str(digest)))
        answer = self.served.ask("GET", path)
        assert (answer.status, answer.body) == (200, blob)
        self.served.settle()
        return self.served.call(lambda: self.served.registry.count("GET", str(digest))) - before

    def keeps(self, name: str) -> bool:
        """Whether a blob that was pulled is there at once when it is wanted again."""
        self.pull(name)
        lies = self.root / "blobs" / "sha256" / Digest.of(noise(name, 100_000)).encoded
        return lies.exists() and self.pull(name) == 0


def removed(root: Path, _: ExitStack) -> None:
    aside = root.with_name("aside")
    root.rename(aside)

    def is_gone() -> bool:
        shutil.rmtree(aside, ignore_errors=True)  # what is written into it meanwhile may be in the way
        return not aside.exists()

    wait_until(is_gone, "the directory is removed")


def replaced(root: Path, _: ExitStack) -> None:
    root.rename(root.with_name("elsewhere"))
    root.mkdir()


def mounted_over(root: Path, undone: ExitStack) -> None:
    """As when a volume comes back after it was lost: another file system under the same name."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(root)], check=True)
    undone.callback(subprocess.run, ["umount", "-l", str(root)], check=True)


@pytest.fixture(params=list(LOOPS))
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cache]:
    with MirrorThread(tmp_path, loop=request.param) as served:
        yield Cache(served)


@pytest.fixture
def undone() -> Iterator[ExitStack]:
    """What was done that has to be undone, while the mirror still runs."""
    with ExitStack() as undone:
        yield undone


@pytest.mark.figure("F12", "ways for the cache directory to go away: pulls that fail, or what is not kept again")
@pytest.mark.parametrize("way", [removed, replaced, mounted_over])
def test_a_cache_directory_that_goes_away_is_had_again(cache: Cache, undone: ExitStack, way: Way) -> None:
    assert cache.pull("before") == 1
    assert cache.pull("before") == 0
    way(cache.root, undone)
    assert cache.pull("meanwhile") == 1
    again = iter(range(10_000))
    wait_until(lambda: cache.keeps(f"after {next(again)}"), "things are kept again", BACK)
    assert cache.pull("before") <= 1
    assert cache.keeps("before")


def test_what_was_kept_since_is_there_after_a_restart(tmp_path: Path) -> None:
    with MirrorThread(tmp_path) as served, ExitStack() as undone:
        cache = Cache(served)
        removed(cache.root, undone)
        again = iter(range(10_000))
        wait_until(lambda: cache.keeps(f"after {next(again)}"), "things are kept again", BACK)
        assert cache.keeps("last")
    with MirrorThread(tmp_path) as served:
        assert Cache(served).pull("last") == 0


class Crew:
    """The workers of a running program, and content that is there in no end of pieces."""

    def __init__(self, program: Program, root: Path, registry: FakeRegistry) -> None:
        self.workers = workers_of(program)
        self._program = program
        self._registry = registry
        self._root = root
        self._numbers = iter(range(PIECES))

    def pull(self, worker: int, data: bytes) -> int:
        """Pull it through that one; how often the registry was asked for it by then."""
        path = f"/v2/{REPOSITORY}/blobs/{Digest.of(data)}"
        with connected(self._program, worker) as client:
            answer = client.ask("GET", path)
        assert (answer.status, answer.body) == (200, data)
        return self._registry.count("GET", path)

    def share(self, first: int, second: int) -> bool:
        """Whether what the first one has fetched lies in the directory, and is what the second one answers with."""
        data = piece(next(self._numbers))
        lies = self._root / "blobs" / "sha256" / Digest.of(data).encoded
        assert self.pull(first, data) == 1
        return settled(lies) and self.pull(second, data) == 1


def piece(number: int) -> bytes:
    return f"{number}".encode() * 10_000


def settled(path: Path) -> bool:
    """Whether it is there, or comes within a moment: the last byte goes out before the name is there."""
    with contextlib.suppress(AssertionError):
        wait_until(path.exists, "it is published", 1.0)
    return path.exists()


def connected(program: Program, worker: int) -> RawClient:
    """A connection with that worker, which the caller closes."""
    for _ in range(200):
        client = program.client()
        port = client.socket.getsockname()[1]
        if client.ask("GET", "/v2/").status == 200 and port in peers(worker):
            return client
        client.close()
    raise AssertionError("that worker takes no connections")


@pytest.mark.figure(
    "F12", "ways for the directory of two workers to go away: pulls that fail, or what is not kept again"
)
@pytest.mark.parametrize("way", [removed, replaced] if LONG else [removed])
async def test_all_workers_have_it_again(tmp_path: Path, way: Way) -> None:
    def scenario(program: Program) -> None:
        crew = Crew(program, root, registry)
        one, two = crew.workers
        assert crew.share(one, two)
        assert crew.share(two, one)
        with ExitStack() as undone:
            way(root, undone)
        began = time.monotonic()
        for first, second in ((one, two), (two, one)):
            wait_until(partial(crew.share, first, second), "they keep things again, both in the same place", BACK)
        took = time.monotonic() - began
        what = f"the cache directory of two workers is {way.__name__}: both keep things again within"
        note(Row("F12", what, f"{BACK:g} s", f"{took:.1f} s"))

    root = tmp_path / "cache"
    async with FakeRegistry() as registry:
        for number in range(PIECES):
            registry.push_blob(REPOSITORY, piece(number))
        with Program(tmp_path, registry.url, {"SERVER__WORKERS": "2", "LOG__ACCESS": "false"}) as program:
            await asyncio.to_thread(scenario, program)
    assert false_blobs(root) == []
