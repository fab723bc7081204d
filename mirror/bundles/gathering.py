"""What goes into a bundle: the chosen images with all that they consist of, and what of that is not to be had.

Looks, and changes nothing; knows not who chose, nor where the bundle goes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mirror.bundles.closure import Document, read_document, walk
from mirror.bundles.contents import MANIFEST, Contents, Image, Piece
from mirror.bundles.shelves import Shelves
from mirror.errors import Malformed
from mirror.oci.descriptor import Descriptor
from mirror.oci.digest import Digest
from mirror.oci.manifest import Kind
from mirror.oci.media_types import INDEX_TYPES


@dataclass(frozen=True, slots=True)
class Terms:
    """`platforms`: of indexes these alone, else those that are here. `has`: what the receiver has already."""

    platforms: tuple[str, ...] = ()
    has: frozenset[Digest] = frozenset()


@dataclass(slots=True)
class Found:
    """What is here of an image. `lacks`, or a `reason`, where it is not whole; None of both where it is."""

    image: Image
    manifests: dict[Digest, Piece] = field(default_factory=dict)
    blobs: dict[Digest, Piece] = field(default_factory=dict)
    absent: set[Digest] = field(default_factory=set)
    lacks: list[Digest] = field(default_factory=list)
    reason: str = ""
    is_bare: bool = False  # no more than an index, of which nobody has pulled any platform

    @property
    def can_be_pulled(self) -> bool:
        """Whether a pull by its name would bring what is not here."""
        return bool(self.lacks) or self.is_bare

    @property
    def shortage(self) -> str | None:
        """Why the image is not whole, in a line that names it."""
        if self.reason:
            return f"{self.image.full_name}: {self.reason}"
        if not self.lacks:
            return None
        more = f", nor {len(self.lacks) - 1} more" if len(self.lacks) > 1 else ""
        return f"{self.image.full_name} is not whole: {self.lacks[0]} is not here{more}"


class Gathering:
    """One bundle's: `look` for each image, `add` it, then have the `contents`."""

    def __init__(self, shelves: Shelves, terms: Terms) -> None:
        self._shelves = shelves
        self._terms = terms
        self._documents: dict[Digest, Document | None] = {}
        self._sizes: dict[Digest, int | None] = {}
        self._added: list[Found] = []

    def look(self, image: Image) -> Found:
        """What is here of it. A platform that was not chosen, or that nobody has pulled, is no lack."""
        found = Found(image)
        root = self._document(image.digest)
        if root is None:
            found.lacks.append(image.digest)
            return found
        if root.kind is Kind.SCHEMA1:
            found.reason = "an image of schema 1 has no place in an OCI image layout"
            return found
        for document in walk(image.digest, lambda digest: self._followed(digest, found)):
            found.manifests[document.digest] = Piece(document.digest, document.size, document.media_type)
            found.absent |= {entry.digest for entry in document.manifests if not self._is_chosen(document, entry)}
            self._take_blobs(document, found)
        if root.kind is Kind.INDEX and all(piece.media_type in INDEX_TYPES for piece in found.manifests.values()):
            told = ", ".join(sorted({name for name in root.platforms.values() if "/" in name}))
            found.is_bare = not self._terms.platforms
            of = "its platforms" if found.is_bare else "the platforms asked for"
            found.reason = f"none of {of} is here; it lists {told or 'none'}"
        return found

    def add(self, found: Found) -> bool:
        """Take an image along as far as it is here; whether its manifest is, without which nothing is taken."""
        if found.image.digest in found.manifests:
            self._added.append(found)
        return found.image.digest in found.manifests

    def contents(self) -> Contents:
        """In an order that depends on nothing but what there is."""
        manifests = {digest: piece for found in self._added for digest, piece in found.manifests.items()}
        blobs = {digest: piece for found in self._added for digest, piece in found.blobs.items()}
        absent = {digest for found in self._added for digest in (*found.absent, *found.lacks)}
        blobs = {digest: piece for digest, piece in blobs.items() if digest not in manifests}
        pieces = [*sorted(manifests.values(), key=_by_digest), *sorted(blobs.values(), key=_by_digest)]
        return Contents(
            tuple(sorted({found.image for found in self._added}, key=lambda image: image.full_name)),
            tuple(piece for piece in pieces if piece.digest not in self._terms.has),
            tuple(piece for piece in pieces if piece.digest in self._terms.has),
            frozenset(absent - manifests.keys() - blobs.keys()),
        )

    def _followed(self, digest: Digest, found: Found) -> Document | None:
        """A manifest that belongs to the image, None for one that does not; what is missing is noted."""
        if digest in found.absent:
            return None
        document = self._document(digest)
        if document is None:
            (found.lacks.append if self._terms.platforms else found.absent.add)(digest)
        elif digest != found.image.digest and self._was_never_pulled(document):
            found.absent.add(digest)
            return None
        return document

    def _was_never_pulled(self, document: Document) -> bool:
        """Whether there is no more of it than the manifest, which some clients read of every platform."""
        if self._terms.platforms or not document.blobs:
            return False
        return all(self._size(blob.digest) is None for blob in document.blobs)

    def _take_blobs(self, document: Document, found: Found) -> None:
        for blob in document.blobs:
            size = self._size(blob.digest)
            if size is not None:
                found.blobs[blob.digest] = Piece(blob.digest, size)
            elif blob.foreign:
                found.absent.add(blob.digest)  # who wants it has it from where the descriptor says
            elif blob.digest not in found.lacks:
                found.lacks.append(blob.digest)

    def _is_chosen(self, document: Document, entry: Descriptor) -> bool:
        if not self._terms.platforms or entry.media_type in INDEX_TYPES:
            return True
        platform = document.platforms.get(str(entry.digest), "")
        return any(f"{platform}/".startswith(f"{chosen}/") for chosen in self._terms.platforms)

    def _document(self, digest: Digest) -> Document | None:
        if digest not in self._documents:
            self._documents[digest] = self._read(digest)
        return self._documents[digest]

    def _read(self, digest: Digest) -> Document | None:
        size = self._size(digest)
        if size is None or size > MANIFEST:
            return None
        try:
            return read_document(digest, b"".join(self._shelves.read(digest)), None)
        except Malformed:
            return None

    def _size(self, digest: Digest) -> int | None:
        if digest not in self._sizes:
            self._sizes[digest] = self._shelves.size(digest)
        return self._sizes[digest]


def _by_digest(piece: Piece) -> str:
    return str(piece.digest)
