"""How much of an image is here: what a client can be given of it while the upstream cannot be asked."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from mirror.oci.media_types import INDEX_TYPES

if TYPE_CHECKING:
    from mirror.store.images import Image, Names, Sizes


class Needs(Protocol):
    """What is known of documents and of what they need."""

    def closure(self, digest: str) -> Sizes:
        """What a document needs and what that needs, itself first: digests, with the bytes of each that is stored."""
        ...

    def needed_by(self, digest: str) -> Names:
        """The stored documents that refer to this."""
        ...


class Completeness(StrEnum):
    """Of an index only the platforms count that somebody has pulled: nobody misses the others."""

    FULL = "full"
    PARTIAL = "partial"  # something is missing that its manifest, or one of those that are here, needs
    INDEX_ONLY = "index only"  # none of the platforms
    MANIFEST_ONLY = "manifest only"  # none of its blobs


def completeness(image: Image, needs: Needs) -> Completeness:
    """Of an image whose own manifest is here. Milliseconds, for one that lacks something."""
    if not image.missing:
        return Completeness.FULL
    parts = needs.closure(image.digest)
    held = [digest for digest, size in parts if size is not None]
    is_index = image.media_type in INDEX_TYPES
    if len(held) <= 1:
        return Completeness.INDEX_ONLY if is_index else Completeness.MANIFEST_ONLY
    if not is_index:
        return Completeness.PARTIAL
    root, inside = held[0], set(held)
    missing = (digest for digest, size in parts if size is None)
    below = any((inside - {root}).intersection(needs.needed_by(digest)) for digest in missing)
    return Completeness.PARTIAL if below else Completeness.FULL
