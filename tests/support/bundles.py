"""Small images as they are carried: kept in memory, put into archives, taken into a store."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from pathlib import Path

from mirror.bundles.contents import Contents, Image
from mirror.bundles.gathering import Gathering, Terms
from mirror.bundles.layout import Plan
from mirror.bundles.names import Name
from mirror.bundles.receiving import Received, Receiving
from mirror.bundles.writing import archive_of
from mirror.oci.digest import Digest
from mirror.store.store import Store
from tests.support import content

HUB = "docker.io"
TERMS = Terms()


class Kept:
    """Content in memory, by its digest."""

    def __init__(self) -> None:
        self.held: dict[Digest, bytes] = {}

    def size(self, digest: Digest) -> int | None:
        return len(self.held[digest]) if digest in self.held else None

    def read(self, digest: Digest) -> Iterator[bytes]:
        return iter([self.held[digest]])

    def put(self, data: bytes, algorithm: str = "sha256") -> Digest:
        digest = Digest.of(data, algorithm)
        self.held[digest] = data
        return digest

    def image(self, *layers: bytes) -> content.Image:
        """An OCI image of these layers, whole."""
        config = content.config(layers)
        body = content.manifest(config, layers)
        digests = tuple(map(self.put, layers))
        return content.Image(self.put(body), body, content.OCI_MANIFEST, self.put(config), digests)

    def index(self, *images: content.Image) -> Digest:
        """An OCI index of them, for amd64, arm64 and so on."""
        return self.put(content.index(images))


def named(repository: str, digest: Digest, tag: str | None = "1") -> Image:
    return Image(Name(HUB, repository, tag), digest)


def contents_of(kept: Kept, images: Iterable[Image], terms: Terms = TERMS) -> Contents:
    """What a bundle of these images holds."""
    gathering = Gathering(kept, terms)
    for image in images:
        assert gathering.add(gathering.look(image))
    return gathering.contents()


def packed(kept: Kept, *images: Image, terms: Terms = TERMS, key: bytes | None = None) -> bytes:
    """A bundle of them as a tar archive."""
    return b"".join(archive_of(Plan(contents_of(kept, images, terms), key), kept))


async def in_pieces(data: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


async def taken(store: Store, data: bytes) -> Received:
    """Import a bundle into a store."""
    return await Receiving(store).take(in_pieces(data))


def tar_of(files: Mapping[str, bytes]) -> bytes:
    """An archive of files with these paths, as the standard library writes it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, data in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def files_of(archive: bytes) -> dict[str, bytes]:
    """The files in an archive, in their order."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        return {member.name: _read(opened, member) for member in opened.getmembers()}


def docker_archive(layers: Mapping[str, bytes], *tags: str) -> dict[str, bytes]:
    """The files of what `docker save` wrote before it wrote image layouts, of one image."""
    config = content.config([*layers.values()])
    entry = {"Config": "config.json", "RepoTags": list(tags) or None, "Layers": list(layers)}
    return {**layers, "config.json": config, "manifest.json": json.dumps([entry]).encode()}


def written(root: Path, files: Mapping[str, bytes]) -> Path:
    """A directory with these files."""
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


def _read(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    return b"" if file is None else file.read()
