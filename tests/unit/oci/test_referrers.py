"""Lists of referrers: read whole or not at all, filtered, and written so that equal lists are equal bytes."""

from __future__ import annotations

import json

import pytest

from mirror.errors import Code, Malformed
from mirror.oci.digest import Digest
from mirror.oci.media_types import DOCKER_LIST, OCI_INDEX, OCI_MANIFEST
from mirror.oci.referrers import Referrer, each_once, of_type, parse_referrers, referrers_tag, written

SIGNATURE = "application/vnd.example.signature.v1"
DIGEST = str(Digest.of(b"signature"))
ENTRY = {"mediaType": OCI_MANIFEST, "digest": DIGEST, "size": 5}
FULL = ENTRY | {"artifactType": SIGNATURE, "annotations": {"when": "now\n", "by": "jörg"}}


def index(*entries: object, **members: object) -> bytes:
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(entries)}
    return json.dumps(document | members).encode()


def test_a_list_is_read() -> None:
    found = parse_referrers(index(FULL, ENTRY | {"digest": str(Digest.of(b"sbom", "sha512"))}), OCI_INDEX)
    assert found == (
        Referrer(OCI_MANIFEST, DIGEST, 5, SIGNATURE, {"when": "now\n", "by": "jörg"}),
        Referrer(OCI_MANIFEST, str(Digest.of(b"sbom", "sha512")), 5),
    )


@pytest.mark.parametrize("entries", [[], None])
def test_an_empty_list_is_one(entries: object) -> None:
    assert parse_referrers(index(manifests=entries), OCI_INDEX) == ()


@pytest.mark.parametrize("content_type", [None, "", "application/json; charset=utf-8", "text/plain"])
def test_a_header_that_says_nothing_leaves_it_to_the_document(content_type: str | None) -> None:
    assert len(parse_referrers(index(ENTRY), content_type)) == 1
    with pytest.raises(Malformed):
        parse_referrers(index(ENTRY, mediaType=None), content_type)


def test_a_document_that_says_nothing_leaves_it_to_the_header() -> None:
    assert len(parse_referrers(index(ENTRY, mediaType=""), f"{OCI_INDEX}; charset=utf-8")) == 1


def test_a_referrer_of_an_algorithm_that_is_not_served_is_still_one() -> None:
    (found,) = parse_referrers(index(ENTRY | {"digest": "blake3:0a"}), OCI_INDEX)
    assert found.digest == "blake3:0a"


def test_what_else_stands_in_a_descriptor_is_left_out() -> None:
    more = {"urls": ["http://169.254.169.254/"], "data": "e30=", "platform": {}, "x": [1]}
    assert parse_referrers(index(ENTRY | more), OCI_INDEX) == parse_referrers(index(ENTRY), OCI_INDEX)


NOT_LISTS = {
    "html": (b"<html>", OCI_INDEX),
    "an array": (b"[]", OCI_INDEX),
    "an object": (b"{}", OCI_INDEX),
    "an error": (b'{"errors":[]}', "application/json"),
    "no manifests": (json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX}).encode(), OCI_INDEX),
    "manifests twice": (index(ENTRY)[:-1] + b',"Manifests":[]}', OCI_INDEX),
    "schema 1": (index(schemaVersion=1), OCI_INDEX),
    "Docker's list": (index(mediaType=DOCKER_LIST), DOCKER_LIST),
    "two types": (index(mediaType=OCI_MANIFEST), OCI_INDEX),
    "another header": (index(), OCI_MANIFEST),
    "an object of manifests": (index(manifests={}), OCI_INDEX),
    "too many": (index(*[ENTRY] * 10_001), OCI_INDEX),
    "a string": (index("x"), OCI_INDEX),
    "no type": (index({"digest": DIGEST, "size": 5}), OCI_INDEX),
    "an empty type": (index(ENTRY | {"mediaType": ""}), OCI_INDEX),
    "a type with a line end": (index(ENTRY | {"mediaType": "a/b\n"}), OCI_INDEX),
    "a long type": (index(ENTRY | {"mediaType": "a" * 256}), OCI_INDEX),
    "a number as artifactType": (index(ENTRY | {"artifactType": 5}), OCI_INDEX),
    "no digest": (index({"mediaType": OCI_MANIFEST, "size": 5}), OCI_INDEX),
    "half a digest": (index(ENTRY | {"digest": "sha256:00"}), OCI_INDEX),
    "a path as digest": (index(ENTRY | {"digest": "../../etc/passwd"}), OCI_INDEX),
    "no size": (index({"mediaType": OCI_MANIFEST, "digest": DIGEST}), OCI_INDEX),
    "a negative size": (index(ENTRY | {"size": -1}), OCI_INDEX),
    "another algorithm, no size": (index(ENTRY | {"digest": "blake3:0a", "size": None}), OCI_INDEX),
    "another algorithm, a truth as size": (index(ENTRY | {"digest": "blake3:0a", "size": True}), OCI_INDEX),
    "annotations in a list": (index(ENTRY | {"annotations": []}), OCI_INDEX),
    "annotations of numbers": (index(ENTRY | {"annotations": {"a": 1}}), OCI_INDEX),
    "half a character": (index(ENTRY | {"annotations": {"a": "\ud800"}}), OCI_INDEX),
}


@pytest.mark.parametrize("name", NOT_LISTS)
def test_what_is_not_a_whole_list_is_none(name: str) -> None:
    body, content_type = NOT_LISTS[name]
    with pytest.raises(Malformed) as refusal:
        parse_referrers(body, content_type)
    assert refusal.value.code is Code.BAD_UPSTREAM


def test_each_referrer_is_listed_once_where_it_stood_first() -> None:
    one, two = Referrer("a/b", "x:1", 1), Referrer("a/b", "x:2", 1)
    assert each_once([one, two, Referrer("a/b", "x:1", 2), two]) == (one, two)


def test_the_filter_compares_the_artifact_type_alone() -> None:
    one, two, three = Referrer("a/b", "x:1", 1, "a/b"), Referrer("a/b", "x:2", 1), Referrer("c/d", "x:3", 1, "a/b")
    assert of_type((one, two, three), "a/b") == (one, three)
    assert of_type((one, two, three), "a/B") == ()


def test_what_was_read_is_written_the_same_each_time() -> None:
    found = parse_referrers(index(FULL | {"x": 1}, ENTRY | {"digest": "blake3:0a"}), OCI_INDEX)
    body = written(found)
    assert json.loads(body) == json.loads(index(FULL, ENTRY | {"digest": "blake3:0a"}))
    assert parse_referrers(body, None) == found
    assert written(parse_referrers(body, OCI_INDEX)) == body
    assert json.loads(written(())) == {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}


@pytest.mark.parametrize(
    ("digest", "tag"),
    [
        (Digest("sha256", "ab" * 32), f"sha256-{'ab' * 32}"),
        (Digest("sha512", "cd" * 64), f"sha512-{'cd' * 32}"),
    ],
)
def test_the_tag_schema_names_a_tag_for_each_digest(digest: Digest, tag: str) -> None:
    assert referrers_tag(digest) == tag
