"""Container images made on the spot, from the standard library and the `zstd` program. Knows formats, not registries.

Whoever asks for the same image twice gets the same bytes; images of different names share no layer, because every
client keeps what it has and would not ask for it again.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

CREATED = "2024-01-01T00:00:00Z"
ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
ARTIFACT_CONFIG = "application/vnd.example.config.v1+json"


class Format(Enum):
    """The two families of media types that registries carry."""

    DOCKER = (
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.container.image.v1+json",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
    )
    OCI = (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.oci.image.layer.v1.tar+gzip",
    )

    def __init__(self, index: str, manifest: str, config: str, layer: str) -> None:
        self.index = index
        self.manifest = manifest
        self.config = config
        self.layer = layer


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes with their media type, known by their digest."""

    media_type: str
    data: bytes = field(repr=False)
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", digest_of(self.data))

    def descriptor(self, **more: object) -> dict[str, object]:
        return {"mediaType": self.media_type, "size": len(self.data), "digest": self.digest, **more}


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer as it travels (`packed`) and as it unpacks (`diff_id` is the digest of that tar)."""

    packed: Content
    diff_id: str


@dataclass(frozen=True, slots=True)
class Image:
    """One manifest with everything that it names."""

    manifest: Content
    config: Content
    layers: tuple[Layer, ...]

    @property
    def blobs(self) -> tuple[Content, ...]:
        return (self.config, *(layer.packed for layer in self.layers))


@dataclass(frozen=True, slots=True)
class Platform:
    architecture: str
    variant: str = ""

    def as_json(self) -> dict[str, str]:
        variant = {"variant": self.variant} if self.variant else {}
        return {"architecture": self.architecture, "os": "linux", **variant}


AMD64 = Platform("amd64")
ARM64 = Platform("arm64", "v8")


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def as_json(value: Mapping[str, object]) -> bytes:
    """Indented, so that a mirror which parses and writes anew is found out by the digest."""
    return json.dumps(value, indent=3).encode()


def tar_of(files: Mapping[str, bytes | str | None]) -> bytes:
    """A tar in which bytes are a file, text is a symbolic link's target, and None is a directory."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, value in files.items():
            entry = tarfile.TarInfo(name)
            entry.mode = 0o755
            if value is None:
                entry.type = tarfile.DIRTYPE
            elif isinstance(value, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, value
            else:
                entry.size = len(value)
            archive.addfile(entry, io.BytesIO(value) if isinstance(value, bytes) else None)
    return out.getvalue()


def gzip_layer(family: Format, tar: bytes) -> Layer:
    return Layer(Content(family.layer, gzip.compress(tar, 1, mtime=0)), digest_of(tar))


def zstd_layer(tar: bytes) -> Layer:
    packed = subprocess.run(
        ["zstd", "-q", "-3", "-c"], input=tar, stdout=subprocess.PIPE, check=True, timeout=60
    ).stdout
    return Layer(Content(ZSTD, packed), digest_of(tar))


def image(family: Format, platform: Platform, layers: Sequence[Layer]) -> Image:
    config = {
        **platform.as_json(),
        "created": CREATED,
        "config": {"Cmd": ["/bin/sh"], "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        "history": [{"created": CREATED, "created_by": f"layer {number}"} for number, _ in enumerate(layers)],
    }
    return _assemble(family, Content(family.config, as_json(config)), layers)


def attestation(of: Image) -> Image:
    """What BuildKit puts beside an image: a manifest of no platform that says how the image was built."""
    config = {"architecture": "unknown", "os": "unknown", "rootfs": {"type": "layers", "diff_ids": []}}
    statement = as_json({"_type": "https://in-toto.io/Statement/v0.1", "subject": [of.manifest.digest]})
    layer = Layer(Content("application/vnd.in-toto+json", statement), digest_of(statement))
    return _assemble(Format.OCI, Content(Format.OCI.config, as_json(config)), [layer])


def artifact(artifact_type: str, payload: bytes, subject: Content | None = None) -> Image:
    """A manifest that carries no file system; with a subject, it is a referrer of it."""
    layer = Layer(Content(artifact_type, payload), digest_of(payload))
    more: dict[str, Any] = {"artifactType": artifact_type}
    if subject is not None:
        more["subject"] = subject.descriptor()
    config = Content(ARTIFACT_CONFIG, as_json({"of": layer.diff_id}))
    return _assemble(Format.OCI, config, [layer], more)


def index(family: Format, entries: Sequence[Mapping[str, object]], **more: object) -> Content:
    """A Docker manifest list or an OCI index over descriptors."""
    document = {"schemaVersion": 2, "mediaType": family.index, "manifests": list(entries), **more}
    return Content(family.index, as_json(document))


def _assemble(family: Format, config: Content, layers: Sequence[Layer], more: Mapping[str, Any] | None = None) -> Image:
    document = {
        "schemaVersion": 2,
        "mediaType": family.manifest,
        "config": config.descriptor(),
        "layers": [layer.packed.descriptor() for layer in layers],
        **(more or {}),
    }
    return Image(Content(family.manifest, as_json(document)), config, tuple(layers))
