"""What somebody has brought, whatever its kind: a bundle of ours, an OCI image layout, an archive of `docker save`.

All become the same: contents by name and digest, and where their bytes are read. Blocks; stores nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from mirror.bundles.contents import LARGEST, Contents, Image
from mirror.bundles.docker_archive import LIST, DockerArchive
from mirror.bundles.files import Files, read
from mirror.bundles.gathering import Gathering, Terms
from mirror.bundles.layout import CONTENTS, INDEX, MOST_OF_AN_INDEX, SEAL, path_of
from mirror.bundles.names import Name, annotated
from mirror.bundles.opening import LARGEST as LARGEST_UNPACKED
from mirror.bundles.seal import LARGEST as LARGEST_SEAL
from mirror.bundles.seal import check
from mirror.bundles.shelves import FileShelves, Shelves
from mirror.bundles.writing import verified
from mirror.errors import Code, Malformed, Refused
from mirror.oci.descriptor import Descriptor
from mirror.oci.digest import Digest
from mirror.oci.document import parse_object
from mirror.oci.manifest import DESCRIPTORS

_Named = tuple[Name | None, Digest]


@dataclass(frozen=True, slots=True)
class Parcel:
    """`is_signed`: whether a signature is there, which has been checked if there was a key."""

    contents: Contents
    shelves: Shelves
    is_signed: bool = False

    def without(self, here: Iterable[Digest]) -> Parcel:
        """The same for a receiver who has this already."""
        contents = self.contents
        has = frozenset(here)
        left = tuple(piece for piece in contents.pieces if piece.digest in has)
        pieces = tuple(piece for piece in contents.pieces if piece.digest not in has)
        return replace(self, contents=replace(contents, pieces=pieces, left_out=(*contents.left_out, *left)))

    def verify(self) -> None:
        """Read every byte. Raises DigestMismatch when one is not what it should be, Refused, OSError."""
        for piece in self.contents.pieces:
            for _ in verified(piece, self.shelves):
                pass


def open_parcel(
    files: Files, key: bytes | None = None, name: Name | None = None, largest: int = LARGEST_UNPACKED
) -> Parcel:
    """What the files are. `key`: the signature has to be by it. `name`: of the one image, whatever it is called there.
    `largest`: bytes that may come of layers that somebody has packed.

    Raises Refused, OSError.
    """
    contents = read(files, CONTENTS, LARGEST)
    if contents is not None:
        return _bundle(files, contents, key, name)
    if key is not None:
        raise _refused("it is not signed, and --verify-key demands it")
    index = read(files, INDEX, MOST_OF_AN_INDEX)
    if index is not None:
        return _gathered(FileShelves(files), _entries(index), name)
    if files.size(LIST) is not None:
        archive = DockerArchive(files, largest)
        return _gathered(archive, archive.images, name)
    raise _refused("it is no bundle, no OCI image layout, and no archive of `docker save`")


def _bundle(files: Files, encoded: bytes, key: bytes | None, name: Name | None) -> Parcel:
    is_signed = check(encoded, read(files, SEAL, LARGEST_SEAL) or b"", key)
    contents = Contents.parse(encoded)
    if any(files.size(path_of(piece.digest)) != piece.size for piece in contents.pieces):
        raise _refused("a file is missing, or has another size than its contents say: have it carried again")
    if name is not None:
        ((_, digest),) = _renamed([(image.name, image.digest) for image in contents.images], name)
        contents = replace(contents, images=(Image(name, digest),))
    return Parcel(contents, FileShelves(files), is_signed)


def _gathered(shelves: Shelves, images: list[_Named], name: Name | None) -> Parcel:
    gathering = Gathering(shelves, Terms())
    for named, digest in _renamed(images, name):
        if named is None:
            raise _refused("an image has no name: say --name NAME:TAG")
        found = gathering.look(Image(named, digest))
        if found.shortage is not None:
            raise Refused(found.shortage, code=Code.BAD_REQUEST)
        gathering.add(found)
    return Parcel(gathering.contents(), shelves)


def _renamed(images: list[_Named], name: Name | None) -> list[_Named]:
    if name is None:
        return images
    if len({digest for _, digest in images}) != 1:
        raise _refused("it holds several images, and --name is for one")
    return [(name, images[0][1])]


def _entries(index: bytes) -> list[_Named]:
    try:
        entries = parse_object(index, ("manifests",)).get("manifests")
        if not isinstance(entries, list) or not 0 < len(entries) <= DESCRIPTORS:
            raise _refused("its index lists nothing, or too much")
        return [(_name(entry), Descriptor.parse(entry).digest) for entry in entries]
    except Malformed:
        raise _refused("its index cannot be read") from None


def _name(entry: object) -> Name | None:
    return annotated(entry.get("annotations")) if isinstance(entry, dict) else None


def _refused(words: str) -> Refused:
    return Refused(f"this cannot be imported: {words}", code=Code.BAD_REQUEST)
