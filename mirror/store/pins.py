"""What the operator wants to keep, as patterns of image names. Pure: knows no blob, and not what is held."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from mirror.store.row_values import is_digest


@dataclass(frozen=True, slots=True)
class Pins:
    """`patterns` are digests, or shell patterns of `upstream/repository`, with `:tag` or `@digest` or without."""

    patterns: tuple[str, ...] = ()

    @classmethod
    def of(cls, patterns: Iterable[str]) -> Pins:
        return cls(tuple(sorted(patterns)))

    def covering(self, place: tuple[str, str], digest: str, tags: Sequence[str]) -> str | None:
        """The first pattern that means this image, of this upstream and repository; None when none does."""
        if not self.patterns:
            return None
        name = "/".join(place)
        names = [name, f"{name}@{digest}", *(f"{name}:{tag}" for tag in tags)]
        for pattern in self.patterns:
            if pattern == digest or any(fnmatchcase(one, pattern) for one in names):
                return pattern
        return None


def is_of_a_digest(pattern: str) -> bool:
    """Whether this pins content, whatever image it belongs to."""
    return is_digest(pattern)
