"""Pulls of whole images through a mirror that runs ahead of its clients: what the registry behind it is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from mirror.oci.digest import Digest
from mirror.tasks import end, spawn
from tests.support.caches import under_way
from tests.support.checker import Got, got, until
from tests.support.content import Image
from tests.support.faults import Fault, Gate
from tests.support.figures import figure
from tests.support.mirror import MirrorUnderTest
from tests.support.registry import FakeRegistry
from tests.support.visits import asked, layers

REPOSITORY = "team/app"
EVERYTHING = [*map(str, range(30)), "config"]


def path(digest: Digest, kind: str = "blobs") -> str:
    return f"/v2/{REPOSITORY}/{kind}/{digest}"


async def pulled(mirror: MirrorUnderTest, image: Image, at_once: int = 3) -> list[Got]:
    """The image as dockerd pulls it: the tag, then config and layers, so many at a time."""
    answer = await got(mirror, f"/v2/{REPOSITORY}/manifests/v1")
    assert answer.body == image.manifest_body
    places = asyncio.Semaphore(at_once)

    async def one(digest: Digest) -> Got:
        async with places:
            return await got(mirror, path(digest))

    return list(await asyncio.gather(*map(one, (image.config_digest, *image.layer_digests))))


async def idle(mirror: MirrorUnderTest) -> None:
    """Wait until nothing is fetched any more."""
    await until(lambda: len(mirror.mirror.pulls.fetches) == 0)


def gated(registry: FakeRegistry) -> Gate:
    gate = Gate(100_000)
    registry.fail(Fault(gate=gate), "GET", "/blobs/", times=None)
    return gate


async def test_a_client_that_takes_three_at_a_time_has_nine_fetched_at_a_time(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url) as mirror:
        contents = layers(30)
        image = registry.push_image(REPOSITORY, "v1", contents)
        gate = gated(registry)
        pull = spawn(pulled(mirror, image), "client")
        await registry.arrived("GET", "/blobs/", times=9)
        await until(lambda: mirror.mirror.pulls.fetches.joined == 2)
        assert len(mirror.mirror.pulls.fetches) == 9
        assert set(asked(registry, image)) == {"config", *map(str, range(8))}
        gate.open()
        answers = await pull
        assert [answer.body for answer in answers[1:]] == contents
        assert all(answer.whole for answer in answers)
        await idle(mirror)
        assert sorted(asked(registry, image)) == sorted(EVERYTHING)
        assert registry.bytes_sent == sum(len(answer.body) for answer in answers)
        metrics = mirror.mirror.metrics.render()
        blobs, used = (figure(metrics, f"mirror_prefetched_{name}_total") for name in ("blobs", "used"))
        assert blobs == used
        assert blobs
        assert 20 <= blobs <= 30


async def test_many_clients_of_one_image_have_each_blob_fetched_once(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url) as mirror:
        contents = layers(30)
        image = registry.push_image(REPOSITORY, "v1", contents)
        for answers in await asyncio.gather(*(pulled(mirror, image) for _ in range(16))):
            assert [answer.body for answer in answers[1:]] == contents
        await idle(mirror)
        assert sorted(asked(registry, image)) == sorted(EVERYTHING)


async def test_who_asks_for_no_blob_has_none_fetched(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url) as mirror:
        image = registry.push_image(REPOSITORY, "v1", layers(5))
        tag = f"/v2/{REPOSITORY}/manifests/v1"
        for target in (tag, path(image.digest, "manifests"), tag):
            assert (await mirror.get(target))[0].status == 200
            assert (await mirror.head(target)).status == 200
        assert (await mirror.head(path(image.layer_digests[0]))).status == 200
        assert (await mirror.head(path(image.config_digest))).status == 200
        await idle(mirror)
        assert registry.count("GET", "/blobs/") == 0


@pytest.mark.parametrize(
    ("wanted", "number"), [("bytes=0-99", 1), ("bytes=1000-", 1), ("bytes=-100", 1), ("bytes=0-", 6), ("bytes=x", 6)]
)
async def test_a_lazy_puller_has_nothing_fetched_but_what_it_asks_for(tmp_path: Path, wanted: str, number: int) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url) as mirror:
        image = registry.push_image(REPOSITORY, "v1", layers(5))
        await mirror.get(f"/v2/{REPOSITORY}/manifests/v1")
        assert (await mirror.get(path(image.layer_digests[0]), Range=wanted))[0].status in (200, 206)
        await idle(mirror)
        assert len(asked(registry, image)) == number


@pytest.mark.parametrize(
    "overrides",
    [
        {"prefetch": "off"},
        {"upstreams": {"docker.io": {"prefetch": "off"}}},
        {"upstreams": {"docker.io": {"request_rate": "1000/s"}}},
        {"limits": {"prefetch": 0}},
        {"limits": {"fetches_per_upstream": 1}},
    ],
)
async def test_it_can_be_switched_off(tmp_path: Path, overrides: dict[str, Any]) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url, overrides) as mirror:
        image = registry.push_image(REPOSITORY, "v1", layers(5))
        await mirror.get(f"/v2/{REPOSITORY}/manifests/v1")
        await mirror.get(path(image.layer_digests[0]))
        await idle(mirror)
        assert asked(registry, image) == ["0"]


async def test_what_is_pulled_is_one_platform_of_an_index(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url) as mirror:
        images = [registry.push_image(REPOSITORY, None, layers(3, seed)) for seed in range(2)]
        registry.push_index(REPOSITORY, "v1", images)
        await mirror.get(f"/v2/{REPOSITORY}/manifests/v1")
        await mirror.get(path(images[1].digest, "manifests"))
        await mirror.get(path(images[1].layer_digests[0]))
        await idle(mirror)
        assert asked(registry, images[0]) == []
        assert len(asked(registry, images[1])) == 4


async def test_an_upstream_that_goes_away_in_the_middle_is_left_alone(tmp_path: Path) -> None:
    limits = {"limits": {"resumes": 0}}
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url, limits) as mirror:
        image = registry.push_image(REPOSITORY, "v1", layers(30))
        gated(registry)
        pull = spawn(pulled(mirror, image), "client")
        await registry.arrived("GET", "/blobs/", times=9)
        await registry.stop()
        assert {answer.status for answer in await pull} <= {502, 503}
        await idle(mirror)
        assert len(asked(registry, image)) == len(set(asked(registry, image))) <= 9


async def left(mirror: MirrorUnderTest, registry: FakeRegistry, image: Image) -> None:
    """A client that takes the manifest and begins with a layer, and is gone."""
    await mirror.get(f"/v2/{REPOSITORY}/manifests/v1")
    client = spawn(got(mirror, path(image.layer_digests[0])), "client")
    await registry.arrived("GET", "/blobs/", times=7)
    await end(client)


async def test_when_the_client_leaves_what_is_under_way_is_all_that_comes(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url) as mirror:
        image = registry.push_image(REPOSITORY, "v1", layers(30, size=200_000))
        gate = gated(registry)
        await left(mirror, registry, image)
        await until(lambda: figure(mirror.mirror.metrics.render(), "mirror_client_connections") == 0)
        await mirror.get("/v2/")  # whatever follows from that has followed
        gate.open()
        await idle(mirror)
        assert len(asked(registry, image)) == 7
        assert under_way(mirror.settings.storage.root) == []
        assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("fetch:")]
        assert mirror.mirror.pulls.prefetch.blobs == 6


async def test_a_line_of_the_log_says_what_was_fetched_before_it_was_asked_for(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url) as mirror:
        image = registry.push_image(REPOSITORY, "v1", layers(2))
        await mirror.get(f"/v2/{REPOSITORY}/manifests/v1")
        with capture_logs() as lines:
            answer, _ = await mirror.get(path(image.layer_digests[0]))
            await idle(mirror)
        told = {line["reference"]: line for line in lines if line["event"] == "asked upstream"}
        assert {line["request_id"] for line in told.values()} == {answer.headers["X-Request-ID"]}
        ahead = {str(image.layer_digests[1]), str(image.config_digest)}
        assert {name for name, line in told.items() if line.get("prefetch")} == ahead
        assert str(image.layer_digests[0]) in told


async def outcomes(mirror: MirrorUnderTest, digests: Sequence[Digest]) -> list[str]:
    return [(await mirror.get(path(digest)))[0].headers["Cache-Status"] for digest in digests]


async def test_the_client_is_told_how_it_was_come_by(tmp_path: Path) -> None:
    """A hit where it is whole by then; the request that began its own fetch is the only miss."""
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url) as mirror:
        image = registry.push_image(REPOSITORY, "v1", layers(4))
        await mirror.get(f"/v2/{REPOSITORY}/manifests/v1")
        first = await outcomes(mirror, image.layer_digests[:1])
        await idle(mirror)
        others = await outcomes(mirror, image.layer_digests[1:])
        assert first == ["mirror; fwd=miss"]
        assert all(status.startswith("mirror; hit") for status in others)
