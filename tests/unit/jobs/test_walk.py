"""An image is brought whole, for the platforms that are wanted, and what is missing is said."""

from __future__ import annotations

import json
import os
from pathlib import Path

from mirror.jobs.job import State
from mirror.oci.digest import Digest
from tests.support import content
from tests.support.content import Image
from tests.support.faults import Fault
from tests.support.orders import ALICE, APP, Ordered, end_of, order, ordered, sign


def push_index(ours: Ordered) -> list[Image]:
    """For amd64 and arm64, with a layer in common."""
    images = [ours.registry.push_image(APP, None, [b"common", name]) for name in (b"for amd64", b"for arm64")]
    ours.registry.push_index(APP, "v1", images)
    return images


def push_list(ours: Ordered, below: list[Digest], number: int = 0, tag: str | None = None) -> Digest:
    """An index of indexes; those of another `number` have another digest."""
    entries = [{"mediaType": content.OCI_INDEX, "digest": str(digest), "size": 2} for digest in below]
    annotations = {"number": str(number)}
    listed = {"mediaType": content.OCI_INDEX, "manifests": entries, "annotations": annotations}
    body = json.dumps({"schemaVersion": 2, **listed}).encode()
    return ours.registry.push_manifest(APP, tag, body, content.OCI_INDEX)


async def test_all_that_an_image_is_made_of_is_stored_and_each_blob_fetched_once(tmp_path: Path) -> None:
    async with ordered(tmp_path) as ours:
        layers = [os.urandom(300_000), b"small", os.urandom(70_000)]
        image = ours.registry.push_image(APP, "v1", layers)
        job = await ours.pulled(order())
        assert end_of(job) == {
            "event": "end",
            "id": job.id,
            "image": "docker.io/library/app:v1",
            "state": State.DONE,
            "digest": str(image.digest),
        }
        blobs = [image.config_digest, *image.layer_digests]
        assert ours.digests(job) == {str(digest): "done" for digest in blobs}
        assert all(ours.mirror.mirror.store.blobs.knows(digest) for digest in [image.digest, *blobs])
        assert ours.registry.count("GET", "/blobs/") == len(blobs)


async def test_what_is_here_is_not_fetched_again(tmp_path: Path) -> None:
    async with ordered(tmp_path) as ours:
        ours.registry.push_image(APP, "v1", [b"a layer"])
        await ours.pulled(order())
        job = await ours.pulled(order())
        assert set(ours.digests(job).values()) == {"here"}
        assert ours.registry.count("GET", "/blobs/") == 2


async def test_a_blob_that_an_image_has_twice_is_brought_once(tmp_path: Path) -> None:
    async with ordered(tmp_path) as ours:
        image = ours.registry.push_image(APP, "v1", [b"twice", b"twice"])
        job = await ours.pulled(order())
        assert (job.state, len(ours.digests(job))) == (State.DONE, 2)
        assert ours.registry.count("GET", str(image.layer_digests[0])) == 1


async def test_only_the_platforms_that_are_wanted_are_brought(tmp_path: Path) -> None:
    async with ordered(tmp_path) as ours:
        amd64, arm64 = push_index(ours)
        job = await ours.pulled(order("docker.io/app:v1", "linux/arm64/v8"))
        assert job.state is State.DONE
        assert set(ours.digests(job)) == {str(arm64.config_digest), *map(str, arm64.layer_digests)}
        assert not ours.mirror.mirror.store.blobs.knows(amd64.digest)
        both = await ours.pulled(order())
        assert ours.digests(both)[str(amd64.config_digest)] == "done"
        assert ours.digests(both)[str(arm64.config_digest)] == "here"


async def test_an_image_for_other_platforms_says_for_which(tmp_path: Path) -> None:
    async with ordered(tmp_path) as ours:
        push_index(ours)
        job = await ours.pulled(order("docker.io/app:v1", "linux/s390x"))
        assert (job.state, end_of(job)["error"]) == (State.FAILED, "the image is not made for that platform")
        told = [change.line for change in job.board.since(0) if change.line["event"] == "platforms"]
        assert told == [{"event": "platforms", "platforms": ["linux/amd64", "linux/arm64"]}]
        assert ours.registry.count("GET", "/blobs/") == 0


async def test_what_refers_to_an_image_comes_along_when_it_is_wanted(tmp_path: Path) -> None:
    async with ordered(tmp_path) as ours:
        image = ours.registry.push_image(APP, "v1", [b"a layer"])
        ours.registry.referrers = True
        digest = sign(ours.registry, image)
        await ours.pulled(order())
        assert not ours.mirror.mirror.store.blobs.knows(digest)
        job = await ours.pulled(order(referrers=True))
        assert (job.state, ours.mirror.mirror.store.blobs.knows(digest)) == (State.DONE, True)
        assert sorted(ours.digests(job).values()) == ["done", "done", "here", "here"]


async def test_a_blob_that_does_not_come_fails_the_pull(tmp_path: Path) -> None:
    async with ordered(tmp_path) as ours:
        image = ours.registry.push_image(APP, "v1", [b"here", b"gone"])
        gone = image.layer_digests[1]
        ours.registry.fail(Fault(status=404), "", str(gone), times=None)
        job = await ours.pulled(order())
        assert (job.state, end_of(job)["code"]) == (State.FAILED, "BLOB_UNKNOWN")
        assert ours.digests(job)[str(gone)] == "failed"
        assert ours.registry.count("GET", str(gone)) >= 1


async def test_what_the_disk_does_not_keep_was_not_pulled(tmp_path: Path) -> None:
    async with ordered(tmp_path, {"storage": {"min_free": "1000TiB"}}) as ours:
        ours.registry.push_image(APP, "v1", [os.urandom(300_000)])
        job = await ours.pulled(order())
        assert job.state is State.FAILED
        assert "no room for it" in end_of(job)["error"]
        assert ours.registry.bytes_sent >= 300_000


async def test_a_manifest_that_is_listed_again_and_again_is_looked_for_once(tmp_path: Path) -> None:
    async with ordered(tmp_path, {"upstreams": {"docker.io": {"insecure": True}}}) as ours:
        ours.registry.require_basic(ALICE.username, ALICE.password)
        shared = push_list(ours, [])
        above = [push_list(ours, [shared], number) for number in range(5)]
        push_list(ours, above, tag="v1")
        job = await ours.pulled(order(), ALICE)
        assert job.state is State.DONE
        assert ours.registry.count("GET", f"/manifests/{shared}") == 1


async def test_of_very_many_platforms_the_first_are_told(tmp_path: Path) -> None:
    async with ordered(tmp_path) as ours:
        entries = [
            {
                "mediaType": content.OCI_MANIFEST,
                "digest": str(Digest.of(b"%d" % number)),
                "size": 2,
                "platform": {"os": "linux", "architecture": f"a{number:04}"},
            }
            for number in range(2000)
        ]
        body = json.dumps({"schemaVersion": 2, "mediaType": content.OCI_INDEX, "manifests": entries}).encode()
        ours.registry.push_manifest(APP, "v1", body, content.OCI_INDEX)
        job = await ours.pulled(order("docker.io/app:v1", "linux/s390x"))
        (told,) = [change.line for change in job.board.since(0) if change.line["event"] == "platforms"]
        assert len(told["platforms"]) == 100


async def test_an_index_that_lists_itself_ends(tmp_path: Path) -> None:
    async with ordered(tmp_path) as ours:
        below = ours.registry.push_index(APP, None, [])
        for _ in range(12):
            below = push_list(ours, [below], tag="v1")
        job = await ours.pulled(order())
        assert (job.state, end_of(job)["code"]) == (State.FAILED, "BAD_UPSTREAM")
        assert ours.registry.count("GET", "/manifests/") < 12
