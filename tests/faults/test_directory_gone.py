"""The cache directory goes away under a running mirror: pulls go on, and it keeps things again by itself."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from mirror.oci.digest import Digest
from tests.support.loops import LOOPS
from tests.support.measured import Row, note
from tests.support.mirror_thread import MirrorThread
from tests.support.processes import wait_until
from tests.support.surface import REPOSITORY, noise

BACK = 10.0  # seconds until things are kept again


class Cache:
    """The directory of a running mirror, and what was done to it that has to be undone."""

    def __init__(self, served: MirrorThread, undone: ExitStack) -> None:
        self.served = served
        self.root = served.mirror.settings.storage.root
        self.undone = undone

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


def removed(cache: Cache) -> None:
    aside = cache.root.with_name("aside")
    cache.root.rename(aside)

    def is_gone() -> bool:
        shutil.rmtree(aside, ignore_errors=True)  # what is written into it meanwhile may be in the way
        return not aside.exists()

    wait_until(is_gone, "the directory is removed")


def replaced(cache: Cache) -> None:
    cache.root.rename(cache.root.with_name("elsewhere"))
    cache.root.mkdir()


def mounted_over(cache: Cache) -> None:
    """As when a volume comes back after it was lost: another file system under the same name."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(cache.root)], check=True)
    cache.undone.callback(subprocess.run, ["umount", "-l", str(cache.root)], check=True)


@pytest.fixture(params=list(LOOPS))
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cache]:
    with ExitStack() as undone, MirrorThread(tmp_path, loop=request.param) as served:
        yield Cache(served, undone)


@pytest.mark.parametrize("way", [removed, replaced, mounted_over])
def test_a_cache_directory_that_goes_away_is_had_again(cache: Cache, way: Callable[[Cache], None]) -> None:
    assert cache.pull("before") == 1
    assert cache.pull("before") == 0
    way(cache)
    assert cache.pull("meanwhile") == 1
    again = iter(range(10_000))
    wait_until(lambda: cache.keeps(f"after {next(again)}"), "things are kept again", BACK)
    assert cache.pull("before") <= 1
    assert cache.keeps("before")
    note(Row("F12", f"the cache directory is {way.__name__}: pulls that fail; kept again", "0; yes", "0; yes"))


def test_what_was_kept_since_is_there_after_a_restart(tmp_path: Path) -> None:
    with MirrorThread(tmp_path) as served, ExitStack() as undone:
        cache = Cache(served, undone)
        removed(cache)
        again = iter(range(10_000))
        wait_until(lambda: cache.keeps(f"after {next(again)}"), "things are kept again", BACK)
        assert cache.keeps("last")
    with MirrorThread(tmp_path) as served, ExitStack() as undone:
        cache = Cache(served, undone)
        assert cache.pull("last") == 0
