"""What somebody has brought, of whatever kind."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from mirror.bundles.directory import Directory
from mirror.bundles.names import FULL_NAME, REF_NAME, Name
from mirror.bundles.opening import opened
from mirror.bundles.parcel import Parcel, open_parcel
from mirror.errors import DigestMismatch, Refused
from mirror.oci.digest import Digest
from tests.support import content
from tests.support.bundles import Kept, docker_archive, files_of, named, packed, tar_of, written

KEY = b"0123456789abcdef"
NAME = Name("quay.example", "other/name", "2")


def parcel_of(root: Path, files: dict[str, bytes], key: bytes | None = None, name: Name | None = None) -> Parcel:
    return open_parcel(Directory(written(root, files)), key, name)


def layout(kept: Kept, *entries: dict[str, object]) -> dict[str, bytes]:
    """An OCI image layout as others write it."""
    index = {"schemaVersion": 2, "manifests": list(entries)}
    blobs = {f"blobs/{digest.algorithm}/{digest.encoded}": data for digest, data in kept.held.items()}
    return {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}', "index.json": json.dumps(index).encode(), **blobs}


def entry(image: content.Image, **annotations: str) -> dict[str, object]:
    return {**content.descriptor(image.media_type, image.manifest_body), "annotations": annotations}


def names(parcel: Parcel) -> list[str]:
    return [image.full_name for image in parcel.contents.images]


@pytest.mark.parametrize("key", [None, KEY])
def test_a_bundle_of_ours_is_what_it_was(tmp_path: Path, key: bytes | None) -> None:
    kept = Kept()
    bundle = packed(kept, named("library/app", kept.image(b"layer").digest), key=key)
    parcel = parcel_of(tmp_path, files_of(bundle), key)
    parcel.verify()
    assert (names(parcel), parcel.is_signed) == (["docker.io/library/app:1"], key is not None)
    assert parcel.contents.known().keys() == kept.held.keys()


def test_a_key_refuses_whatever_is_not_signed_with_it(tmp_path: Path) -> None:
    kept = Kept()
    image = kept.image(b"layer")
    for number, files in enumerate(
        [
            files_of(packed(kept, named("library/app", image.digest))),
            files_of(packed(kept, named("library/app", image.digest), key=b"another key 0123")),
            layout(kept, entry(image, **{FULL_NAME: "app:1"})),
            docker_archive({"layer.tar": b"layer"}, "app:1"),
        ]
    ):
        with pytest.raises(Refused, match="signed"):
            parcel_of(tmp_path / str(number), files, KEY)


def test_a_bundle_from_which_a_file_is_missing_is_refused(tmp_path: Path) -> None:
    kept = Kept()
    files = files_of(packed(kept, named("library/app", kept.image(b"layer").digest)))
    files.popitem()
    with pytest.raises(Refused, match="a file is missing"):
        parcel_of(tmp_path, files)


def test_every_byte_is_verified(tmp_path: Path) -> None:
    kept = Kept()
    files = files_of(packed(kept, named("library/app", kept.image(b"layer").digest)))
    path = f"blobs/sha256/{Digest.of(b'layer').encoded}"
    parcel = parcel_of(tmp_path, files | {path: b"lAyer"})
    with pytest.raises(DigestMismatch):
        parcel.verify()


def test_an_image_layout_goes_by_the_names_in_its_index(tmp_path: Path) -> None:
    kept = Kept()
    first, second = kept.image(b"first"), kept.image(b"second")
    files = layout(kept, entry(first, **{FULL_NAME: "app:1", REF_NAME: "1"}), entry(second, **{REF_NAME: "q.io/a/b:2"}))
    parcel = parcel_of(tmp_path, files)
    parcel.verify()
    assert names(parcel) == ["docker.io/library/app:1", "q.io/a/b:2"]
    assert parcel.contents.known().keys() == kept.held.keys()


def test_an_image_without_a_name_is_to_be_given_one(tmp_path: Path) -> None:
    kept = Kept()
    image = kept.image(b"layer")
    files = layout(kept, entry(image, **{REF_NAME: "latest"}))
    with pytest.raises(Refused, match="--name"):
        parcel_of(tmp_path, files)
    assert names(parcel_of(tmp_path, files, name=NAME)) == ["quay.example/other/name:2"]


def test_one_image_may_be_given_another_name_and_several_may_not(tmp_path: Path) -> None:
    kept = Kept()
    first, second = kept.image(b"first"), kept.image(b"second")
    one = files_of(packed(kept, named("library/app", first.digest), named("library/app", first.digest, "2")))
    assert names(parcel_of(tmp_path / "a", one, name=NAME)) == ["quay.example/other/name:2"]
    two = files_of(packed(kept, named("library/app", first.digest), named("library/b", second.digest)))
    with pytest.raises(Refused, match="several images"):
        parcel_of(tmp_path / "b", two, name=NAME)


def test_a_layout_that_lacks_platforms_is_taken_and_one_that_lacks_a_layer_is_not(tmp_path: Path) -> None:
    kept = Kept()
    first, second = kept.image(b"first"), kept.image(b"second")
    index = kept.index(first, second)
    described = {**content.descriptor(content.OCI_INDEX, kept.held[index]), "annotations": {FULL_NAME: "app:1"}}
    for digest in (second.digest, second.config_digest, *second.layer_digests):
        del kept.held[digest]
    assert parcel_of(tmp_path / "a", layout(kept, described)).contents.absent == {second.digest}
    del kept.held[Digest.of(b"first")]
    with pytest.raises(Refused, match="is not whole"):
        parcel_of(tmp_path / "b", layout(kept, described))


@pytest.mark.parametrize("index", [b"", b"{}", b'{"manifests":[]}', b'{"manifests":[{"digest":"sha256:../x"}]}', b"[]"])
def test_an_index_that_says_nothing_is_refused(tmp_path: Path, index: bytes) -> None:
    with pytest.raises(Refused, match="cannot be imported"):
        parcel_of(tmp_path, {"index.json": index, "oci-layout": b"{}"})


def test_a_docker_archive_is_taken_and_what_it_is_not_is_refused(tmp_path: Path) -> None:
    (tmp_path / "app.tar").write_bytes(tar_of(docker_archive({"layer.tar": b"layer"}, "app:1")))
    with closing(opened(tmp_path / "app.tar")) as files:
        parcel = open_parcel(files)
        parcel.verify()
        assert names(parcel) == ["docker.io/library/app:1"]
    with pytest.raises(Refused, match="no bundle, no OCI image layout"):
        parcel_of(tmp_path / "b", {"file": b"x"})


def test_a_layer_that_is_not_what_its_configuration_says_is_refused(tmp_path: Path) -> None:
    files = docker_archive({"layer.tar": b"layer"}, "app:1") | {"layer.tar": b"lAyer"}
    with pytest.raises(DigestMismatch):
        parcel_of(tmp_path, files).verify()


def test_what_the_receiver_has_need_not_be_sent(tmp_path: Path) -> None:
    kept = Kept()
    parcel = parcel_of(tmp_path, files_of(packed(kept, named("library/app", kept.image(b"layer").digest))))
    rest = parcel.without([Digest.of(b"layer")])
    assert Digest.of(b"layer") not in {piece.digest for piece in rest.contents.pieces}
    assert [piece.digest for piece in rest.contents.left_out] == [Digest.of(b"layer")]
