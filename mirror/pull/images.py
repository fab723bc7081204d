"""Images whose manifests were handed out here lately: which blobs belong together, and how large they should be.

That a manifest names a blob gives nobody access to it, and proves nothing of its repository. Asks nobody.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from mirror.errors import Malformed
from mirror.oci.descriptor import Descriptor
from mirror.oci.digest import Digest
from mirror.oci.manifest import classify
from mirror.oci.media_types import ARTIFACT_TYPES, IMAGE_TYPES
from mirror.pull.content import Manifest
from mirror.pull.memory import SMALL
from mirror.pull.upstreams import Target

MOST = 8192  # blobs of all images together: some 500 bytes each
_TYPES = IMAGE_TYPES | ARTIFACT_TYPES  # never an index: a client takes one of its platforms, and says which

_Key = tuple[str, str, Digest]  # upstream, repository, and the digest of a manifest or a blob


@dataclass(frozen=True, slots=True)
class Part:
    """A blob of an image, and its size in bytes as the manifest has it."""

    digest: Digest
    size: int


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Image:
    """The blobs that a manifest names and that its registry has to have, in its order, each once."""

    parts: tuple[Part, ...]

    def behind(self, digest: Digest) -> Iterator[Part]:
        """The others: those behind this one first, because a client begins with the first that it lacks."""
        at = next((place for place, part in enumerate(self.parts) if part.digest == digest), -1)
        yield from self.parts[at + 1 :]
        yield from self.parts[: max(at, 0)]


class Images:
    """At most `most` blobs of images of all upstreams; the image that was longest not asked for is forgotten first."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._images: OrderedDict[_Key, Image] = OrderedDict()
        self._parts: dict[_Key, tuple[_Key, Part]] = {}  # of each blob: the image that was handed out last, and itself

    def note(self, target: Target, manifest: Manifest) -> None:
        """This manifest is being handed out to who means to pull from this repository."""
        key = (target.name, target.repository, manifest.digest)
        image = self._images.get(key)
        if image is None:
            image = _read(manifest)
            if image is None or len(image.parts) > self._most:
                return
            self._images[key] = image
        elif next(reversed(self._images)) == key:
            return
        self._images.move_to_end(key)
        for part in image.parts:
            self._parts[target.name, target.repository, part.digest] = key, part
        while len(self._parts) > self._most:
            self._forget()

    def holding(self, target: Target, digest: Digest) -> Image | None:
        """The image that this blob belongs to, the one handed out last if there are several."""
        found = self._parts.get((target.name, target.repository, digest))
        return None if found is None else self._images[found[0]]

    def size(self, target: Target, digest: Digest) -> int | None:
        """How large this blob should be, in bytes, if that is known."""
        found = self._parts.get((target.name, target.repository, digest))
        return None if found is None else found[1].size

    def _forget(self) -> None:
        key, image = self._images.popitem(last=False)
        upstream, repository, _ = key
        for part in image.parts:
            if self._parts.get((upstream, repository, part.digest), (None,))[0] == key:
                del self._parts[upstream, repository, part.digest]


def _read(manifest: Manifest) -> Image | None:
    """What is to be fetched of it; None for what is no image, or larger than any image's manifest has reason to be."""
    if manifest.body is None or len(manifest.body) > SMALL or manifest.media_type not in _TYPES:
        return None
    try:
        read = classify(manifest.body, manifest.media_type)
    except Malformed:
        return None
    parts = {blob.digest: Part(blob.digest, blob.size) for blob in read.blobs if not is_elsewhere(blob)}
    return Image(tuple(parts.values())) if parts else None


def is_elsewhere(blob: Descriptor) -> bool:
    """Whether a registry need not have it: foreign and non-distributable layers, of the image specification's word."""
    return blob.foreign or ".foreign." in blob.media_type or ".nondistributable." in blob.media_type
