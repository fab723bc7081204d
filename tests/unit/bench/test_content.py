from __future__ import annotations

import gzip
import hashlib
import json
import tarfile
from io import BytesIO
from pathlib import Path

from bench.content import LAYERS, Sizes, make

SIZES = Sizes({"one": 3000}, layers={"image": 512})


def test_every_file_bears_the_digest_of_its_bytes(tmp_path: Path) -> None:
    content = make(tmp_path / "content", SIZES)
    files = list((content.directory / "blobs").iterdir())
    assert files
    assert all(hashlib.sha256(file.read_bytes()).hexdigest() == file.name for file in files)
    one = content.blobs["one"]
    assert (content.directory / "blobs" / one.digest.partition(":")[2]).stat().st_size == one.size == 3000


def test_an_image_can_be_unpacked_layer_by_layer(tmp_path: Path) -> None:
    content = make(tmp_path / "content", SIZES)
    manifest = json.loads((content.directory / "manifests" / "image").read_bytes())
    blobs = [
        (content.directory / "blobs" / part["digest"].partition(":")[2]).read_bytes()
        for part in (manifest["config"], *manifest["layers"])
    ]
    tars = [gzip.decompress(layer) for layer in blobs[1:]]
    assert len(tars) == LAYERS
    assert json.loads(blobs[0])["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(tar).hexdigest()}" for tar in tars]
    assert [_files(tar) for tar in tars] == [[(f"layer-{number}", 512)] for number in range(LAYERS)]
    assert content.images["image"] == sum(len(blob) for blob in blobs)


def test_a_manifest_is_known_by_its_tag_and_by_its_digest(tmp_path: Path) -> None:
    content = make(tmp_path / "content", SIZES)
    manifests = content.directory / "manifests"
    digest = content.manifests["latest"]
    assert (manifests / "latest").read_bytes() == (manifests / digest).read_bytes()
    assert digest == "sha256:" + hashlib.sha256((manifests / "latest").read_bytes()).hexdigest()


def _files(tar: bytes) -> list[tuple[str, int]]:
    with tarfile.open(fileobj=BytesIO(tar)) as archive:
        return [(file.name, file.size) for file in archive.getmembers()]
