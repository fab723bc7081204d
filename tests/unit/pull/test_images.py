"""Which blobs belong together: by manifests that were handed out, for the repository they were handed out for."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mirror.oci.digest import Digest
from mirror.pull.content import Manifest
from mirror.pull.images import Images, Part
from mirror.pull.upstreams import Target
from tests.support import content
from tests.support.pulling import Pulling, pulling

IMAGE = content.OCI_MANIFEST
CONFIG, FIRST, SECOND, THIRD = b"{}", b"first", b"second", b"third"


def manifest(*layers: dict[str, object], config: bytes = CONFIG, media_type: str = IMAGE) -> Manifest:
    document = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": content.descriptor(content.OCI_CONFIG, config),
        "layers": list(layers),
    }
    return whole(json.dumps(document).encode(), media_type)


def whole(body: bytes, media_type: str) -> Manifest:
    return Manifest(Digest.of(body), media_type, len(body), body)


def layer(data: bytes, media_type: str = content.OCI_LAYER, **more: object) -> dict[str, object]:
    return {**content.descriptor(media_type, data), **more}


def part(data: bytes) -> Part:
    return Part(Digest.of(data), len(data))


@pytest.fixture
async def pull(tmp_path: Path) -> AsyncIterator[Pulling]:
    async with pulling(tmp_path, one="http://127.0.0.1:9", two="http://127.0.0.1:9") as pull:
        yield pull


@pytest.fixture
def target(pull: Pulling) -> Target:
    return pull.target()


def test_an_image_is_its_config_and_its_layers_each_once(target: Target) -> None:
    images = Images()
    images.note(target, manifest(layer(FIRST), layer(SECOND), layer(FIRST)))
    image = images.holding(target, Digest.of(SECOND))
    assert image is not None
    assert image.parts == (part(CONFIG), part(FIRST), part(SECOND))
    assert image is images.holding(target, Digest.of(CONFIG))
    assert images.size(target, Digest.of(SECOND)) == len(SECOND)


def test_what_lies_behind_comes_before_what_lies_before(target: Target) -> None:
    images = Images()
    images.note(target, manifest(layer(FIRST), layer(SECOND), layer(THIRD)))
    image = images.holding(target, Digest.of(SECOND))
    assert image is not None
    assert list(image.behind(Digest.of(SECOND))) == [part(THIRD), part(CONFIG), part(FIRST)]
    assert list(image.behind(Digest.of(CONFIG))) == [part(FIRST), part(SECOND), part(THIRD)]
    assert list(image.behind(Digest.of(THIRD))) == [part(CONFIG), part(FIRST), part(SECOND)]


def test_it_is_of_that_repository_of_that_upstream_alone(pull: Pulling) -> None:
    images = Images()
    images.note(pull.target("a/b"), manifest(layer(FIRST)))
    for other in (pull.target("c/d"), pull.target("a/b", "two")):
        assert images.holding(other, Digest.of(FIRST)) is None
        assert images.size(other, Digest.of(FIRST)) is None


def test_of_two_images_with_one_blob_it_is_the_one_that_was_handed_out_last(target: Target) -> None:
    images = Images()
    older, newer = manifest(layer(FIRST), layer(SECOND)), manifest(layer(FIRST), layer(THIRD), config=b"{ }")
    for handed_out, parts in ((older, 3), (newer, 3), (older, 3)):
        images.note(target, handed_out)
        image = images.holding(target, Digest.of(FIRST))
        assert image is not None
        assert len(image.parts) == parts
        assert (part(SECOND) in image.parts) == (handed_out is older)


@pytest.mark.parametrize(
    "foreign",
    [
        layer(SECOND, urls=["https://example.com/layer"]),
        layer(SECOND, "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"),
        layer(SECOND, "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"),
    ],
    ids=["urls", "Docker's", "OCI's"],
)
def test_what_the_registry_need_not_have_is_left_out(target: Target, foreign: dict[str, object]) -> None:
    images = Images()
    images.note(target, manifest(layer(FIRST), foreign))
    image = images.holding(target, Digest.of(FIRST))
    assert image is not None
    assert part(SECOND) not in image.parts
    assert images.holding(target, Digest.of(SECOND)) is None


def test_an_index_is_no_image(target: Target) -> None:
    images = Images()
    inner = content.Image(Digest.of(FIRST), FIRST, IMAGE, Digest.of(CONFIG), ())
    images.note(target, whole(content.index([inner]), content.OCI_INDEX))
    assert images.holding(target, Digest.of(FIRST)) is None


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b'{"schemaVersion": 2, "config": 5, "layers": 7}', b'{"a": 1, "a": 2}', b'{"layers": []}'],
)
def test_what_is_no_image_is_passed_over(target: Target, body: bytes) -> None:
    images = Images()
    images.note(target, whole(body, IMAGE))
    images.note(target, Manifest(Digest.of(body), IMAGE, 5, None))
    images.note(target, manifest(layer(FIRST)))
    assert images.holding(target, Digest.of(FIRST)) is not None


def test_a_manifest_of_no_size_an_image_has_is_not_read(target: Target) -> None:
    images = Images()
    images.note(target, manifest(layer(FIRST, annotations={"a": "b" * 70_000})))
    assert images.holding(target, Digest.of(FIRST)) is None


def test_so_many_are_remembered_and_the_one_longest_not_asked_for_goes_first(target: Target) -> None:
    images = Images(most=6)
    many = [manifest(layer(b"%d" % number), config=b"config %d" % number) for number in range(4)]
    for handed_out in (many[0], many[1], many[2], many[0], many[3]):
        images.note(target, handed_out)
    there = [images.holding(target, Digest.of(b"%d" % number)) is not None for number in range(4)]
    assert there == [True, False, True, True]
    assert images.size(target, Digest.of(b"config 1")) is None


def test_a_blob_that_two_have_stays_with_the_one_that_stays(target: Target) -> None:
    images = Images(most=4)
    images.note(target, manifest(layer(FIRST), layer(SECOND)))
    images.note(target, manifest(layer(FIRST), layer(THIRD), config=b"another"))
    assert images.size(target, Digest.of(SECOND)) is None
    assert images.size(target, Digest.of(FIRST)) == len(FIRST)


def test_what_would_push_out_everything_is_not_remembered(target: Target) -> None:
    images = Images(most=3)
    images.note(target, manifest(layer(FIRST)))
    images.note(target, manifest(*(layer(b"%d" % number) for number in range(5))))
    assert images.size(target, Digest.of(FIRST)) == len(FIRST)
