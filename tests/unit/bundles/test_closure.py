"""What an image consists of."""

from __future__ import annotations

import json

import pytest

from mirror.bundles.closure import Document, read_document, walk
from mirror.errors import Malformed
from mirror.oci.digest import Digest
from mirror.oci.manifest import Kind
from tests.support import content
from tests.support.bundles import Kept


def found(kept: Kept, digest: Digest) -> Document | None:
    return read_document(digest, kept.held[digest], None) if digest in kept.held else None


def test_a_nested_index_is_followed_and_each_manifest_comes_once() -> None:
    kept = Kept()
    first, second = kept.image(b"first"), kept.image(b"second")
    inner = kept.index(first, second)
    entries = [
        content.descriptor(content.OCI_INDEX, kept.held[inner]),
        content.descriptor(content.OCI_MANIFEST, first.manifest_body),
    ]
    outer = kept.put(json.dumps({"schemaVersion": 2, "mediaType": content.OCI_INDEX, "manifests": entries}).encode())
    walked = [document.digest for document in walk(outer, lambda digest: found(kept, digest))]
    assert walked == [outer, inner, first.digest, second.digest]


def test_what_is_not_to_be_followed_is_left_out() -> None:
    kept = Kept()
    first, second = kept.image(b"first"), kept.image(b"second")
    index = kept.index(first, second)
    del kept.held[second.digest]
    assert [one.digest for one in walk(index, lambda digest: found(kept, digest))] == [index, first.digest]


def test_a_document_tells_the_platforms_of_what_it_lists() -> None:
    kept = Kept()
    first, second = kept.image(b"first"), kept.image(b"second")
    document = found(kept, kept.index(first, second))
    assert document is not None
    assert document.kind is Kind.INDEX
    assert document.platforms == {str(first.digest): "linux/amd64", str(second.digest): "linux/arm64"}


def test_a_manifest_is_what_its_digest_names() -> None:
    kept = Kept()
    image = kept.image(b"layer")
    with pytest.raises(Malformed):
        read_document(Digest.of(b"other"), image.manifest_body, None)
    with pytest.raises(Malformed):
        read_document(image.digest, image.manifest_body, "application/vnd.docker.distribution.manifest.v2+json")
