"""Images and indexes as bytes, small and valid, for a fake registry to hold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from mirror.oci.digest import Digest

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


@dataclass(frozen=True, slots=True)
class Image:
    """An image manifest as it was pushed, and what it names."""

    digest: Digest
    manifest_body: bytes
    media_type: str
    config_digest: Digest
    layer_digests: tuple[Digest, ...]


def descriptor(media_type: str, content: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": str(Digest.of(content)), "size": len(content)}


def config(layers: Sequence[bytes]) -> bytes:
    document = {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [str(Digest.of(layer)) for layer in layers]},
    }
    return json.dumps(document).encode()


def manifest(config_body: bytes, layers: Sequence[bytes]) -> bytes:
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(OCI_CONFIG, config_body),
        "layers": [descriptor(OCI_LAYER, layer) for layer in layers],
    }
    return json.dumps(document).encode()


def index(images: Sequence[Image]) -> bytes:
    manifests = [
        {**descriptor(OCI_MANIFEST, image.manifest_body), "platform": {"os": "linux", "architecture": name}}
        for image, name in zip(images, ("amd64", "arm64", "riscv64", "s390x"), strict=False)
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}).encode()
