"""What goes into a bundle, and what is missing from it."""

from __future__ import annotations

import json

import pytest

from mirror.bundles.gathering import Gathering, Terms
from mirror.oci.digest import Digest
from tests.support import content, documents
from tests.support.bundles import Kept, contents_of, named


def shortage(kept: Kept, digest: Digest, *platforms: str) -> str | None:
    return Gathering(kept, Terms(platforms)).look(named("library/app", digest)).shortage


def test_an_image_comes_with_all_that_it_names_manifests_first() -> None:
    kept = Kept()
    image = kept.image(b"one", b"two")
    contents = contents_of(kept, [named("library/app", image.digest)])
    assert {piece.digest for piece in contents.pieces} == kept.held.keys()
    assert [piece.media_type for piece in contents.pieces] == [content.OCI_MANIFEST, None, None, None]
    assert contents.absent == frozenset()


def test_the_order_depends_on_nothing_but_what_there_is() -> None:
    kept = Kept()
    images = [named(f"a/{number}", kept.image(b"%d" % number).digest) for number in range(5)]
    assert contents_of(kept, images) == contents_of(kept, reversed(images))


def test_what_two_images_share_comes_once() -> None:
    kept = Kept()
    images = [named("a/b", kept.image(b"shared", b"one").digest), named("c/d", kept.image(b"shared", b"two").digest)]
    digests = [piece.digest for piece in contents_of(kept, images).pieces]
    assert len(digests) == len(set(digests)) == len(kept.held)


def test_what_the_receiver_has_is_named_and_left_out() -> None:
    kept = Kept()
    image = kept.image(b"old", b"new")
    contents = contents_of(kept, [named("a/b", image.digest)], Terms(has=frozenset({Digest.of(b"old")})))
    assert Digest.of(b"old") not in {piece.digest for piece in contents.pieces}
    assert [piece.digest for piece in contents.left_out] == [Digest.of(b"old")]


def test_an_image_that_lacks_a_layer_is_named_with_it() -> None:
    kept = Kept()
    image = kept.image(b"one", b"two", b"three")
    del kept.held[Digest.of(b"one")], kept.held[Digest.of(b"two")]
    said = shortage(kept, image.digest)
    assert said == f"docker.io/library/app:1 is not whole: {Digest.of(b'one')} is not here, nor 1 more"


def test_an_image_without_its_manifest_is_nothing() -> None:
    kept = Kept()
    gathering = Gathering(kept, Terms())
    found = gathering.look(named("a/b", Digest.of(b"gone")))
    assert "is not whole" in (found.shortage or "")
    assert not gathering.add(found)
    assert gathering.contents().images == ()


def test_in_part_an_image_comes_as_far_as_it_is_here() -> None:
    kept = Kept()
    image = kept.image(b"one", b"two")
    del kept.held[Digest.of(b"one")]
    gathering = Gathering(kept, Terms())
    assert gathering.add(gathering.look(named("a/b", image.digest)))
    contents = gathering.contents()
    assert {piece.digest for piece in contents.pieces} == kept.held.keys()
    assert contents.absent == {Digest.of(b"one")}


@pytest.mark.parametrize("has_manifest", [True, False])
def test_a_platform_that_nobody_has_pulled_is_no_lack(has_manifest: bool) -> None:
    kept = Kept()
    amd64, arm64 = kept.image(b"amd64"), kept.image(b"arm64")
    index = kept.index(amd64, arm64)
    for digest in (arm64.config_digest, *arm64.layer_digests, *(() if has_manifest else (arm64.digest,))):
        del kept.held[digest]
    assert shortage(kept, index) is None
    contents = contents_of(kept, [named("a/b", index)])
    assert {piece.digest for piece in contents.pieces} == kept.held.keys() - {arm64.digest}
    assert contents.absent == {arm64.digest}


def test_a_platform_that_is_here_in_part_is_a_lack() -> None:
    kept = Kept()
    amd64, arm64 = kept.image(b"amd64"), kept.image(b"arm64")
    index = kept.index(amd64, arm64)
    del kept.held[Digest.of(b"arm64")]
    assert str(Digest.of(b"arm64")) in (shortage(kept, index) or "")


def test_an_index_of_which_nothing_is_here_is_not_whole() -> None:
    kept = Kept()
    image = kept.image(b"amd64")
    index = kept.index(image)
    del kept.held[image.digest]
    found = Gathering(kept, Terms()).look(named("a/b", index))
    assert found.shortage == "docker.io/a/b:1: none of its platforms is here; it lists linux/amd64"
    assert found.can_be_pulled
    assert not Gathering(kept, Terms(("linux/s390x",))).look(named("a/b", index)).can_be_pulled


def test_only_chosen_platforms_are_taken_and_have_to_be_here() -> None:
    kept = Kept()
    amd64, arm64 = kept.image(b"amd64"), kept.image(b"arm64")
    index = kept.index(amd64, arm64)
    contents = contents_of(kept, [named("a/b", index)], Terms(("linux/arm64",)))
    assert Digest.of(b"arm64") in contents.known()
    assert contents.absent == {amd64.digest}
    assert "lists linux/amd64, linux/arm64" in (shortage(kept, index, "linux/s390x") or "")
    del kept.held[Digest.of(b"arm64")]
    assert str(Digest.of(b"arm64")) in (shortage(kept, index, "linux/arm64") or "")
    del kept.held[arm64.digest]
    assert shortage(kept, index, "linux/arm64") is not None


def test_a_platform_that_one_image_leaves_out_is_there_for_another() -> None:
    kept = Kept()
    amd64, arm64 = kept.image(b"amd64"), kept.image(b"arm64")
    images = [named("a/b", kept.index(amd64, arm64)), named("a/b", amd64.digest, None)]
    contents = contents_of(kept, images, Terms(("linux/arm64",)))
    assert contents.known().keys() == kept.held.keys()
    assert contents.absent == frozenset()


def test_a_layer_that_is_to_be_had_elsewhere_is_no_lack() -> None:
    kept = Kept()
    kept.put(b"config")
    kept.put(b"layer")
    digest = kept.put(documents.body(documents.IMAGE, mediaType=content.OCI_MANIFEST))
    assert shortage(kept, digest) is None
    assert contents_of(kept, [named("a/b", digest)]).absent == {Digest.of(b"windows")}


def test_a_nested_index_is_taken_with_its_platforms() -> None:
    kept = Kept()
    amd64, arm64 = kept.image(b"amd64"), kept.image(b"arm64")
    inner = kept.index(amd64, arm64)
    entry = content.descriptor(content.OCI_INDEX, kept.held[inner])
    outer = kept.put(json.dumps({"schemaVersion": 2, "mediaType": content.OCI_INDEX, "manifests": [entry]}).encode())
    contents = contents_of(kept, [named("a/b", outer)], Terms(("linux/amd64",)))
    assert contents.known().keys() == {outer, inner, amd64.digest, amd64.config_digest, *amd64.layer_digests}


def test_sha512_is_taken_along() -> None:
    kept = Kept()
    config, layer = kept.put(b"config", "sha512"), kept.put(b"layer", "sha512")
    described = [
        {"mediaType": content.OCI_LAYER, "digest": str(one), "size": len(kept.held[one])} for one in (config, layer)
    ]
    body = {"schemaVersion": 2, "mediaType": content.OCI_MANIFEST, "config": described[0], "layers": [described[1]]}
    digest = kept.put(json.dumps(body).encode(), "sha512")
    assert contents_of(kept, [named("a/b", digest)]).known().keys() == kept.held.keys()


def test_schema_1_is_refused_by_name() -> None:
    kept = Kept()
    digest = kept.put(documents.body(documents.SCHEMA_1))
    assert "schema 1" in (shortage(kept, digest) or "")
