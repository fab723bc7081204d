"""Manifests: what each kind names, and the documents that mean two things."""

from __future__ import annotations

import itertools
import json

import pytest

from mirror.errors import Code, Malformed
from mirror.oci.descriptor import Descriptor
from mirror.oci.digest import Digest
from mirror.oci.manifest import DESCRIPTORS, Kind, Manifest, classify
from mirror.oci.media_types import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    MANIFEST_TYPES,
    OCI_ARTIFACT,
    OCI_INDEX,
    OCI_MANIFEST,
    SCHEMA1,
    SCHEMA1_SIGNED,
)

Json = dict[str, object]

CONFIG = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": str(Digest.of(b"config")), "size": 6}
LAYER = {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": str(Digest.of(b"layer")), "size": 5}
FOREIGN = {
    "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    "digest": str(Digest.of(b"windows")),
    "size": 7,
    "urls": ["http://169.254.169.254/latest/meta-data"],
}
CHILD = {
    "mediaType": OCI_MANIFEST,
    "digest": str(Digest.of(b"child", "sha512")),
    "size": 5,
    "platform": {"os": "linux"},
}
ELSEWHERE = {"mediaType": OCI_MANIFEST, "digest": "blake3:00", "size": 5}

IMAGE: Json = {"schemaVersion": 2, "config": CONFIG, "layers": [LAYER, FOREIGN]}
INDEX: Json = {"schemaVersion": 2, "manifests": [CHILD]}
ARTIFACT: Json = {"mediaType": OCI_ARTIFACT, "artifactType": "application/example", "blobs": [LAYER], "subject": CHILD}
SCHEMA_1: Json = {
    "schemaVersion": 1,
    "name": "a/b",
    "tag": "x",
    "fsLayers": [{"blobSum": LAYER["digest"]}],
    "history": [],
}


def described(*documents: Json) -> tuple[Descriptor, ...]:
    return tuple(Descriptor.parse(document) for document in documents)


def body(document: Json, **members: object) -> bytes:
    return json.dumps(document | members).encode()


def refused(content: bytes, content_type: str | None) -> bool:
    with pytest.raises(Malformed) as refusal:
        classify(content, content_type)
    return refusal.value.code is Code.BAD_UPSTREAM


@pytest.mark.parametrize("media_type", [OCI_MANIFEST, DOCKER_MANIFEST])
def test_an_image_names_its_config_and_its_layers(media_type: str) -> None:
    expected = Manifest(media_type, Kind.IMAGE, blobs=described(CONFIG, LAYER, FOREIGN))
    assert classify(body(IMAGE, mediaType=media_type), media_type) == expected
    assert classify(body(IMAGE), media_type) == expected


@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_LIST])
def test_an_index_names_its_manifests(media_type: str) -> None:
    expected = Manifest(media_type, Kind.INDEX, manifests=described(CHILD))
    assert classify(body(INDEX, mediaType=media_type), media_type) == expected
    assert classify(body(INDEX), media_type) == expected


def test_an_artifact_names_its_blobs_and_its_subject() -> None:
    (subject,) = described(CHILD)
    assert classify(body(ARTIFACT), OCI_ARTIFACT) == Manifest(
        OCI_ARTIFACT, Kind.ARTIFACT, blobs=described(LAYER), subject=subject
    )
    assert classify(b"{}", OCI_ARTIFACT) == Manifest(OCI_ARTIFACT, Kind.ARTIFACT)


@pytest.mark.parametrize(("document", "media_type"), [(IMAGE, OCI_MANIFEST), (INDEX, OCI_INDEX)])
def test_images_and_indexes_may_have_a_subject(document: Json, media_type: str) -> None:
    (subject,) = described(CHILD)
    assert classify(body(document, subject=CHILD), media_type).subject == subject
    assert classify(body(document, subject=None), media_type).subject is None


@pytest.mark.parametrize("media_type", [SCHEMA1, SCHEMA1_SIGNED])
def test_schema_1_keeps_the_type_that_it_came_with(media_type: str) -> None:
    assert classify(body(SCHEMA_1), media_type) == Manifest(media_type, Kind.SCHEMA1)


@pytest.mark.parametrize(
    "content_type",
    [None, "", "application/json", "application/json; charset=utf-8", "text/plain", "Application/Octet-Stream"],
)
def test_where_the_header_says_nothing_the_document_decides(content_type: str | None) -> None:
    for media_type in (OCI_MANIFEST, DOCKER_MANIFEST):
        assert classify(body(IMAGE, mediaType=media_type), content_type).media_type == media_type
    for media_type in (OCI_INDEX, DOCKER_LIST):
        assert classify(body(INDEX, mediaType=media_type), content_type).media_type == media_type
    assert classify(body(ARTIFACT), content_type).media_type == OCI_ARTIFACT
    assert classify(body(IMAGE), content_type).media_type == OCI_MANIFEST
    assert classify(body(INDEX, mediaType=""), content_type).media_type == OCI_INDEX
    assert classify(body(SCHEMA_1), content_type).media_type == SCHEMA1
    assert classify(body(SCHEMA_1, signatures=[{}]), content_type).media_type == SCHEMA1_SIGNED
    assert refused(b'{"schemaVersion":2}', content_type)
    assert refused(b'{"errors":[{"code":"DENIED"}]}', content_type)
    assert refused(body({"schemaVersion": 2, "blobs": []}), content_type)


def test_a_header_may_have_parameters_and_capitals() -> None:
    assert classify(body(IMAGE), f"{OCI_MANIFEST.upper()}; charset=utf-8").media_type == OCI_MANIFEST


@pytest.mark.parametrize(
    "content_type",
    [
        "text/html",
        "application/xml",
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.oci.image.manifest.v2+json",
        f"{OCI_MANIFEST}, {OCI_INDEX}",
        "*/*",
        "\x00",
    ],
)
def test_another_content_type_is_refused(content_type: str) -> None:
    assert refused(body(IMAGE, mediaType=OCI_MANIFEST), content_type)
    assert refused(body(IMAGE), content_type)


@pytest.mark.parametrize(("declared", "embedded"), list(itertools.permutations(sorted(MANIFEST_TYPES), 2)))
def test_header_and_document_must_agree(declared: str, embedded: str) -> None:
    for document in (IMAGE, INDEX, ARTIFACT, SCHEMA_1):
        assert refused(body(document, mediaType=embedded), declared)


@pytest.mark.parametrize(
    "media_type", [5, True, [], {}, "text/html", OCI_MANIFEST.upper(), f"{OCI_MANIFEST};a=b", "\ud800"]
)
@pytest.mark.parametrize("content_type", [OCI_MANIFEST, None])
def test_a_document_with_another_media_type_is_refused(media_type: object, content_type: str | None) -> None:
    assert refused(body(IMAGE, mediaType=media_type), content_type)


@pytest.mark.parametrize("content_type", [*sorted(MANIFEST_TYPES), None])
@pytest.mark.parametrize(
    "document",
    [
        IMAGE | INDEX,
        INDEX | {"layers": [LAYER]},
        INDEX | {"layers": []},
        INDEX | {"layers": None},
        INDEX | {"config": CONFIG},
        IMAGE | {"manifests": []},
        IMAGE | {"manifests": None},
        IMAGE | {"fsLayers": []},
        IMAGE | {"blobs": [LAYER]},
        INDEX | {"blobs": []},
        SCHEMA_1 | {"layers": [LAYER]},
        SCHEMA_1 | {"manifests": [CHILD]},
        INDEX | {"Layers": [LAYER]},
        INDEX | {"CONFIG": CONFIG},
        IMAGE | {"Manifests": [CHILD]},
        IMAGE | {"MediaType": OCI_MANIFEST},
        IMAGE | {"schemaversion": 2},
    ],
)
def test_a_document_that_means_two_things_is_refused(document: Json, content_type: str | None) -> None:
    assert refused(body(document), content_type)


@pytest.mark.parametrize("member", ["mediaType", "layers", "config", "schemaVersion", "annotations"])
def test_a_member_that_stands_there_twice_is_refused(member: str) -> None:
    document = IMAGE | {"mediaType": OCI_MANIFEST, "annotations": {}}
    twice = body(document)[:-1] + f',"{member}":'.encode() + json.dumps(document[member]).encode() + b"}"
    assert json.loads(twice) == document
    assert refused(twice, OCI_MANIFEST)


@pytest.mark.parametrize(("document", "media_type"), [(IMAGE, OCI_MANIFEST), (INDEX, OCI_INDEX), (SCHEMA_1, SCHEMA1)])
@pytest.mark.parametrize("version", [None, 0, 3, -2, "2", 2.0, 1.0, True, [2], {}])
def test_a_document_of_another_schema_version_is_refused(document: Json, media_type: str, version: object) -> None:
    assert refused(body(document, schemaVersion=version), media_type)


def test_schema_versions_are_not_exchangeable() -> None:
    assert refused(body(IMAGE, schemaVersion=1), DOCKER_MANIFEST)
    assert refused(body(SCHEMA_1, schemaVersion=2), SCHEMA1)


@pytest.mark.parametrize("media_type", [OCI_MANIFEST, OCI_INDEX, SCHEMA1])
def test_a_document_without_what_its_kind_is_made_of_is_refused(media_type: str) -> None:
    version = 1 if media_type == SCHEMA1 else 2
    assert refused(body({"schemaVersion": version}), media_type)


def test_lists_may_be_empty_and_layers_missing() -> None:
    assert classify(body(IMAGE, layers=[]), OCI_MANIFEST).blobs == described(CONFIG)
    assert classify(body(IMAGE, layers=None), OCI_MANIFEST).blobs == described(CONFIG)
    assert classify(body({"schemaVersion": 2, "config": CONFIG}), OCI_MANIFEST).blobs == described(CONFIG)
    assert classify(body(INDEX, manifests=[]), OCI_INDEX).manifests == ()
    assert classify(body(INDEX, manifests=None), OCI_INDEX).manifests == ()


@pytest.mark.parametrize("wrong", [5, "x", True, {}, [5], ["x"], [None], [[]], [{}], [LAYER | {"size": -1}]])
def test_members_of_the_wrong_type_are_refused(wrong: object) -> None:
    assert refused(body(IMAGE, layers=wrong), OCI_MANIFEST)
    assert refused(body(INDEX, manifests=wrong), OCI_INDEX)
    assert refused(body(ARTIFACT, blobs=wrong), OCI_ARTIFACT)


@pytest.mark.parametrize("wrong", [5, "x", True, {}, [], [CONFIG]])
def test_a_config_or_a_subject_of_the_wrong_type_is_refused(wrong: object) -> None:
    assert refused(body(IMAGE, config=wrong), OCI_MANIFEST)
    assert refused(body(IMAGE, subject=wrong), OCI_MANIFEST)


def test_a_config_cannot_be_null() -> None:
    assert refused(body(IMAGE, config=None), OCI_MANIFEST)


def test_a_digest_of_another_algorithm_is_left_out_and_the_others_stay() -> None:
    assert classify(body(INDEX, manifests=[ELSEWHERE, CHILD], subject=ELSEWHERE), OCI_INDEX) == Manifest(
        OCI_INDEX, Kind.INDEX, manifests=described(CHILD)
    )


def test_a_list_longer_than_any_manifest_has_reason_to_be_is_refused() -> None:
    assert len(classify(body(INDEX, manifests=[CHILD] * DESCRIPTORS), OCI_INDEX).manifests) == DESCRIPTORS
    assert refused(body(INDEX, manifests=[CHILD] * (DESCRIPTORS + 1)), OCI_INDEX)


@pytest.mark.parametrize("content_type", [OCI_MANIFEST, "application/json", None])
@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"<html></html>", b"\xff", b'{"layers":' + b"[" * 100_000])
def test_bombs_and_error_pages_are_refused(content: bytes, content_type: str | None) -> None:
    assert refused(content, content_type)
