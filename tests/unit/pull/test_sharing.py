"""What a fetch tells those who follow it, and that it tells nothing to nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

from mirror.oci.digest import Digest
from mirror.pull.reader import Reader
from mirror.siblings import Word
from tests.support.caches import data_of_the_ingest
from tests.support.checker import until
from tests.support.faults import Fault, Gate
from tests.support.pulling import Pulling, Setup, pulling, read
from tests.support.registry import FakeRegistry
from tests.support.siblings import Family

DATA = Random(7).randbytes(1024 * 1024)
PIECE = 128 * 1024
WORDS = {"holding", "grown", "whole", "failed", "left"}


def _told(family: Family) -> list[tuple[Word, ...]]:
    return [tuple(words) for _, *words in family.told if words[0] in WORDS]


def _asks(family: Family, digest: str) -> None:
    family.members[1].tell("follow", digest)


def _fetched(pull: Pulling, digest: str) -> Reader:
    return pull.fetches.join(pull.target(), Digest.parse(digest))[0]


@asynccontextmanager
async def _scene(root: Path) -> AsyncIterator[tuple[Family, FakeRegistry, Pulling]]:
    """One of two processes; of the other one there is no more than its words."""
    family = Family(2)
    async with (
        FakeRegistry() as registry,
        pulling(root, Setup(siblings=family.members[0]), one=registry.url) as pull,
    ):
        yield family, registry, pull


async def test_nobody_is_told_who_has_not_asked(tmp_path: Path) -> None:
    async with _scene(tmp_path) as (family, registry, pull):
        digest = str(registry.push_blob("a/b", DATA))
        reader = _fetched(pull, digest)
        assert await read(reader) == DATA
        reader.close()
        assert _told(family) == []


async def test_who_asks_is_told_how_it_stands_and_how_it_goes_on(tmp_path: Path) -> None:
    gate = Gate(PIECE)
    async with _scene(tmp_path) as (family, registry, pull):
        digest = str(registry.push_blob("a/b", DATA))
        registry.fail(Fault(gate=gate), "GET", "/blobs/")
        reader = _fetched(pull, digest)
        await gate.arrived.wait()
        await reader.begun()
        inode = data_of_the_ingest(tmp_path).stat().st_ino
        _asks(family, digest)
        await until(lambda: len(_told(family)) == 1)
        assert _told(family) == [("holding", digest, inode, 0, len(DATA), "one", "a/b")]
        gate.release()
        await until(lambda: len(_told(family)) == 2)
        assert _told(family)[-1] == ("grown", digest, inode, PIECE)
        gate.open()
        assert await read(reader) == DATA
        reader.close()
        await until(lambda: _told(family)[-1] == ("whole", digest, inode, len(DATA)))
        assert len(_told(family)) < 3 + len(DATA) // PIECE


async def test_before_anything_has_come_it_is_told_that_somebody_is_at_it(tmp_path: Path) -> None:
    hold = asyncio.Event()
    async with _scene(tmp_path) as (family, registry, pull):
        digest = str(registry.push_blob("a/b", DATA))
        registry.fail(Fault(hold=hold), "GET", "/blobs/")
        reader = _fetched(pull, digest)
        await until(lambda: registry.count() == 1)
        _asks(family, digest)
        await until(lambda: len(_told(family)) == 1)
        assert _told(family)[0][3:5] == (-1, None)
        hold.set()
        assert await read(reader) == DATA
        reader.close()
        await until(lambda: _told(family)[-1][0] == "whole")
        assert ("holding", len(DATA)) in [(words[0], words[4]) for words in _told(family) if len(words) > 4]


async def test_a_failure_is_told_with_whom_it_concerns(tmp_path: Path) -> None:
    hold = asyncio.Event()
    async with _scene(tmp_path) as (family, registry, pull):
        digest = str(registry.push_blob("c/d", DATA))  # which a/b does not have
        registry.fail(Fault(hold=hold), "GET", "/blobs/")
        reader = _fetched(pull, digest)
        await until(lambda: registry.count() == 1)
        _asks(family, digest)
        await until(lambda: len(_told(family)) == 1)
        hold.set()
        await until(lambda: _told(family)[-1][0] == "failed")
        assert _told(family)[-1][3:7] == ("one", "a/b", "Absent", "BLOB_UNKNOWN")
        reader.close()


async def test_what_is_not_fetched_here_is_not_told_of(tmp_path: Path) -> None:
    async with _scene(tmp_path) as (family, registry, pull):
        digest = registry.push_blob("a/b", DATA)
        for name in ("nonsense", str(digest)):
            _asks(family, name)
        reader = _fetched(pull, str(digest))
        assert await read(reader) == DATA
        reader.close()
        assert _told(family) == []
