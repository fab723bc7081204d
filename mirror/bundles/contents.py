"""What a bundle holds: its images by their names, its manifests and blobs by their digests. A value, and its JSON.

The same contents are always the same bytes, so that their digest is the bundle's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import orjson

from mirror.bundles.names import Name
from mirror.errors import Code, Malformed, Refused
from mirror.oci.descriptor import SIZE_LIMIT
from mirror.oci.digest import Digest
from mirror.oci.media_types import may_be_a_manifests

VERSION = 1
LARGEST = 32 * 1024**2  # bytes of the JSON: some 300 000 blobs
MANIFEST = 4 * 1024**2  # bytes of a manifest
MANIFESTS = 64 * 1024**2  # bytes of all manifests: who takes a bundle holds what they name

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Image:
    """A name and the top-level manifest that it stood for."""

    name: Name
    digest: Digest

    @property
    def full_name(self) -> str:
        return self.name.written(str(self.digest))


@dataclass(frozen=True, slots=True)
class Piece:
    """Content by its digest, with its size in bytes; of a manifest with its media type."""

    digest: Digest
    size: int
    media_type: str | None = None


@dataclass(frozen=True, slots=True)
class Contents:
    """`pieces` come in this order: manifests first. `left_out`: what the receiver has already. `absent`: what the
    sender has not, or was not asked for (other platforms).
    """

    images: tuple[Image, ...]
    pieces: tuple[Piece, ...]
    left_out: tuple[Piece, ...] = ()
    absent: frozenset[Digest] = frozenset()

    @property
    def size(self) -> int:
        """Bytes of what is in the bundle."""
        return sum(piece.size for piece in self.pieces)

    @property
    def whole_size(self) -> int:
        """Bytes of what the images consist of, what is left out included."""
        return sum(piece.size for piece in (*self.pieces, *self.left_out))

    @property
    def manifests_size(self) -> int:
        """Bytes of all manifests, those that are left out included."""
        return sum(piece.size for piece in (*self.pieces, *self.left_out) if piece.media_type is not None)

    def known(self) -> dict[Digest, Piece]:
        """Every piece that is in the bundle or with its receiver, by its digest."""
        return {piece.digest: piece for piece in (*self.pieces, *self.left_out)}

    def encode(self) -> bytes:
        """The JSON."""
        document = {
            "mirror": "bundle",
            "version": VERSION,
            "images": [
                {
                    "upstream": image.name.upstream,
                    "repository": image.name.repository,
                    "tag": image.name.tag,
                    "digest": str(image.digest),
                }
                for image in self.images
            ],
            "pieces": list(map(_written, self.pieces)),
            "left_out": list(map(_written, self.left_out)),
            "absent": sorted(map(str, self.absent)),
        }
        return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)

    @classmethod
    def parse(cls, data: bytes) -> Contents:
        """Raises Refused (BAD_REQUEST) for whatever no mirror of this version has written."""
        try:
            document = orjson.loads(data)
            match document:
                case {"mirror": "bundle", "version": int(version)} if version != VERSION:
                    raise _refused("the bundle was made by a later version of mirror: take that one here, too")
                case {"mirror": "bundle", "version": int(), **rest} if rest.keys() == _MEMBERS:
                    contents = cls(
                        tuple(_each(rest["images"], _image)),
                        tuple(_each(rest["pieces"], _piece)),
                        tuple(_each(rest["left_out"], _piece)),
                        frozenset(_each(rest["absent"], _digest)),
                    )
                case _:
                    raise _refused("the contents of the bundle are not those of one")
        except (orjson.JSONDecodeError, Malformed):
            raise _refused("the contents of the bundle cannot be read") from None
        _check(contents)
        return contents


_MEMBERS = {"images", "pieces", "left_out", "absent"}


def _check(contents: Contents) -> None:
    named = [piece.digest for piece in (*contents.pieces, *contents.left_out)] + list(contents.absent)
    if len(named) != len(set(named)):
        raise _refused("the contents of the bundle name something twice")
    manifests = {piece.digest for piece in (*contents.pieces, *contents.left_out) if piece.media_type is not None}
    if not manifests.issuperset(image.digest for image in contents.images):
        raise _refused("the contents of the bundle name an image without its manifest")
    if contents.manifests_size > MANIFESTS:
        raise _refused("the manifests of the bundle are larger than those of any")
    order = [piece.media_type is None for piece in contents.pieces]
    if order != sorted(order):
        raise _refused("the bundle does not begin with its manifests")
    if any(piece.media_type is not None and piece.size > MANIFEST for piece in (*contents.pieces, *contents.left_out)):
        raise _refused("the bundle names a manifest that is larger than any")


def _each(entries: object, parse: Callable[[object], T]) -> Iterator[T]:
    if not isinstance(entries, list):
        raise Malformed("not a list")
    return map(parse, entries)


def _image(entry: object) -> Image:
    match entry:
        case {"upstream": str(upstream), "repository": str(repository), "tag": str() | None as tag, "digest": digest}:
            return Image(Name.checked(upstream, repository, tag), _digest(digest))
    raise Malformed("not an image")


def _piece(entry: object) -> Piece:
    match entry:
        case {"digest": digest, "size": int(size), **rest} if type(size) is int and 0 <= size <= SIZE_LIMIT:
            media_type = rest.get("media_type")
            if media_type is None or (isinstance(media_type, str) and may_be_a_manifests(media_type)):
                return Piece(_digest(digest), size, media_type)
    raise Malformed("not a piece of content")


def _digest(value: object) -> Digest:
    if not isinstance(value, str):
        raise Malformed("not a digest")
    return Digest.parse(value)


def _written(piece: Piece) -> dict[str, object]:
    written: dict[str, object] = {"digest": str(piece.digest), "size": piece.size}
    return written if piece.media_type is None else {**written, "media_type": piece.media_type}


def _refused(words: str) -> Refused:
    return Refused(words, code=Code.BAD_REQUEST)
