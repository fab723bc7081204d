"""A cache for a quarter of the images that are pulled keeps its bound, whole images, and those that are worth it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mirror.oci.digest import Digest
from mirror.store.choice import Demand
from mirror.store.eviction import Room, Space, excess
from mirror.store.index import GATHERED, Index, TagRow
from mirror.store.succession import point
from tests.support import pull_trace
from tests.support.caches import published
from tests.support.checker import until
from tests.support.content import Image
from tests.support.loops import run_on
from tests.support.measured import Row, note
from tests.support.mirror import MirrorUnderTest
from tests.support.pull_trace import APART, Wanted
from tests.support.registry import FakeRegistry
from tests.support.stocked import UPSTREAM, Stocked, choose, named
from tests.support.surface import noise
from tests.support.tiers import count

IMAGES = 200
PULLS = count(1500, 10_000)
A_DAY = 144  # pulls
# Of the best possible: where all is known of the past, and nothing of the future, there is no more to be had.
BOUNDS = {1.1: 0.9, 1.0: 0.9, 0.9: count(88, 90) / 100}
ENDLESS = 1 << 50


@dataclass(slots=True)
class Cache:
    """What a mirror would hold, by its own index and its own choice, without bytes and without a network."""

    stocked: Stocked
    limit: int
    stored: dict[str, int] = field(default_factory=dict)
    hits: int = 0
    broken: int = 0  # images of which some is there and some is not

    def pull(self, wanted: Wanted, now: float) -> None:
        self.hits += wanted.blobs.keys() <= self.stored.keys()
        index = self.stocked.index
        with index:
            for blob, size in wanted.blobs.items():
                if blob not in self.stored:
                    self.stocked.blob(blob, size, now)
                    self.stored[blob] = size
            self.stocked.images.note(named(wanted.name), map(named, wanted.blobs))
            point(index, TagRow(UPSTREAM, wanted.repository, "latest", named(wanted.name), now))
            self.stocked.images.note_pulls({(UPSTREAM, wanted.repository, named(wanted.name)): now})
        room = Room(max_size=lambda _: self.limit, min_free=lambda _: 0)
        needed = excess(Space(sum(self.stored.values()), ENDLESS, ENDLESS), room)
        if needed:
            self._evict(needed)

    def _evict(self, needed: int) -> None:
        choice = choose(self.stocked.index, Demand(needed))
        gone = {digest for going in choice.going for digest, _ in going.parts}
        with self.stocked.index as index:
            for digest in gone:
                index.forget_blob(digest)
        self.stored = {blob: size for blob, size in self.stored.items() if named(blob) not in gone}
        held = self.stocked.images.list()
        self.broken += sum(one.missing for one in held)
        assert sum(self.stored.values()) <= self.limit


def ratios(root: Path, pulls: Sequence[Wanted]) -> tuple[float, float, str]:
    """Hits of a cache for a quarter of all images, and of one of blobs by their last use, to the most that can be."""
    images = {pull.repository: pull for pull in pulls}.values()
    limit = sum({blob: size for one in images for blob, size in one.blobs.items()}.values()) // 4
    index = Index(root)
    try:
        index.set_stage(GATHERED)
        cache = Cache(Stocked(index), limit)
        for number, one in enumerate(pulls):
            cache.pull(one, number * APART)
    finally:
        index.close()
    assert cache.broken == 0
    best = pull_trace.best_hits(pulls, limit)
    by_blobs = pull_trace.blob_lru_hits(pulls, limit, low_water=0.9) / best
    found = f"{cache.hits / best:.2f}x ({cache.hits / PULLS:.3f} of {best / PULLS:.3f}; blobs by use {by_blobs:.2f}x)"
    return cache.hits / best, by_blobs, found


@pytest.mark.parametrize("exponent", BOUNDS)
def test_whole_images_by_their_worth_come_close_to_the_best_possible(tmp_path: Path, exponent: float) -> None:
    pulls = pull_trace.zipf(pull_trace.images(IMAGES), PULLS, exponent)
    ratio, by_blobs, found = ratios(tmp_path, pulls)
    what = f"hits of {PULLS} pulls of {IMAGES} images (Zipf, {exponent}), room for a quarter, of the best possible"
    note(Row("F25", what, f"{BOUNDS[exponent]}x", found))
    assert ratio >= BOUNDS[exponent]
    assert ratio > by_blobs


def test_builds_that_nobody_pulls_any_more_make_room_for_the_next_ones(tmp_path: Path) -> None:
    pulls = pull_trace.zipf(pull_trace.images(IMAGES), PULLS, 1.0)
    ratio, by_blobs, found = ratios(tmp_path, pull_trace.with_builds(pulls, share=0.5, every=A_DAY))
    what = f"the same of {PULLS} pulls (Zipf, 1.0) where half of the images are built anew each day"
    note(Row("F25", what, "0.85x", found))
    assert ratio >= 0.85
    assert ratio > by_blobs


def test_a_mirror_that_is_too_small_fails_no_pull_and_holds_whole_images(tmp_path: Path) -> None:
    random_ = random.Random(1)
    size = 64 * 1024

    async def scenario() -> None:
        limit = 12 * size
        room = {"storage": {"max_size": f"{limit}B"}, "limits": {"manifest_size": "64KiB"}}
        async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url, room) as mirror:
            base = noise("base", size)
            images = [
                registry.push_image(
                    f"team/app{number}", "v1", [base, noise(f"own {number}", size), noise(f"{number}", size)]
                )
                for number in range(12)
            ]
            store = mirror.mirror.store

            async def pull(number: int) -> None:
                path = f"/v2/team/app{number}"
                one: Image = images[number]
                for reference in ("v1", one.digest):
                    assert (await mirror.get(f"{path}/manifests/{reference}"))[0].status == 200
                for digest in (one.config_digest, *one.layer_digests):
                    assert (await mirror.get(f"{path}/blobs/{digest}"))[0].status == 200

            for _ in range(60):
                await pull(min(int(random_.expovariate(0.4)), 11))
                await until(lambda: not len(mirror.mirror.pulls.fetches))  # a client has it all before it is published
                await store.flush()
                await store.evict()
                assert store.size <= limit
            held = await store.images.list()
            assert store.evicted > 0
            assert 0 < len(held) < len(images)
            assert [one.repository for one in held if one.missing] == []
            files = published(mirror.settings.storage.root)
            assert sum(str(one) in files for one in map(_own_layer, images)) == len(held)

    run_on("asyncio", scenario())


def _own_layer(image: Image) -> Digest:
    return image.layer_digests[1]


def test_images_of_a_frozen_mirror_stay_unless_the_operator_says_otherwise(tmp_path: Path) -> None:
    async def scenario() -> None:
        for allowed in (False, True):
            storage = {"storage": {"evict_unreachable": allowed}}
            root = tmp_path / str(allowed)
            root.mkdir()
            async with FakeRegistry() as registry, MirrorUnderTest(root, registry.url, storage) as mirror:
                registry.push_image("team/app", "v1", [])
                assert (await mirror.get("/v2/team/app/manifests/v1"))[0].status == 200
                await mirror.mirror.freezing.freeze("a test")
                choice = await mirror.mirror.store.house.plan(0)
                assert bool(choice.going) is allowed

    run_on("asyncio", scenario())
