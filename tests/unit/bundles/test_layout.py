"""The files of a bundle."""

from __future__ import annotations

import json

import pytest

from mirror.bundles.contents import MANIFEST, MANIFESTS, Contents, Image, Piece
from mirror.bundles.layout import CONTENTS, INDEX, LAYOUT, SEAL, Plan, index_of, path_of
from mirror.bundles.names import FULL_NAME, REF_NAME, Name
from mirror.bundles.seal import check
from mirror.errors import Refused
from mirror.oci.digest import Digest
from mirror.oci.media_types import OCI_MANIFEST
from tests.support.bundles import HUB, Kept, contents_of, named


def test_content_lies_where_an_image_layout_has_it() -> None:
    for algorithm in ("sha256", "sha512"):
        digest = Digest.of(b"x", algorithm)
        assert path_of(digest) == f"blobs/{algorithm}/{digest.encoded}"


def test_an_image_is_found_by_its_full_name() -> None:
    kept = Kept()
    image = kept.image(b"layer")
    contents = contents_of(kept, [named("library/app", image.digest)])
    (entry,) = json.loads(index_of(contents))["manifests"]
    assert (entry["digest"], entry["size"]) == (str(image.digest), len(image.manifest_body))
    assert entry["annotations"] == dict.fromkeys((REF_NAME, FULL_NAME), "docker.io/library/app:1")


def test_the_heading_says_what_follows_before_it_does() -> None:
    kept = Kept()
    contents = contents_of(kept, [named("library/app", kept.image(b"layer").digest)])
    heading = dict(Plan(contents, b"0123456789abcdef").heading)
    assert [*heading] == [LAYOUT, CONTENTS, SEAL, INDEX]
    assert json.loads(heading[LAYOUT]) == {"imageLayoutVersion": "1.0.0"}
    assert check(heading[CONTENTS], heading[SEAL], b"0123456789abcdef") is True


def test_no_bundle_is_planned_that_nobody_would_take() -> None:
    digests = [Digest.of(b"%d" % number) for number in range(MANIFESTS // MANIFEST + 1)]
    large = Contents((), tuple(Piece(digest, MANIFEST, OCI_MANIFEST) for digest in digests))
    many = Contents((Image(Name(HUB, "a/b", "t" * 128), digests[0]),) * 120_000, (Piece(digests[0], 1, OCI_MANIFEST),))
    for contents in (large, many):
        with pytest.raises(Refused, match="fewer images"):
            _ = Plan(contents).heading
