"""What a mirror has, as a file that another one reads: a line of JSON for each image and each blob.

Lines, because a cache may hold a million blobs; a digest that is none, or a name, is nobody's secret to be believed:
what it says is only left out of a bundle, and its receiver verifies what it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import orjson

from mirror.bundles.contents import Image
from mirror.errors import Malformed, MirrorError
from mirror.oci.digest import ALGORITHMS, Digest

VERSION = 1
_LONGEST = 4096  # bytes of a line
_MOST = 10_000_000  # lines
_NO_INVENTORY = "is not an inventory: `mirror inventory` makes one"


def lines_of(images: Iterable[Image], blobs: Iterable[Digest]) -> Iterator[bytes]:
    """The file, line by line."""
    yield _line({"mirror": "inventory", "version": VERSION})
    for image in images:
        yield _line({"image": image.full_name, "digest": str(image.digest)})
    for digest in blobs:
        yield _line({"blob": str(digest)})


def blobs_below(root: Path) -> Iterator[Digest]:
    """Every blob below a cache directory, by the names of its files, in their order. Blocks. Raises OSError."""
    for algorithm in sorted(ALGORITHMS):
        for path in sorted(entry.name for entry in (root / "blobs" / algorithm).iterdir()):
            try:
                yield Digest(algorithm, path)
            except Malformed:
                continue


def read_inventory(file: BinaryIO, name: str) -> frozenset[Digest]:
    """The blobs that an inventory tells of. Raises MirrorError when it is none, OSError. Blocks."""
    found, lines = set(), 0
    while line := file.readline(_LONGEST):
        if lines == 0 and _parsed(line, name) != {"mirror": "inventory", "version": VERSION}:
            raise MirrorError(f"{name} {_NO_INVENTORY} of this version")
        lines += 1
        if lines > _MOST:
            raise MirrorError(f"{name} is longer than any inventory")
        match _parsed(line, name):
            case {"blob": str(digest)}:
                try:
                    found.add(Digest.parse(digest))
                except Malformed:
                    raise MirrorError(f"{name} {_NO_INVENTORY}") from None
    if not lines:
        raise MirrorError(f"{name} is empty and {_NO_INVENTORY}")
    return frozenset(found)


def _parsed(line: bytes, name: str) -> dict[str, object]:
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise MirrorError(f"{name} {_NO_INVENTORY}")
    return document


def _line(document: dict[str, object]) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)
