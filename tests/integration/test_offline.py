"""With the upstream gone, moved, or unwilling: what was pulled is pulled again, tags with a word why, others not."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from mirror.oci.digest import Digest
from mirror.oci.media_types import OCI_INDEX, OCI_MANIFEST, SCHEMA1_SIGNED
from tests.support import schema1
from tests.support.checker import Got, got
from tests.support.content import Image
from tests.support.documents import IMAGE, body
from tests.support.faults import Fault
from tests.support.mirror import MirrorUnderTest
from tests.support.registry import FakeRegistry

LAYER = Random(13).randbytes(300_000)


def tags(ttl: str, stale_for: str = "1h") -> dict[str, Any]:
    return {"upstreams": {"docker.io": {"tag_ttl": ttl, "stale_for": stale_for, "not_found_ttl": "1h"}}}


async def manifest(mirror: MirrorUnderTest, reference: object, **headers: str) -> Got:
    return await got(mirror, f"/v2/a/b/manifests/{reference}", **headers)


async def pull(mirror: MirrorUnderTest, image: Image, tag: str = "latest") -> Got:
    """As dockerd does it: HEAD by tag, GET by the digest that it named, then the blobs. The answer to the HEAD."""
    head = await mirror.head(f"/v2/a/b/manifests/{tag}")
    assert head.headers["Docker-Content-Digest"] == str(image.digest)
    assert (await manifest(mirror, image.digest)).body == image.manifest_body
    for digest in (image.config_digest, *image.layer_digests):
        assert digest.verifies((await got(mirror, f"/v2/a/b/blobs/{digest}")).body)
    return Got(head.status, {name.lower(): value for name, value in head.headers.items()}, b"", True)


@pytest.mark.parametrize("restart", [False, True], ids=["running on", "restarted"])
async def test_what_was_pulled_is_pulled_again_with_the_upstream_gone(tmp_path: Path, restart: bool) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url, tags("1h")) as mirror:
        image = registry.push_image("a/b", "latest", [LAYER])
        await pull(mirror, image)
        asked = registry.count()
        await registry.stop()
        if restart:
            await mirror.stop()
            await mirror.start()
        for _ in range(2):
            answer = await pull(mirror, image)
            assert answer.headers["cache-status"] == "mirror; hit"
            assert "warning" not in answer.headers
            assert (await manifest(mirror, "latest")).body == image.manifest_body
        assert registry.count() == asked


@pytest.mark.parametrize("restart", [False, True], ids=["running on", "restarted"])
async def test_a_tag_that_is_due_is_answered_with_a_word_why(tmp_path: Path, restart: bool) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url, tags("0s")) as mirror:
        image = registry.push_image("a/b", "latest", [LAYER])
        await pull(mirror, image)
        await registry.stop()
        if restart:
            await mirror.stop()
            await mirror.start()
        answer = await pull(mirror, image)
        assert answer.headers["warning"].startswith('299 - "docker.io does not answer; this tag was last checked ')
        assert answer.headers["cache-status"].startswith("mirror; hit; detail=stale; ttl=")
        await registry.start()
        assert "warning" not in (await pull(mirror, image)).headers


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_an_upstream_that_is_unwell_is_not_the_clients_trouble(tmp_path: Path, status: int) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url, tags("0s")) as mirror:
        image = registry.push_image("a/b", "latest", [LAYER])
        await pull(mirror, image)
        registry.fail(Fault(status=status), times=None)
        assert "warning" in (await pull(mirror, image)).headers
        assert (await manifest(mirror, "never-seen")).status == 503


async def test_beyond_the_bound_a_tag_is_refused_and_a_digest_is_not(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url, tags("0s", "0s")) as mirror:
        image = registry.push_image("a/b", "latest", [LAYER])
        await pull(mirror, image)
        await registry.stop()
        answer = await manifest(mirror, "latest")
        assert (answer.status, "retry-after" in answer.headers) == (503, True)
        assert (await manifest(mirror, image.digest)).body == image.manifest_body


@pytest.mark.parametrize(("status", "heard"), [(401, 403), (403, 403), (404, 404)])
async def test_a_refusal_is_no_outage(tmp_path: Path, status: int, heard: int) -> None:
    forgetful = {"upstreams": {"docker.io": {**tags("0s")["upstreams"]["docker.io"], "on_deleted": "forget"}}}
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url, forgetful) as mirror:
        image = registry.push_image("a/b", "latest", [LAYER])
        await pull(mirror, image)
        registry.fail(Fault(status=status), times=None)
        answer = await manifest(mirror, "latest")
        assert (answer.status, "www-authenticate" in answer.headers) == (heard, False)
        assert (await manifest(mirror, image.digest)).body == image.manifest_body
        registry.heal()
        # An absence is remembered for an hour here, and over a restart; a refusal not for a moment.
        assert (await manifest(mirror, "latest")).status == (404 if heard == 404 else 200)
        await mirror.stop()
        await mirror.start()
        assert (await manifest(mirror, "latest")).status == (404 if heard == 404 else 200)


@pytest.mark.parametrize("restart", [False, True], ids=["running on", "restarted"])
async def test_a_tag_that_the_upstream_has_deleted_is_served_with_a_word(tmp_path: Path, restart: bool) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url, tags("0s")) as mirror:
        image = registry.push_image("a/b", "latest", [LAYER])
        await pull(mirror, image)
        registry.delete_tag("a/b", "latest")
        for _ in range(2):
            answer = await pull(mirror, image)
            assert answer.headers["warning"].startswith('299 - "the upstream no longer has this tag; ')
            assert answer.headers["cache-status"].startswith("mirror; hit; detail=stale; ttl=")
            if restart:
                await mirror.stop()
                await mirror.start()
        assert (await manifest(mirror, "never-there")).status == 404


async def test_a_tag_that_moves_between_head_and_get_is_what_the_body_says(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url, tags("0s")) as mirror:
        first = registry.push_image("a/b", "latest", [b"first"])
        await pull(mirror, first)
        second = registry.push_image("a/b", None, [b"second"])
        registry.fail(Fault(headers={"Docker-Content-Digest": str(second.digest)}), "HEAD")
        third = registry.push_image("a/b", "latest", [b"third"])
        answer = await manifest(mirror, "latest")
        assert (answer.body, answer.headers["docker-content-digest"]) == (third.manifest_body, str(third.digest))
        await registry.stop()
        assert (await manifest(mirror, "latest")).body == third.manifest_body


@pytest.mark.parametrize("restart", [False, True], ids=["running on", "restarted"])
async def test_schema_1_is_byte_exact_by_tag_and_by_digest(tmp_path: Path, restart: bool) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url, tags("1h")) as mirror:
        registry.push_manifest("a/b", "old", schema1.SIGNED, SCHEMA1_SIGNED, schema1.DIGEST)
        for reference in ("old", schema1.DIGEST, "old", schema1.DIGEST):
            answer = await manifest(mirror, reference)
            assert (answer.status, answer.body) == (200, schema1.SIGNED)
            assert answer.headers["content-type"] == SCHEMA1_SIGNED
            assert answer.headers["docker-content-digest"] == str(schema1.DIGEST)
            if restart:
                await mirror.stop()
                await mirror.start()
        assert registry.count() == 1


async def test_sha512_is_kept_apart_from_sha256(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url, tags("1h")) as mirror:
        data = body(IMAGE)
        digest = Digest.of(data, "sha512")
        registry.push_manifest("a/b", "strong", data, OCI_MANIFEST, digest)
        for reference in ("strong", digest):
            answer = await manifest(mirror, reference)
            assert (answer.body, answer.headers["docker-content-digest"]) == (data, str(digest))
        assert registry.count() == 1
        assert (await manifest(mirror, Digest.of(data))).status == 404


async def test_whoever_takes_no_index_changes_nothing_for_the_others(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url, tags("1h")) as mirror:
        image = registry.push_image("a/b", None, [LAYER])
        index = registry.push_index("a/b", "latest", [image])
        registry.fail(Fault(), "GET")
        registry.fail(
            Fault(
                body=image.manifest_body,
                headers={"Content-Type": OCI_MANIFEST, "Docker-Content-Digest": str(image.digest)},
            ),
            "GET",
        )
        for _ in range(3):
            narrow = await manifest(mirror, "latest", Accept=OCI_MANIFEST)
            assert (narrow.body, narrow.headers["content-type"]) == (image.manifest_body, OCI_MANIFEST)
            wide = await manifest(mirror, "latest")
            assert (wide.headers["docker-content-digest"], wide.headers["content-type"]) == (str(index), OCI_INDEX)
        assert registry.count() == 2
