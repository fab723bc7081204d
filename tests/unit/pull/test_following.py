"""Reading along with words alone: what each of them does. Who tells them is in the contract of fetches."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from mirror.errors import Absent, DigestMismatch, MirrorError, StoreError, Throttled, Unreachable
from mirror.oci.digest import Digest
from mirror.pull.fetch import Fetch
from mirror.pull.following import Following
from mirror.pull.told import words_of
from mirror.siblings import GONE, Word
from mirror.store.ingest import Ingest
from mirror.tasks import end, spawn
from tests.support.caches import data_of_the_ingest
from tests.support.checker import until
from tests.support.pulling import Pulling, Setup, pulling
from tests.support.registry import FakeRegistry
from tests.support.siblings import Family

DATA = Random(5).randbytes(300_000)
DIGEST = Digest.of(DATA)
HALF = 150_000


@dataclass(slots=True)
class Along:
    """A fetch that follows, and the ingest of somebody else, of whom there is no more than the words of a test."""

    family: Family
    pull: Pulling
    fetch: Fetch
    ingest: Ingest
    following: asyncio.Task[bool]
    inode: int

    def say(self, subject: str, *words: Word) -> None:
        self.family.members[1].tell(subject, str(DIGEST), self.inode, *words)


@asynccontextmanager
async def _along(root: Path, registry: FakeRegistry) -> AsyncIterator[Along]:
    family = Family(2)
    async with pulling(root, Setup(siblings=family.members[0]), one=registry.url) as pull:
        ingest = Ingest(pull.store._layout, DIGEST, durable=False)
        ingest.append(DATA[:HALF])
        fetch = Fetch(pull.target(), DIGEST, pull.store, 1)
        place = fetch.growth.hold()
        following = spawn(Following(pull.store).follow(fetch), "following")
        await until(lambda: "follow" in family.subjects())
        yield Along(family, pull, fetch, ingest, following, data_of_the_ingest(root).stat().st_ino)
        await end(following)
        ingest.abort()
        fetch.growth.release(place)
        fetch.growth.end()


async def test_its_readers_get_what_is_said_to_be_there_and_no_more(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, _along(tmp_path, registry) as along:
        growth = along.fetch.growth
        along.say("holding", 1000, len(DATA), "one", "a/b")
        await growth.begun()
        assert (growth.total, growth.available) == (len(DATA), 1000)
        assert os.pread(growth.descriptor, 1000, 0) == DATA[:1000]
        along.say("grown", HALF)
        assert await growth.ready(1000) == HALF
        along.say("whole", len(DATA))
        assert await along.following
        assert growth.verified
        assert registry.requests == []


async def test_what_is_said_of_another_file_is_nothing_to_it(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, _along(tmp_path, registry) as along:
        along.inode += 1
        along.say("holding", 1000, len(DATA), "one", "a/b")
        along.say("whole", len(DATA))
        along.inode -= 1
        along.say("holding", -1, None, "one", "a/b")
        await asyncio.sleep(0)
        assert not along.fetch.growth.has_begun


async def test_nothing_is_given_before_the_repository_has_proven_that_it_has_it(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, _along(tmp_path, registry) as along:
        along.say("holding", 1000, len(DATA), "one", "c/d")
        assert await along.following  # the upstream has no such blob
        assert isinstance(along.fetch.failure, Absent)
        assert along.fetch.growth.available == 0
        assert registry.count("HEAD", "/a/b/blobs/") == 1


@pytest.mark.parametrize(
    ("error", "upstream", "repository", "ours"),
    [
        (Absent("x"), "one", "a/b", True),
        (Absent("x"), "one", "c/d", False),
        (Throttled("x"), "one", "c/d", True),
        (Throttled("x"), "two", "a/b", False),
        (DigestMismatch("x"), "one", "a/b", True),
        (DigestMismatch("x"), "two", "a/b", False),
        (StoreError("x"), "one", "a/b", True),
    ],
)
async def test_a_failure_is_ours_if_it_says_something_of_us(
    tmp_path: Path, error: MirrorError, upstream: str, repository: str, ours: bool
) -> None:
    async with FakeRegistry() as registry, _along(tmp_path, registry) as along:
        along.say("failed", upstream, repository, *words_of(error))
        assert await along.following is ours
        assert (along.fetch.failure is not None) is ours


async def test_a_mismatch_is_everybodys_who_has_had_any_of_it(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, _along(tmp_path, registry) as along:
        along.say("holding", 1000, len(DATA), "one", "a/b")
        await along.fetch.growth.begun()
        along.say("failed", "two", "c/d", *words_of(DigestMismatch("x")))
        assert await along.following
        assert isinstance(along.fetch.failure, DigestMismatch)


async def test_what_is_left_is_ours_to_go_on_with(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, _along(tmp_path, registry) as along:
        along.say("left")
        assert not await along.following
        assert along.fetch.failure is None


async def test_when_somebody_has_died_the_lock_tells(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, _along(tmp_path, registry) as along:
        along.say("holding", 1000, len(DATA), "one", "a/b")
        await along.fetch.growth.begun()
        along.family.members[1].tell(GONE, 3)
        before = len(along.family.told)
        await until(lambda: ("follow", str(DIGEST)) in [told[1:] for told in along.family.told[before:]])
        assert not along.following.done()  # whoever has it lives
        along.ingest.leave()
        along.family.members[1].tell(GONE, 1)
        assert not await along.following


async def test_what_has_been_stored_meanwhile_is_handed_out(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, _along(tmp_path, registry) as along:
        registry.push_blob("a/b", DATA)
        along.ingest.append(DATA[HALF:])
        along.ingest.commit()
        assert await along.following
        assert along.fetch.growth.verified
        assert registry.count("HEAD", "/a/b/blobs/") == 1


async def test_without_a_file_there_is_nothing_to_follow(tmp_path: Path) -> None:
    family = Family(2)
    async with (
        FakeRegistry() as registry,
        pulling(tmp_path, Setup(siblings=family.members[0]), one=registry.url) as pull,
    ):
        fetch = Fetch(pull.target(), DIGEST, pull.store, 1)
        assert not await Following(pull.store).follow(fetch)


async def test_readers_hear_that_the_mirror_ends(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, _along(tmp_path, registry) as along:
        await end(along.following)
        assert isinstance(along.fetch.failure, Unreachable)
