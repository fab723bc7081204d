"""Manifests: what each kind names, and the documents that mean two things."""

from __future__ import annotations

import itertools
import json

import pytest

from mirror.oci.descriptor import Descriptor
from mirror.oci.manifest import Kind, Manifest, classify
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
from tests.support.documents import (
    ARTIFACT,
    CHILD,
    CONFIG,
    ELSEWHERE,
    FOREIGN,
    IMAGE,
    INDEX,
    LAYER,
    SCHEMA_1,
    Json,
    body,
    refused,
)


def described(*documents: Json) -> tuple[Descriptor, ...]:
    return tuple(Descriptor.parse(document) for document in documents)


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
    [
        None,
        "",
        "application/json",
        "application/json; charset=utf-8",
        "text/plain",
        "Application/Octet-Stream",
        "binary/octet-stream",
    ],
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
        "application/problem+json",
        "application/vnd.+json",
        "application/vnd.example",
        "application/vnd.example.v1+json+zstd",
        "image/vnd.example+json",
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


def test_lists_may_be_empty_and_layers_missing() -> None:
    assert classify(body(IMAGE, layers=[]), OCI_MANIFEST).blobs == described(CONFIG)
    assert classify(body(IMAGE, layers=None), OCI_MANIFEST).blobs == described(CONFIG)
    assert classify(body({"schemaVersion": 2, "config": CONFIG}), OCI_MANIFEST).blobs == described(CONFIG)
    assert classify(body(INDEX, manifests=[]), OCI_INDEX).manifests == ()
    assert classify(body(INDEX, manifests=None), OCI_INDEX).manifests == ()


def test_a_digest_of_another_algorithm_is_left_out_and_the_others_stay() -> None:
    assert classify(body(INDEX, manifests=[ELSEWHERE, CHILD], subject=ELSEWHERE), OCI_INDEX) == Manifest(
        OCI_INDEX, Kind.INDEX, manifests=described(CHILD)
    )


@pytest.mark.parametrize("content_type", [OCI_MANIFEST, "application/json", None])
@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"<html></html>", b"\xff", b'{"layers":' + b"[" * 100_000])
def test_bombs_and_error_pages_are_refused(content: bytes, content_type: str | None) -> None:
    assert refused(content, content_type)
