"""Answers that are no manifest, or not this one: nothing wrong is said, kept, or lasts.

What can go wrong with every kind of request is in `troubles`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from mirror.oci.digest import Digest
from mirror.oci.media_types import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from mirror.upstream.surroundings import Surroundings
from tests.support.caches import published
from tests.support.checker import Cache, got
from tests.support.clock import Ahead
from tests.support.content import Image
from tests.support.documents import IMAGE, INDEX, body
from tests.support.faults import Fault
from tests.support.mirror import MirrorUnderTest
from tests.support.registry import FakeRegistry

LARGEST = 64 * 1024
SETTINGS = {
    "limits": {"manifest_size": LARGEST, "first_byte_timeout": "1s", "read_timeout": "1s"},
    "upstreams": {"docker.io": {"not_found_ttl": "0s"}},
}
PAGE = b"<html><body>Welcome to the hotel's network</body></html>"
ANOTHER = body(IMAGE, annotations={"x": "another"})
NOT_SAID: dict[str, str | None] = {"Docker-Content-Digest": None}


@dataclass(frozen=True, slots=True)
class Heard:
    """The status that clients hear, by tag and by digest."""

    by_tag: int
    by_digest: int


BAD = Heard(502, 502)
TROUBLE: dict[str, tuple[Fault, Heard]] = {
    # not a manifest
    "page, called a manifest": (Fault(body=PAGE, headers=NOT_SAID), BAD),
    "page, with the right digest": (Fault(body=PAGE, headers={"Content-Type": "text/html"}), BAD),
    "error with 200": (Fault(body=b'{"errors":[]}', headers={"Content-Type": "application/json", **NOT_SAID}), BAD),
    "a vendor's error with 200": (
        Fault(body=b"{}", headers={"Content-Type": "application/vnd.api+json", **NOT_SAID}),
        BAD,
    ),
    "no schemaVersion": (Fault(body=b'{"config":{}}', headers=NOT_SAID), BAD),
    # not the one that was meant
    "another manifest": (Fault(body=ANOTHER), BAD),
    "another manifest, and no digest": (Fault(body=ANOTHER, headers=NOT_SAID), Heard(200, 502)),
    "another digest": (Fault(headers={"Docker-Content-Digest": str(Digest.of(ANOTHER))}), Heard(502, 200)),
    # not all of it, or too much of it
    "ended by the connection": (Fault(headers={"Content-Length": None}, cut_at=10_000), Heard(200, 200)),
    "ended by the connection, and no digest": (
        Fault(headers={"Content-Length": None, **NOT_SAID}, cut_at=10_000),
        Heard(502, 200),
    ),
    "ended by the connection, too early": (Fault(headers={"Content-Length": None}, cut_at=100), BAD),
    "chunked, and cut": (Fault(chunked=True, cut_at=10), BAD),
    "too large": (Fault(body=body(IMAGE, annotations={"x": "y" * LARGEST}), headers=NOT_SAID), BAD),
    "too large, and chunked": (Fault(body=b" " * (LARGEST + 1), chunked=True, headers=NOT_SAID), BAD),
    "another type": (Fault(headers={"Content-Type": OCI_INDEX}), BAD),
    # refused
    "401 with a challenge": (Fault(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'}), Heard(403, 403)),
}
LEFT_ALONE = 600.0  # seconds for which nothing is asked of a registry that is down, at the very most


@pytest.mark.parametrize(("fault", "heard"), TROUBLE.values(), ids=TROUBLE)
async def test_nothing_wrong_is_said_or_kept_and_the_next_is_right(tmp_path: Path, fault: Fault, heard: Heard) -> None:
    clock = Ahead()
    async with (
        FakeRegistry() as registry,
        MirrorUnderTest(tmp_path, registry.url, SETTINGS, Surroundings(clock=clock)) as mirror,
    ):
        image = registry.push_image("a/b", "latest", [])
        registry.fail(fault, path="/manifests/", times=None)
        for reference, status in ((image.digest, heard.by_digest), ("latest", heard.by_tag)):
            path = f"/v2/a/b/manifests/{reference}"
            answer = await got(mirror, path)
            assert (answer.status, answer.complete) == (status, True)
            assert "www-authenticate" not in answer.headers
            assert PAGE not in answer.body
            if status == 200:
                assert answer.headers["docker-content-digest"] == str(Digest.of(answer.body))
            else:
                assert json.loads(answer.body)["errors"]
            clock.advance(LEFT_ALONE)
            assert (await mirror.head(path)).status in (status, 200)
            clock.advance(LEFT_ALONE)
        assert Cache.of(mirror).wrong == []
        registry.heal()
        await is_right(mirror, image, "latest" if heard.by_tag != 200 else None)
    assert Cache.of(mirror).wrong == []
    assert Cache.of(mirror).under_way == []


async def is_right(mirror: MirrorUnderTest, image: Image, tag: str | None) -> None:
    """What was pushed is what clients get, by digest and by tag."""
    for reference in (str(image.digest), *([tag] if tag else [])):
        path = f"/v2/a/b/manifests/{reference}"
        answer = await got(mirror, path)
        assert (answer.status, answer.body) == (200, image.manifest_body)
        assert answer.headers["content-type"] == image.media_type
        assert answer.headers["docker-content-digest"] == str(image.digest)
        assert (await mirror.head(path)).headers["Content-Length"] == str(len(image.manifest_body))


async def test_how_long_to_wait_is_passed_on(tmp_path: Path) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url) as mirror:
        registry.fail(Fault(status=429, headers={"Retry-After": "7"}), times=None)
        answer = await got(mirror, "/v2/a/b/manifests/latest")
        assert (answer.status, answer.headers["retry-after"]) == (503, "7")
        assert json.loads(answer.body)["errors"][0]["code"] == "TOOMANYREQUESTS"


AMBIGUOUS = {
    "layers and manifests": (body(IMAGE | INDEX), OCI_MANIFEST),
    "layers and manifests, an index": (body(INDEX, layers=[]), OCI_INDEX),
    "another mediaType": (body(IMAGE, mediaType=DOCKER_MANIFEST), OCI_MANIFEST),
    "an index called an image": (body(INDEX), OCI_MANIFEST),
    "an image called an index": (body(IMAGE), OCI_INDEX),
    "a key twice": (body(IMAGE)[:-1] + b',"layers":[]}', OCI_MANIFEST),
    "a key in another case": (body(IMAGE, Config={}), OCI_MANIFEST),
    "the other schemaVersion": (body(IMAGE, schemaVersion=1), DOCKER_MANIFEST),
    "no JSON": (b"{", OCI_MANIFEST),
    "no manifest's type": (body(IMAGE), "application/vnd.oci.image.layer.v1.tar"),
}


@pytest.mark.parametrize(("data", "media_type"), AMBIGUOUS.values(), ids=AMBIGUOUS)
async def test_what_may_mean_two_things_is_given_to_nobody(tmp_path: Path, data: bytes, media_type: str) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url, SETTINGS) as mirror:
        digest = registry.push_manifest("a/b", "latest", data, media_type)
        for reference in ("latest", digest):
            answer = await got(mirror, f"/v2/a/b/manifests/{reference}")
            assert answer.status == 502
            assert json.loads(answer.body)["errors"][0]["code"] == "BAD_UPSTREAM"
    assert published(Cache.of(mirror).root) == []


UNREAD = {
    "a vendor's": (b'{"a":[1,2.50,"\\u00e9"]}', "application/vnd.cncf.oras.artifact.manifest.v1+json"),
    "odd layers": (body(IMAGE, layers=[{"digest": "md5:1"}]), OCI_MANIFEST),
    "no config": (body({"schemaVersion": 2, "layers": []}), DOCKER_MANIFEST),
    "blanks and order": (b' {  "layers":[] ,"config": {} ,"schemaVersion" :2}\n', OCI_MANIFEST),
}


@pytest.mark.parametrize(("data", "media_type"), UNREAD.values(), ids=UNREAD)
async def test_what_cannot_be_read_is_passed_on_byte_by_byte(tmp_path: Path, data: bytes, media_type: str) -> None:
    async with FakeRegistry() as registry, MirrorUnderTest(tmp_path, registry.url, SETTINGS) as mirror:
        digest = registry.push_manifest("a/b", "latest", data, media_type)
        for reference in (digest, "latest", digest):
            answer = await got(mirror, f"/v2/a/b/manifests/{reference}")
            assert (answer.status, answer.body) == (200, data)
            assert answer.headers["content-type"] == media_type
            assert (await mirror.head(f"/v2/a/b/manifests/{reference}")).headers["Content-Type"] == media_type
