"""What the upstream holds: random blobs, a small manifest, and images of many layers. Made once for a run."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = "library/bench"
# Docker's own types, which every peer passes on as they are.
MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
_LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_KIB, MIB = 1024, 1024**2
LAYERS = 30
SKOPEO, DOCKERD = "skopeo", "dockerd"  # tags of what only they pull


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of each blob by its name, and of each layer of an image by the image's tag."""

    blobs: Mapping[str, int]
    layers: Mapping[str, int]


FULL = Sizes(
    {
        "1 KiB": _KIB,
        "cold 1 KiB": _KIB,
        "cold 1 MiB": MIB,
        "cold 64 MiB": 64 * MIB,
        "cold 256 MiB": 256 * MIB,
        "herd": 256 * MIB,
        "crowd": 256 * MIB,
        "herd over the WAN": 32 * MIB,
        "large": 256 * MIB,
        "1 GiB over the WAN": 1024 * MIB,
    },
    # dockerd takes a tenth of a second for each layer, however small.
    layers={SKOPEO: 4 * MIB, DOCKERD: 12 * MIB},
)


@dataclass(frozen=True, slots=True)
class Blob:
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Content:
    """Below `directory`: `blobs/<hex>` and `manifests/<tag or digest>`. `images`: bytes of each, by its tag."""

    directory: Path
    blobs: dict[str, Blob] = field(default_factory=dict)
    manifests: dict[str, str] = field(default_factory=dict)
    images: dict[str, int] = field(default_factory=dict)


def make(directory: Path, sizes: Sizes) -> Content:
    """Everything that a run asks for: blobs, a manifest `latest` of small ones, and images without a common layer."""
    content = Content(directory)
    for part in ("blobs", "manifests"):
        (directory / part).mkdir(parents=True)
    for name, size in sizes.blobs.items():
        content.blobs[name] = _random(directory, size)
    small = _keep(directory, os.urandom(_KIB))
    _tag(content, "latest", [(small, _CONFIG_TYPE), (small, _LAYER_TYPE)])
    for tag, size in sizes.layers.items():
        _image(content, tag, size)
    return content


def _image(content: Content, tag: str, size: int) -> None:
    layers, unpacked = [], []
    for number in range(LAYERS):
        tar = _tar(f"layer-{number}", os.urandom(size))
        unpacked.append(_digest(tar))
        # Not compressed: what a client spends on unpacking is not what is measured.
        layers.append((_keep(content.directory, gzip.compress(tar, 0, mtime=0)), _LAYER_TYPE))
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": unpacked}}
    described = _keep(content.directory, json.dumps(config).encode())
    content.images[tag] = described.size + sum(layer.size for layer, _ in layers)
    _tag(content, tag, [(described, _CONFIG_TYPE), *layers])


def _tag(content: Content, tag: str, parts: list[tuple[Blob, str]]) -> None:
    described = [{"mediaType": kind, "digest": blob.digest, "size": blob.size} for blob, kind in parts]
    document = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": described[0], "layers": described[1:]}
    manifest = json.dumps(document).encode()
    content.manifests[tag] = digest = _digest(manifest)
    for reference in (tag, digest):
        (content.directory / "manifests" / reference).write_bytes(manifest)


def _random(directory: Path, size: int) -> Blob:
    hasher, new = hashlib.sha256(), directory / "new"
    with new.open("wb") as file:
        for start in range(0, size, MIB):
            piece = os.urandom(min(MIB, size - start))
            hasher.update(piece)
            file.write(piece)
    new.rename(directory / "blobs" / hasher.hexdigest())
    return Blob(f"sha256:{hasher.hexdigest()}", size)


def _keep(directory: Path, data: bytes) -> Blob:
    blob = Blob(_digest(data), len(data))
    (directory / "blobs" / blob.digest.partition(":")[2]).write_bytes(data)
    return blob


def _tar(name: str, data: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()
