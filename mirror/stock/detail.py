"""One image, looked at: its platforms and their blobs, how much of each is here, and what it shares with others."""

from __future__ import annotations

from typing import Any

from mirror.errors import Malformed
from mirror.oci.descriptor import Descriptor
from mirror.oci.digest import Digest
from mirror.oci.manifest import Kind, Manifest, classify
from mirror.oci.platforms import UNKNOWN, platform_of, platforms_of
from mirror.stock.documents import read_document
from mirror.stock.finding import found
from mirror.stock.listing import row
from mirror.stock.naming import Named
from mirror.store.images import Image
from mirror.store.looking import Looking

_MOST = 256  # manifests of an index


def detailed(looking: Looking, named: Named) -> dict[str, Any]:
    """The image as a document. Blocks. Raises as `found`, and StoreFailed when the disk cannot be read."""
    image, *others = found(looking, named)
    view = _View(looking, image)
    pattern = looking.images.all_pins().covering((image.upstream, image.repository), image.digest, image.tags)
    return {
        **row(image, looking.images),
        "kind": view.kind.value,
        "shared": view.shared,
        "pinned_by": pattern or (image.digest if image.pinned else None),
        "platforms": view.platforms(),
        "also_in": [f"{other.upstream}/{other.repository}" for other in others],
    }


class _View:
    """What is here of one image."""

    def __init__(self, looking: Looking, image: Image) -> None:
        self._looking = looking
        parts = looking.images.closure(image.digest)
        self._sizes = dict(parts)
        self._shared = {digest for digest, size in parts if size is not None and self._is_shared(digest)}
        self._digest = image.digest
        self._body = self._read(Digest.parse(parts[0][0]))
        self._manifest = _classified(self._body, image.media_type)

    @property
    def kind(self) -> Kind:
        return Kind.OTHER if self._manifest is None else self._manifest.kind

    @property
    def shared(self) -> int:
        """Bytes that something else needs, too."""
        return sum(self._sizes[digest] or 0 for digest in self._shared)

    def platforms(self) -> list[dict[str, Any]]:
        """An entry for each platform: those of an index, or the image's only one."""
        if self._manifest is None:
            return []
        if self._manifest.kind is not Kind.INDEX:
            return [self._platform(self._of_config(self._manifest), self._digest, self._manifest)]
        names = platforms_of(self._body or b"")
        return [
            self._platform(names.get(str(entry.digest), UNKNOWN), str(entry.digest), self._listed(entry))
            for entry in self._manifest.manifests[:_MOST]
        ]

    def _platform(self, platform: str, digest: str, manifest: Manifest | None) -> dict[str, Any]:
        if manifest is None:
            told: dict[str, Any] = {"completeness": "absent", "size": None, "held": 0, "blobs": []}
        else:
            blobs = {blob.digest: blob for blob in manifest.blobs}.values()
            held = [blob for blob in blobs if self._is_held(blob)]
            told = {
                "completeness": "full" if len(held) == len(blobs) else "partial" if held else "manifest only",
                "size": sum(blob.size for blob in blobs),
                "held": sum(blob.size for blob in held),
                "blobs": [self._blob(blob, _role(blob, manifest)) for blob in blobs],
            }
        return {"platform": platform, "digest": digest, **told}

    def _blob(self, blob: Descriptor, role: str) -> dict[str, Any]:
        return {
            "role": role,
            "digest": str(blob.digest),
            "media_type": blob.media_type,
            "size": blob.size,
            "held": self._is_held(blob),
            "shared": str(blob.digest) in self._shared,
        }

    def _listed(self, entry: Descriptor) -> Manifest | None:
        return _classified(self._read(entry.digest), entry.media_type or None)

    def _of_config(self, manifest: Manifest) -> str:
        if manifest.kind is not Kind.IMAGE or not manifest.blobs:
            return UNKNOWN
        return platform_of(self._read(manifest.blobs[0].digest) or b"")

    def _is_held(self, blob: Descriptor) -> bool:
        return self._sizes.get(str(blob.digest)) is not None

    def _is_shared(self, digest: str) -> bool:
        return any(parent not in self._sizes for parent in self._looking.images.needed_by(digest))

    def _read(self, digest: Digest) -> bytes | None:
        return read_document(self._looking, digest)


def _classified(body: bytes | None, media_type: str | None) -> Manifest | None:
    try:
        return None if body is None else classify(body, media_type)
    except Malformed:
        return None


def _role(blob: Descriptor, manifest: Manifest) -> str:
    if manifest.kind is not Kind.IMAGE:
        return "blob"
    return "config" if blob is manifest.blobs[0] else "layer"
