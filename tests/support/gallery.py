"""The images that the real clients pull: one for each shape that registries hold, all with content of their own."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.support.images import (
    AMD64,
    ARM64,
    ARTIFACT_CONFIG,
    ZSTD,
    Content,
    Format,
    Image,
    Layer,
    Platform,
    artifact,
    attestation,
    gzip_layer,
    image,
    index,
    tar_of,
    zstd_layer,
)

BIG_LAYER = 8 * 1024 * 1024  # bytes; incompressible
COMMANDS = ("sh", "ls", "cat", "echo", "uname", "true")


@dataclass(frozen=True, slots=True)
class Published:
    """What stands in one repository under one tag: `root`, the images below it, and what hangs on it."""

    repository: str
    tag: str
    root: Content
    images: tuple[Image, ...]  # the first is what a linux/amd64 client takes
    attached: tuple[tuple[str, Content, tuple[Image, ...]], ...] = ()  # tag, its manifest, the images below

    @property
    def by_tag(self) -> str:
        return f"docker.io/{self.repository}:{self.tag}"

    @property
    def by_digest(self) -> str:
        return f"docker.io/{self.repository}@{self.root.digest}"

    @property
    def is_artifact(self) -> bool:
        """Whether there is no file system in it."""
        return self.chosen.config.media_type == ARTIFACT_CONFIG

    @property
    def is_zstd(self) -> bool:
        return any(layer.packed.media_type == ZSTD for layer in self.chosen.layers)

    @property
    def chosen(self) -> Image:
        return self.images[0]

    @property
    def manifests(self) -> tuple[Content, ...]:
        """What a linux/amd64 client reads, from the top down."""
        return (self.root,) if self.root == self.chosen.manifest else (self.root, self.chosen.manifest)


class Painter:
    """Makes root file systems around one static busybox, each with its image's name in it."""

    def __init__(self, busybox: Path) -> None:
        self._busybox = busybox.read_bytes()

    def root(self, name: str, platform: Platform) -> bytes:
        return tar_of(
            {
                "bin": None,
                "etc": None,
                "tmp": None,
                "bin/busybox": self._busybox,
                **{f"bin/{command}": "busybox" for command in COMMANDS},
                "etc/arch": f"{platform.architecture}\n".encode(),
                "etc/image": f"{name}\n".encode(),
                "etc/passing": f"{name} {platform.architecture}: gone with the last layer\n".encode(),
            }
        )

    def layers(self, family: Format, name: str, platform: Platform) -> list[Layer]:
        """Three layers: a root file system, one file more, and a whiteout of another."""
        added = tar_of({"etc": None, "etc/added": f"added to {name} {platform.architecture}\n".encode()})
        removed = tar_of(
            {"etc": None, "etc/.wh.passing": b"", "etc/last": f"{name} {platform.architecture}\n".encode()}
        )
        return [gzip_layer(family, tar) for tar in (self.root(name, platform), added, removed)]

    def image(self, family: Format, name: str, platform: Platform = AMD64) -> Image:
        return image(family, platform, self.layers(family, name, platform))


def gallery(busybox: Path) -> dict[str, Published]:
    """Every image by its short name. The bytes depend on the busybox and on the machine's zlib and zstd alone."""
    painter = Painter(busybox)
    return {
        "schema2": _single(painter, Format.DOCKER, "library/schema2"),
        "oci": _single(painter, Format.OCI, "library/oci"),
        "list": _several(painter, Format.DOCKER, "library/list"),
        "index": _several(painter, Format.OCI, "library/index"),
        "pinned-list": _several(painter, Format.DOCKER, "library/pinned-list"),
        "pinned-oci": _single(painter, Format.OCI, "library/pinned-oci"),
        "top": _single(painter, Format.OCI, "top"),
        "zstd": _zstd(painter),
        "many": _many(painter),
        "nested": _signed(painter),
        "artifact": _artifact(),
        **{f"big-{use}": _big(painter, use) for use in ("abandoned", "cut", "killed", "shared")},
    }


def _single(painter: Painter, family: Format, repository: str) -> Published:
    only = painter.image(family, repository)
    return Published(repository, "1.0", only.manifest, (only,))


def _several(painter: Painter, family: Format, repository: str) -> Published:
    images = [painter.image(family, repository, platform) for platform in (AMD64, ARM64)]
    entries = [one.manifest.descriptor(platform=of.as_json()) for one, of in zip(images, (AMD64, ARM64), strict=True)]
    if family is Format.DOCKER:
        return Published(repository, "latest", index(family, entries), tuple(images))
    proof = attestation(images[0])
    of_no_platform = {"architecture": "unknown", "os": "unknown"}
    annotations = {
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": images[0].manifest.digest,
    }
    entries.append(proof.manifest.descriptor(platform=of_no_platform, annotations=annotations))
    root = index(family, entries, annotations={"org.opencontainers.image.version": "3"})
    return Published(repository, "latest", root, (*images, proof))


def _zstd(painter: Painter) -> Published:
    only = image(Format.OCI, AMD64, [zstd_layer(painter.root("library/zstd", AMD64))])
    return Published("library/zstd", "latest", only.manifest, (only,))


def _many(painter: Painter) -> Published:
    first = painter.root("library/many", AMD64)
    rest = (tar_of({f"part-{number}": _noise(f"many {number}", 200_000)}) for number in range(11))
    return _of_layers("library/many", (first, *rest))


def _big(painter: Painter, use: str) -> Published:
    name = f"library/big-{use}"
    return _of_layers(name, (painter.root(name, AMD64), tar_of({"big": _noise(name, BIG_LAYER)})))


def _of_layers(repository: str, tars: Iterable[bytes]) -> Published:
    only = image(Format.DOCKER, AMD64, [gzip_layer(Format.DOCKER, tar) for tar in tars])
    return Published(repository, "latest", only.manifest, (only,))


def _signed(painter: Painter) -> Published:
    """A name of three parts; its referrer stands in the fallback tag that registries without the API use."""
    plain = _several(painter, Format.OCI, "acme/team/signed")
    signature = artifact("application/vnd.example.signature.v1", b"signed: acme/team/signed", subject=plain.root)
    referrers = index(Format.OCI, [signature.manifest.descriptor(artifactType="application/vnd.example.signature.v1")])
    fallback = plain.root.digest.replace(":", "-")
    return Published(plain.repository, plain.tag, plain.root, plain.images, ((fallback, referrers, (signature,)),))


def _artifact() -> Published:
    only = artifact("application/vnd.example.chart.v1.tar+gzip", _noise("acme/charts/hello", 50_000))
    return Published("acme/charts/hello", "0.1.0", only.manifest, (only,))


def _noise(seed: str, size: int) -> bytes:
    return random.Random(seed).randbytes(size)
