"""How much of an image is here: what a client can be given of it while the upstream cannot be asked."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from mirror.oci.media_types import INDEX_TYPES

if TYPE_CHECKING:
    from mirror.store.images import Image


class Completeness(StrEnum):
    """Of an index only the platforms count that somebody has pulled: nobody misses the others."""

    FULL = "full"
    PARTIAL = "partial"  # something is missing that its manifest, or one of those that are here, needs
    INDEX_ONLY = "index only"  # none of the platforms
    MANIFEST_ONLY = "manifest only"  # none of its blobs


def completeness(image: Image) -> Completeness:
    """Of an image whose own manifest is here, as far as it was looked through."""
    if not image.missing:
        return Completeness.FULL
    is_index = image.media_type in INDEX_TYPES
    if image.held <= 1:
        return Completeness.INDEX_ONLY if is_index else Completeness.MANIFEST_ONLY
    return Completeness.FULL if is_index and not image.is_broken else Completeness.PARTIAL
