"""The list of what a bundle holds, written and read from strangers."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from mirror.bundles.contents import MANIFEST, MANIFESTS, Contents, Image, Piece
from mirror.bundles.names import Name
from mirror.errors import Refused
from mirror.oci.digest import Digest
from mirror.oci.media_types import OCI_MANIFEST

MANIFEST_PIECE = Piece(Digest.of(b"manifest"), 8, OCI_MANIFEST)
BLOB = Piece(Digest.of(b"blob", "sha512"), 4)
LEFT = Piece(Digest.of(b"left"), 4)
CONTENTS = Contents(
    (Image(Name("docker.io", "a/b", "1"), MANIFEST_PIECE.digest), Image(Name("q", "c", None), MANIFEST_PIECE.digest)),
    (MANIFEST_PIECE, BLOB),
    (LEFT,),
    frozenset({Digest.of(b"absent")}),
)


def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(CONTENTS.encode())
    return found


def refused(changed: object) -> str:
    with pytest.raises(Refused) as refusal:
        Contents.parse(json.dumps(changed).encode())
    return str(refusal.value)


def test_what_is_written_is_read_and_the_same_bytes_each_time() -> None:
    assert Contents.parse(CONTENTS.encode()) == CONTENTS
    again = replace(CONTENTS, absent=frozenset([*CONTENTS.absent]))
    assert again.encode() == CONTENTS.encode()


def test_an_image_without_a_tag_goes_by_its_digest() -> None:
    assert [image.full_name for image in CONTENTS.images] == ["docker.io/a/b:1", f"q/c@{MANIFEST_PIECE.digest}"]


def test_the_size_is_that_of_what_is_in_it() -> None:
    assert CONTENTS.size == 12
    assert CONTENTS.known().keys() == {MANIFEST_PIECE.digest, BLOB.digest, LEFT.digest}


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("images", 0, "upstream"), "a b"),
        (("images", 0, "repository"), "../x"),
        (("images", 0, "tag"), "no tag"),
        (("images", 0, "tag"), 3),
        (("images", 0, "digest"), "sha256:00"),
        (("images", 0, "digest"), None),
        (("images", 0), "a/b"),
        (("images",), {}),
        (("pieces", 0, "size"), -1),
        (("pieces", 0, "size"), True),
        (("pieces", 0, "size"), 1.5),
        (("pieces", 0, "size"), 2**63),
        (("pieces", 0, "media_type"), "text/html"),
        (("pieces", 0), None),
        (("absent", 0), "../../etc"),
        (("mirror",), "inventory"),
    ],
)
def test_what_no_mirror_has_written_is_refused(place: tuple[str | int, ...], value: object) -> None:
    changed: Any = document()
    at = changed
    for step in place[:-1]:
        at = at[step]
    at[place[-1]] = value
    assert str(value) not in refused(changed) or value in ({}, None, 3, True)


def test_another_version_is_named_as_the_reason() -> None:
    assert "a later version" in refused({**document(), "version": 2})


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", b'{"mirror":"bundle","version":1}'])
def test_what_is_no_contents_at_all_is_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        Contents.parse(data)


def test_nothing_is_named_twice() -> None:
    changed = document()
    changed["absent"].append(str(BLOB.digest))
    assert "twice" in refused(changed)


def test_manifests_come_first() -> None:
    changed = document()
    changed["pieces"].reverse()
    assert "begin with its manifests" in refused(changed)


def test_an_image_comes_with_its_manifest() -> None:
    changed = document()
    changed["images"][0]["digest"] = str(BLOB.digest)
    assert "without its manifest" in refused(changed)


def test_no_manifest_is_larger_than_a_mirror_reads() -> None:
    changed = document()
    changed["pieces"][0]["size"] = MANIFEST + 1
    assert "larger than any" in refused(changed)


def test_manifests_that_nobody_could_hold_are_refused() -> None:
    several = [Piece(Digest.of(b"%d" % number), MANIFEST, OCI_MANIFEST) for number in range(MANIFESTS // MANIFEST + 1)]
    assert Contents.parse(Contents((), tuple(several[:-1])).encode()).manifests_size == MANIFESTS
    with pytest.raises(Refused, match="larger than those of any"):
        Contents.parse(Contents((), tuple(several[:-1]), tuple(several[-1:])).encode())


def test_what_the_images_consist_of_is_more_than_what_is_in_the_bundle() -> None:
    assert (CONTENTS.size, CONTENTS.whole_size) == (12, 16)
