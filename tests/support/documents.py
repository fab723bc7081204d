"""Manifests of each kind as JSON objects, sound; tests put into them what is not."""

from __future__ import annotations

import json

from mirror.errors import Code, Malformed
from mirror.oci.digest import Digest
from mirror.oci.manifest import classify
from mirror.oci.media_types import OCI_ARTIFACT, OCI_MANIFEST

Json = dict[str, object]

CONFIG = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": str(Digest.of(b"config")), "size": 6}
LAYER = {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": str(Digest.of(b"layer")), "size": 5}
FOREIGN = {
    "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    "digest": str(Digest.of(b"windows")),
    "size": 7,
    "urls": ["http://169.254.169.254/latest/meta-data"],
}
CHILD = {
    "mediaType": OCI_MANIFEST,
    "digest": str(Digest.of(b"child", "sha512")),
    "size": 5,
    "platform": {"os": "linux"},
}
ELSEWHERE = {"mediaType": OCI_MANIFEST, "digest": "blake3:00", "size": 5}

IMAGE: Json = {"schemaVersion": 2, "config": CONFIG, "layers": [LAYER, FOREIGN]}
INDEX: Json = {"schemaVersion": 2, "manifests": [CHILD]}
ARTIFACT: Json = {"mediaType": OCI_ARTIFACT, "artifactType": "application/example", "blobs": [LAYER], "subject": CHILD}
SCHEMA_1: Json = {
    "schemaVersion": 1,
    "name": "a/b",
    "tag": "x",
    "fsLayers": [{"blobSum": LAYER["digest"]}],
    "history": [],
}


def body(document: Json, **members: object) -> bytes:
    return json.dumps(document | members).encode()


def refused(content: bytes, content_type: str | None) -> bool:
    """Whether that is no manifest to us, and the upstream's fault."""
    try:
        classify(content, content_type)
    except Malformed as refusal:
        return refusal.code is Code.BAD_UPSTREAM
    return False
