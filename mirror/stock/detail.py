"""One image, looked at: its platforms and their blobs, how much of each is here, and what it shares with others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mirror.errors import Malformed
from mirror.oci.descriptor import Descriptor
from mirror.oci.digest import Digest
from mirror.oci.manifest import Kind, Manifest, classify
from mirror.oci.platforms import UNKNOWN, platform_of, platforms_of
from mirror.stock.documents import read_document
from mirror.stock.finding import PARTS, Found, found
from mirror.stock.listing import row
from mirror.stock.naming import Named
from mirror.store.looking import Looking
from mirror.store.reach import needing


@dataclass(frozen=True, slots=True)
class Most:
    """How much is told of an image, what is beyond that being counted; and how much is looked at for it."""

    parts: int = PARTS
    platforms: int = 256  # manifests of an index
    blobs: int = 5000  # of all of them together
    read: int = 16 * 1024**2  # bytes of manifests
    tags: int = 1000


def detailed(looking: Looking, named: Named, most: Most = Most()) -> dict[str, Any]:
    """The image as a document. Blocks. Raises as `found`, and StoreFailed when the disk cannot be read.

    Whoever may push an image somewhere chooses how large it is, so there is a bound for everything.
    """
    there = found(looking, named, most.parts)
    image, view = there.image, _View(looking, there)
    pattern = looking.images.all_pins().covering((image.upstream, image.repository), image.digest, image.tags)
    platforms = view.platforms(most)
    return {
        **row(image),
        "tags": list(image.tags[: most.tags]),
        "tags_untold": len(image.tags[most.tags :]),
        "kind": view.kind.value,
        "shared": view.shared,
        "pinned_by": pattern or (image.digest if image.pinned else None),
        "platforms": platforms,
        "platforms_untold": view.listed - len(platforms),
        "also_in": [f"{upstream}/{repository}" for upstream, repository in there.elsewhere],
        "also_in_untold": there.elsewhere_all - len(there.elsewhere),
    }


class _View:
    """What is here of one image, as far as that was looked through."""

    def __init__(self, looking: Looking, there: Found) -> None:
        self._looking = looking
        self._digest = there.image.digest
        self._sizes = dict(there.reach.parts)
        self._shared = {digest for digest, size in there.reach.parts if size is not None and self._is_shared(digest)}
        self._body = self._read(Digest.parse(there.reach.parts[0][0]))
        self._manifest = _classified(self._body, there.image.media_type)

    @property
    def kind(self) -> Kind:
        return Kind.OTHER if self._manifest is None else self._manifest.kind

    @property
    def shared(self) -> int:
        """Bytes that something else needs, too."""
        return sum(self._sizes[digest] or 0 for digest in self._shared)

    @property
    def listed(self) -> int:
        """How many platforms there are to tell of."""
        if self._manifest is None:
            return 0
        return len(self._manifest.manifests) if self._manifest.kind is Kind.INDEX else 1

    def platforms(self, most: Most) -> list[dict[str, Any]]:
        """An entry for each platform: those of an index, or the image's only one."""
        if self._manifest is None:
            return []
        if self._manifest.kind is not Kind.INDEX:
            return [self._platform(self._of_config(self._manifest), self._digest, self._manifest, most.blobs)]
        names = platforms_of(self._body or b"")
        told: list[dict[str, Any]] = []
        read, blobs = 0, most.blobs
        for entry in self._manifest.manifests[: most.platforms]:
            body = self._read(entry.digest)
            read += len(body or b"")
            if read > most.read:
                break
            manifest = _classified(body, entry.media_type or None)
            told.append(self._platform(names.get(str(entry.digest), UNKNOWN), str(entry.digest), manifest, blobs))
            blobs -= len(told[-1]["blobs"])
        return told

    def _platform(self, platform: str, digest: str, manifest: Manifest | None, most: int) -> dict[str, Any]:
        if manifest is None:
            told: dict[str, Any] = {"completeness": "absent", "size": None, "held": 0, "blobs": [], "blobs_untold": 0}
        else:
            blobs = [*{blob.digest: blob for blob in (*manifest.blobs, *manifest.manifests)}.values()]
            held = [blob for blob in blobs if self._is_held(blob)]
            told = {
                "completeness": "full" if len(held) == len(blobs) else "partial" if held else "manifest only",
                "size": sum(blob.size for blob in blobs),
                "held": sum(blob.size for blob in held),
                "blobs": [self._blob(blob, _role(blob, manifest)) for blob in blobs[:most]],
                "blobs_untold": len(blobs[most:]),
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

    def _of_config(self, manifest: Manifest) -> str:
        if manifest.kind is not Kind.IMAGE or not manifest.blobs:
            return UNKNOWN
        return platform_of(self._read(manifest.blobs[0].digest) or b"")

    def _is_held(self, blob: Descriptor) -> bool:
        return self._sizes.get(str(blob.digest)) is not None

    def _is_shared(self, digest: str) -> bool:
        return any(parent not in self._sizes for parent in needing(self._looking.index, digest))

    def _read(self, digest: Digest) -> bytes | None:
        return read_document(self._looking, digest)


def _classified(body: bytes | None, media_type: str | None) -> Manifest | None:
    try:
        return None if body is None else classify(body, media_type)
    except Malformed:
        return None


def _role(blob: Descriptor, manifest: Manifest) -> str:
    if manifest.kind is Kind.INDEX:
        return "manifest"
    if manifest.kind is not Kind.IMAGE:
        return "blob"
    return "config" if blob is manifest.blobs[0] else "layer"
