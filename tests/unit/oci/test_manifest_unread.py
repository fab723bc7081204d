"""Manifests that are passed on for what they say that they are: of unknown kinds, or not as their kind should be."""

from __future__ import annotations

import pytest

from mirror.oci.manifest import DESCRIPTORS, Kind, Manifest, classify
from mirror.oci.media_types import DOCKER_MANIFEST, OCI_ARTIFACT, OCI_INDEX, OCI_MANIFEST, SCHEMA1
from tests.support.documents import ARTIFACT, CHILD, CONFIG, IMAGE, INDEX, LAYER, SCHEMA_1, Json, body, refused

VENDORS = ("application/vnd.cncf.oras.artifact.manifest.v1+json", "application/vnd.oci.image.manifest.v2+json")


def unread(content: bytes, content_type: str | None) -> bool:
    """Whether it is passed on for what it says that it is, and nothing in it is read."""
    found = classify(content, content_type)
    return found == Manifest(found.media_type, Kind.OTHER)


@pytest.mark.parametrize("media_type", VENDORS)
@pytest.mark.parametrize("document", [IMAGE, INDEX, ARTIFACT | {"mediaType": None}, {"errors": 5}, {}])
def test_a_manifest_of_a_kind_that_is_not_known_is_passed_unread(media_type: str, document: Json) -> None:
    expected = Manifest(media_type, Kind.OTHER)
    assert classify(body(document), media_type) == expected
    assert classify(body(document, mediaType=media_type), media_type.upper()) == expected
    assert classify(body(document, mediaType=media_type), "application/json") == expected
    assert classify(body(document, mediaType=media_type), None) == expected


def test_a_kind_that_is_not_known_must_be_told_alike_by_header_and_document() -> None:
    vendor, other = VENDORS
    assert refused(body(IMAGE, mediaType=other), vendor)
    assert refused(body(IMAGE, mediaType=OCI_MANIFEST), vendor)
    assert refused(body(IMAGE, mediaType=vendor), OCI_MANIFEST)
    assert refused(body(IMAGE, mediaType=5), vendor)
    assert refused(body(IMAGE | INDEX), vendor)
    assert refused(body(SCHEMA_1 | INDEX, mediaType=vendor), None)
    assert refused(body(IMAGE, Layers=[]), vendor)
    assert refused(b"<html></html>", vendor)


@pytest.mark.parametrize(("document", "media_type"), [(IMAGE, OCI_MANIFEST), (INDEX, OCI_INDEX), (SCHEMA_1, SCHEMA1)])
@pytest.mark.parametrize("version", [None, 0, 3, -2, "2", [2], {}])
def test_a_document_of_another_schema_version_is_unread(document: Json, media_type: str, version: object) -> None:
    assert unread(body(document, schemaVersion=version), media_type)


def test_schema_versions_are_not_exchangeable() -> None:
    for version in (1, 1.0, True):
        assert refused(body(IMAGE, schemaVersion=version), DOCKER_MANIFEST)
        assert refused(body(INDEX, schemaVersion=version), OCI_INDEX)
    for version in (2, 2.0):
        assert refused(body(SCHEMA_1, schemaVersion=version), SCHEMA1)
    assert unread(body(IMAGE, schemaVersion=2.0), DOCKER_MANIFEST)
    assert unread(body(SCHEMA_1, schemaVersion=True), SCHEMA1)


@pytest.mark.parametrize("media_type", [OCI_MANIFEST, OCI_INDEX, SCHEMA1])
def test_a_document_without_what_its_kind_is_made_of_is_unread(media_type: str) -> None:
    version = 1 if media_type == SCHEMA1 else 2
    assert unread(body({"schemaVersion": version}), media_type)


@pytest.mark.parametrize("wrong", [5, "x", True, {}, [5], ["x"], [None], [[]], [{}], [LAYER | {"size": -1}]])
def test_members_of_the_wrong_type_are_unread(wrong: object) -> None:
    assert unread(body(IMAGE, layers=wrong), OCI_MANIFEST)
    assert unread(body(INDEX, manifests=wrong), OCI_INDEX)
    assert unread(body(ARTIFACT, blobs=wrong), OCI_ARTIFACT)


@pytest.mark.parametrize("wrong", [5, "x", True, {}, [], [CONFIG]])
def test_a_config_or_a_subject_of_the_wrong_type_is_unread(wrong: object) -> None:
    assert unread(body(IMAGE, config=wrong), OCI_MANIFEST)
    assert unread(body(IMAGE, subject=wrong), OCI_MANIFEST)


def test_a_document_whose_config_is_null_is_unread() -> None:
    assert unread(body(IMAGE, config=None), OCI_MANIFEST)


def test_a_document_with_a_list_longer_than_it_has_reason_to_be_is_unread() -> None:
    assert len(classify(body(INDEX, manifests=[CHILD] * DESCRIPTORS), OCI_INDEX).manifests) == DESCRIPTORS
    assert unread(body(INDEX, manifests=[CHILD] * (DESCRIPTORS + 1)), OCI_INDEX)
