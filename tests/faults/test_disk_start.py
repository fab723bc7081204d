"""A start on a disk that is full or read-only (P5): pulls go on, and the disk is used again when it is well (F12)."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from mirror.oci.digest import Digest
from tests.support.caches import false_blobs
from tests.support.killing import workers_of
from tests.support.mirror_thread import MirrorThread
from tests.support.mounts import mounted
from tests.support.processes import wait_until
from tests.support.program import Program
from tests.support.registry import FakeRegistry
from tests.support.surface import REPOSITORY, noise
from tests.support.tiers import LONG

BACK = 120.0  # seconds in which the disk is used again
SIZE = 100_000
REPLACED = "a worker has ended, and is replaced"
AGAIN = "a worker serves again"
TAKEN_UP = "the disk can be used again, and the cache directory has been taken up"
Undo = Callable[[], None]
Trouble = Callable[[Path], Undo]


def full(disk: Path) -> Undo:
    """Filled by somebody else, to the last byte."""
    filling = disk / "filling"
    with filling.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass
    return filling.unlink


def read_only(disk: Path) -> Undo:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)

    def undo() -> None:
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)

    return undo


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with mounted("tmpfs", tmp_path / "disk", "-t", "tmpfs", "-o", "size=12m") as place:
        yield place


class Pulls:
    """What is pulled through a mirror, and how often its registry was asked for it."""

    def __init__(self, served: MirrorThread) -> None:
        self._served = served

    def pull(self, name: str) -> int:
        """Pull a blob of that name; how often the registry was asked for its bytes."""
        data = noise(name, SIZE)
        digest = Digest.of(data)
        self._served.call(lambda: self._served.registry.push_blob(REPOSITORY, data))
        before = self._count(digest)
        answer = self._served.ask("GET", f"/v2/{REPOSITORY}/blobs/{digest}")
        assert (answer.status, answer.body) == (200, data)
        self._served.settle()
        return self._count(digest) - before

    def keeps(self, name: str) -> bool:
        self.pull(name)
        return self.pull(name) == 0

    def _count(self, digest: Digest) -> int:
        return self._served.call(lambda: self._served.registry.count("GET", str(digest)))


KINDS = [(full, True), (read_only, True)] + [(full, False), (read_only, False)] * LONG


@pytest.mark.figure("F12", "starts on a full or read-only disk: refused, pulls that fail, or what is not kept again")
@pytest.mark.parametrize(("trouble", "is_filled"), KINDS)
def test_a_mirror_starts_on_such_a_disk_and_uses_it_once_it_is_well(
    disk: Path, trouble: Trouble, is_filled: bool
) -> None:
    if is_filled:
        with MirrorThread(disk) as served:
            assert Pulls(served).keeps("before")
    undo = trouble(disk)
    with ExitStack() as undone:
        undone.callback(undo)
        with MirrorThread(disk) as served:
            pulls = Pulls(served)
            assert served.mirror.mirror.store.is_sheltered
            assert pulls.pull("before") == (0 if is_filled else 1)
            assert pulls.pull("meanwhile") == 1
            assert b"\nmirror_disk_unusable 1.0\n" in served.mirror.mirror.metrics.render()
            undone.close()
            wait_until(lambda: not served.mirror.mirror.store.is_sheltered, "the disk is used again", BACK)
            assert pulls.keeps("after")
            assert b"\nmirror_disk_unusable 0.0\n" in served.mirror.mirror.metrics.render()
    with MirrorThread(disk) as served:
        assert Pulls(served).pull("after") == 0
    assert false_blobs(served.mirror.settings.storage.root) == []


def has_said(program: Program, event: str, times: int) -> bool:
    return [line["event"] for line in program.log].count(event) == times


async def test_a_worker_that_is_killed_on_a_full_disk_is_followed_by_one_that_serves(
    tmp_path: Path, disk: Path
) -> None:
    data = noise("blob", SIZE)

    def scenario(program: Program) -> None:
        path = f"/v2/{REPOSITORY}/blobs/{Digest.of(data)}"

        def pull() -> None:
            with program.client() as client:
                answer = client.ask("GET", path)
            assert (answer.status, answer.body) == (200, data)

        pull()
        undo = full(disk)
        for times, pid in enumerate(workers_of(program), 1):
            os.kill(pid, signal.SIGKILL)
            wait_until(partial(has_said, program, AGAIN, times), "its successor serves")
            for _ in range(10):
                pull()
        undo()
        assert [line["again_in"] for line in program.log if line["event"] == REPLACED] == [0, 0]

    async with FakeRegistry() as registry:
        registry.push_blob(REPOSITORY, data)
        settings = {"SERVER__WORKERS": "2", "STORAGE__ROOT": str(disk / "cache"), "LOG__ACCESS": "false"}
        with Program(tmp_path, registry.url, settings) as program:
            await asyncio.to_thread(scenario, program)
    assert false_blobs(disk / "cache") == []


async def test_workers_begin_on_a_full_disk(tmp_path: Path, disk: Path) -> None:
    data = noise("blob", SIZE)

    def scenario(program: Program) -> None:
        for _ in range(10):
            with program.client() as client:
                answer = client.ask("GET", f"/v2/{REPOSITORY}/blobs/{Digest.of(data)}")
            assert (answer.status, answer.body) == (200, data)
        undo()
        wait_until(partial(has_said, program, TAKEN_UP, 2), "both have taken it up", BACK)
        assert (disk / "cache" / "running").exists()
        program.signal(signal.SIGTERM)
        assert program.ended() == 0

    async with FakeRegistry() as registry:
        registry.push_blob(REPOSITORY, data)
        undo = full(disk)
        settings = {"SERVER__WORKERS": "2", "STORAGE__ROOT": str(disk / "cache"), "LOG__ACCESS": "false"}
        with Program(tmp_path, registry.url, settings) as program:
            await asyncio.to_thread(scenario, program)
    assert (disk / "cache" / "version").exists()
    assert not (disk / "cache" / "running").exists()
