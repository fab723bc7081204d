"""Descriptors out of hostile documents: what is served, what is left out, what is refused."""

from __future__ import annotations

import pytest

from mirror.errors import Code, Malformed
from mirror.oci.descriptor import Descriptor
from mirror.oci.digest import Digest

DIGEST = Digest.of(b"layer")
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def document(**members: object) -> dict[str, object]:
    return {"mediaType": LAYER, "digest": str(DIGEST), "size": 5} | members


def test_a_descriptor_is_its_type_digest_and_size() -> None:
    assert Descriptor.parse(document()) == Descriptor(LAYER, DIGEST, 5)


def test_sha512_is_kept_as_sha512() -> None:
    digest = Digest.of(b"layer", "sha512")
    assert Descriptor.parse(document(digest=str(digest))).digest == digest


def test_urls_and_embedded_data_are_not_kept() -> None:
    parsed = Descriptor.parse(document(urls=["http://169.254.169.254/"], data="bGF5ZXI=", annotations={}))
    assert parsed == Descriptor(LAYER, DIGEST, 5, foreign=True)


@pytest.mark.parametrize("urls", [None, [], ""])
def test_without_urls_it_is_where_the_manifest_is(urls: object) -> None:
    assert not Descriptor.parse(document(urls=urls)).foreign


@pytest.mark.parametrize("size", [0, 1, 2**63 - 1])
def test_every_size_of_the_specification_is_one(size: int) -> None:
    assert Descriptor.parse(document(size=size)).size == size


@pytest.mark.parametrize("media_type", [None, ""])
def test_a_missing_media_type_is_empty(media_type: object) -> None:
    assert Descriptor.parse(document(mediaType=media_type)).media_type == ""


@pytest.mark.parametrize("value", [None, "text", 5, True, [], [("digest", str(DIGEST))]])
def test_what_is_not_an_object_is_refused(value: object) -> None:
    with pytest.raises(Malformed) as refusal:
        Descriptor.parse(value)
    assert refusal.value.code is Code.BAD_UPSTREAM


@pytest.mark.parametrize("size", [-1, 2**63, 10**400, 5.0, "5", None, True, [5], {}, float("inf"), float("nan")])
def test_a_size_that_is_not_one_is_refused(size: object) -> None:
    with pytest.raises(Malformed) as refusal:
        Descriptor.parse(document(size=size))
    assert refusal.value.code is Code.BAD_UPSTREAM


@pytest.mark.parametrize("media_type", [5, [], {}, True, "a" * 256, "a/b\n", "a/b\x00", "\u00e4/b", "\ud800"])
def test_a_media_type_that_is_not_one_is_refused(media_type: object) -> None:
    with pytest.raises(Malformed) as refusal:
        Descriptor.parse(document(mediaType=media_type))
    assert refusal.value.code is Code.BAD_UPSTREAM


@pytest.mark.parametrize(
    "digest",
    [
        None,
        5,
        [],
        {},
        "",
        "sha256",
        "sha256:",
        "sha256:00",
        f"{DIGEST}0",
        str(DIGEST).upper(),
        f"sha256:{DIGEST.encoded.upper()}",
        f"{DIGEST}\n",
        "sha256:../../etc/passwd",
        "\ud800:00",
    ],
)
def test_a_digest_that_is_not_one_is_refused(digest: object) -> None:
    with pytest.raises(Malformed) as refusal:
        Descriptor.parse(document(digest=digest))
    assert refusal.value.code is Code.BAD_UPSTREAM


@pytest.mark.parametrize(
    "digest", ["sha384:00", "blake3:00", "tarsum.v1+sha256:00", "multihash+base58:QmRZxt2b1FVZPNqd8hsiyk"]
)
def test_a_digest_of_another_algorithm_is_told_apart_from_nonsense(digest: str) -> None:
    with pytest.raises(Malformed) as refusal:
        Descriptor.parse(document(digest=digest))
    assert refusal.value.code is Code.DIGEST_INVALID
