"""What a manifest says of other content: its media type, digest and size. That it lies elsewhere, but never where.

https://github.com/opencontainers/image-spec/blob/main/descriptor.md
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from mirror.errors import Code, Malformed
from mirror.oci.digest import ALGORITHMS, Digest

SIZE_LIMIT = 2**63 - 1  # the specification's int64
_MEDIA_TYPE_LENGTH = 255  # RFC 6838 section 4.2: twice 127 and a slash

_any_digest = re.compile(r"([a-z0-9]+(?:[+._-][a-z0-9]+)*):[a-zA-Z0-9=_-]+", re.ASCII).fullmatch


@dataclass(frozen=True, slots=True)
class Descriptor:
    """`size` in bytes; `media_type` is empty where a document leaves it out. `urls` and embedded data are not kept.

    `foreign`: there are `urls`, so that a registry need not have it.
    """

    media_type: str
    digest: Digest
    size: int
    foreign: bool = False

    @classmethod
    def parse(cls, document: object) -> Self:
        """The descriptor that a JSON value is, else Malformed (BAD_UPSTREAM).

        DIGEST_INVALID instead when nothing is wrong but that its digest is of an algorithm that is not served here.
        """
        if not isinstance(document, Mapping):
            raise Malformed("a descriptor that is not an object", code=Code.BAD_UPSTREAM)
        media_type, digest, size = map(document.get, ("mediaType", "digest", "size"))
        named = "" if media_type is None else _media_type(media_type)
        return cls(named, _digest(digest), _size(size), bool(document.get("urls")))


def _media_type(value: object) -> str:
    if not isinstance(value, str) or len(value) > _MEDIA_TYPE_LENGTH or not (value.isascii() and value.isprintable()):
        raise Malformed("a descriptor whose mediaType is not one", code=Code.BAD_UPSTREAM)
    return value


def _digest(value: object) -> Digest:
    found = _any_digest(value) if isinstance(value, str) else None
    if found is None:
        raise Malformed("a descriptor whose digest is not one", code=Code.BAD_UPSTREAM)
    if found[1] not in ALGORITHMS:
        raise Malformed("a descriptor with a digest of another algorithm", code=Code.DIGEST_INVALID)
    try:
        return Digest.parse(found[0])
    except Malformed as reason:
        raise Malformed("a descriptor whose digest is not one", code=Code.BAD_UPSTREAM) from reason


def _size(value: object) -> int:
    # A bool is an int to Python, and is not one to anybody who wrote a manifest.
    if type(value) is not int or not 0 <= value <= SIZE_LIMIT:
        raise Malformed("a descriptor whose size is not one", code=Code.BAD_UPSTREAM)
    return value
