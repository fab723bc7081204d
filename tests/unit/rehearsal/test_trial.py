"""Under which names an image is tried, and which images nobody wants any more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mirror.rehearsal.content import Content, Larder
from mirror.rehearsal.terms import Terms
from mirror.rehearsal.trial import Trial
from mirror.store.pulled import Pulled
from mirror.store.tag_pins import TagPin
from tests.support.others import others_beside
from tests.support.rehearsing import Rehearsing, rehearsing
from tests.support.scenes import HOUR, MINUTE, POLICY

LARGE = b"layer" * 20_000


async def move(it: Rehearsing, tag: str, layer: bytes) -> str:
    """The tag is pulled where it has moved to; the digest that it had."""
    before = str((await it.it.get(tag)).manifest.digest)
    it.it.clock.advance(6 * MINUTE)
    it.push(tag, layer)
    assert await it.pull(tag)
    return before


async def test_an_image_is_told_of_by_each_tag_that_gives_it_or_by_its_digest(tmp_path: Path) -> None:
    async with rehearsing(tmp_path) as it:
        image = it.push("v1", LARGE)
        it.push("v2", LARGE)
        alone = it.push(None, b"another")
        assert await it.pull("v1")
        assert await it.pull("v2")
        assert await it.pull(alone.digest)
        await it.lose(image.layer_digests[0])
        assert await it.foretold(outage=MINUTE) == {
            "one/a/b:v1": ["blobs-missing"],
            "one/a/b:v2": ["blobs-missing"],
            f"one/a/b@{alone.digest}": [],
        }


async def test_what_nobody_pulled_since_its_tag_moved_on_is_passed_over(tmp_path: Path) -> None:
    async with rehearsing(tmp_path) as it:
        assert await it.pull()
        former = await move(it, "latest", LARGE)
        *images, end = await it.told(outage=MINUTE)
        assert [one["image"] for one in images] == ["one/a/b:latest"]
        assert (end["images"], end["survive"], end["passed_over"]) == (1, 1, 1)
        # By its digest somebody still pulls it.
        store = it.it.pull.store
        store.images.pulled(("one", "a/b", former), it.it.clock() + 1)
        assert set(await it.foretold(outage=MINUTE)) == {f"one/a/b@{former}", "one/a/b:latest"}


async def test_a_pinned_tag_is_one_of_the_image_that_it_is_pinned_to(tmp_path: Path) -> None:
    async with rehearsing(tmp_path) as it:
        assert await it.pull()
        former = await move(it, "latest", LARGE)
        it.it.pull.store.facts.pins.put(TagPin("one", "a/b", "latest", former, it.it.clock() + 1))
        *images, end = await it.told(outage=MINUTE)
        assert [(one["image"], one["digest"]) for one in images] == [("one/a/b:latest", former)]
        assert end["passed_over"] == 1


async def test_a_new_digest_has_to_be_whole_once_it_is_given(tmp_path: Path) -> None:
    async with rehearsing(tmp_path, replace(POLICY, hold=HOUR)) as it:
        assert await it.pull()
        it.it.clock.advance(10 * MINUTE)
        it.push("latest", LARGE)
        await it.it.get()  # which gives the former one, and knows the new one by its manifest
        assert await it.foretold(outage=10 * MINUTE) == {"one/a/b:latest": []}
        assert await it.foretold(outage=HOUR + MINUTE) == {"one/a/b:latest": ["blobs-missing"]}
        it.it.pull.contact.freeze()
        it.it.clock.advance(10 * MINUTE)
        assert await it.pull()
        it.it.clock.advance(51 * MINUTE)
        assert not await it.pull()


async def test_a_tag_that_runs_out_leaves_the_image_whole_by_its_digest(tmp_path: Path) -> None:
    async with rehearsing(tmp_path) as it:
        assert await it.pull()
        (document, _) = await it.told(outage=2 * HOUR)
        assert (document["survives"], document["whole"], document["orders"]) == (False, True, [])
        it.it.clock.advance(30 * MINUTE)
        (document, _) = await it.told(outage=HOUR)
        order = {"image": "one/a/b:latest", "platforms": [], "referrers": False}
        assert (document["survives"], document["orders"]) == (False, [order])


async def test_trying_gives_others_their_turn(tmp_path: Path) -> None:
    async with rehearsing(tmp_path) as it:
        image = it.push("v1", *[bytes([number]) * 100 for number in range(100)])
        assert await it.pull("v1", blobs=False)
        content = Content(Larder(it.stage.store, it.it.pull.pulls.shelf), it.it.pull.target())
        async with others_beside() as others:
            await content.look(image.digest)
        assert others.turns >= 3


@pytest.mark.parametrize(
    ("upstream", "are_here", "outcomes", "least"),
    [("one", True, 1000, 18), ("one", False, 0, 9), ("two", True, 1000, 9)],
)
async def test_many_tags_give_others_their_turn(
    tmp_path: Path, upstream: str, are_here: bool, outcomes: int, least: int
) -> None:
    async with rehearsing(tmp_path) as it:
        tags = tuple(f"t{number}" for number in range(1000))
        left = {} if are_here else dict.fromkeys(tags, 2.0)
        image = Pulled(upstream, "a/b", str(it.it.image.digest), tags if are_here else (), 1.0, False, (), left)
        trial = Trial(Larder(it.stage.store, it.it.pull.pulls.shelf), it.stage.upstreams, Terms(), it.it.clock)
        async with others_beside() as others:
            assert len([outcome async for outcome in trial.outcomes(image)]) == outcomes
        assert others.turns >= least
