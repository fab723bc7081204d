"""The files of a bundle."""

from __future__ import annotations

import json

from mirror.bundles.layout import CONTENTS, INDEX, LAYOUT, SEAL, Plan, index_of, path_of
from mirror.bundles.names import FULL_NAME, REF_NAME
from mirror.bundles.seal import check
from mirror.oci.digest import Digest
from tests.support.bundles import Kept, contents_of, named


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
