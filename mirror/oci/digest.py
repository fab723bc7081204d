"""The names of content: an algorithm and its hash, in hexadecimal. Knows how to check bytes, not where they lie.

Grammar: https://github.com/opencontainers/image-spec/blob/main/descriptor.md#digests
Only the two registered algorithms that registries use are served: a digest that cannot be verified here is refused
before anybody is asked for it, and there is exactly one spelling of each, so that no key has an alias.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from mirror.errors import Code, Malformed

if TYPE_CHECKING:
    from hashlib import _Hash

# sha512 has to be told from sha256 by its name, and each has its one length: neither can be taken for the other.
_ENCODED = {
    "sha256": re.compile(r"[0-9a-f]{64}", re.ASCII).fullmatch,
    "sha512": re.compile(r"[0-9a-f]{128}", re.ASCII).fullmatch,
}
_HASHERS = {"sha256": hashlib.sha256, "sha512": hashlib.sha512}

ALGORITHMS = frozenset(_HASHERS)


@dataclass(frozen=True, slots=True)
class Digest:
    """`algorithm`:`encoded`. There is no way to hold one that is not valid, so it may become part of a path."""

    algorithm: str
    encoded: str

    def __post_init__(self) -> None:
        matches = _ENCODED.get(self.algorithm)
        if matches is None or matches(self.encoded) is None:
            raise Malformed("not a sha256 or sha512 digest in lower-case hexadecimal", code=Code.DIGEST_INVALID)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The digest written as `text`; Malformed (DIGEST_INVALID) for everything but the two canonical forms."""
        algorithm, _, encoded = text.partition(":")
        return cls(algorithm, encoded)

    @classmethod
    def of(cls, data: bytes, algorithm: str = "sha256") -> Self:
        """The digest of `data`; Malformed (DIGEST_INVALID) for an algorithm that is not served."""
        new = _HASHERS.get(algorithm)
        return cls(algorithm, "" if new is None else new(data).hexdigest())

    def hasher(self) -> _Hash:
        """A new hash object of this digest's algorithm, to be fed and then given to `matches`."""
        return _HASHERS[self.algorithm]()

    def matches(self, hasher: _Hash) -> bool:
        """Whether all that `hasher` (made by `self.hasher()`) was fed is the content that this digest names."""
        return hasher.hexdigest() == self.encoded  # the lengths tell the algorithms apart

    def verifies(self, data: bytes) -> bool:
        """Whether `data` is the content that this digest names."""
        return self.matches(_HASHERS[self.algorithm](data))

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.encoded}"
