"""What a client that does not take every kind of manifest is answered from: a variant of the tag, cached apart.

Some registries answer a client without index support with the manifest of one platform. That answer must never become
anybody else's, so each set of types that a client takes has records of its own. There are few such sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mirror.oci.media_types import ACCEPT, accepts

_TYPES = tuple(ACCEPT.split(", "))


@dataclass(frozen=True, slots=True)
class Variant:
    """`name` is part of the keys; `accept` is what the upstream is asked with."""

    name: str
    accept: str


MAIN = Variant("", ACCEPT)


def variant_for(accept: Sequence[str]) -> Variant:
    """The variant for a client with these `Accept` lines; the main one if it takes every type, or none that exists."""
    taken = [number for number, media_type in enumerate(_TYPES) if accepts(accept, media_type)]
    if not taken or len(taken) == len(_TYPES):
        return MAIN
    return Variant(",".join(map(str, taken)), ", ".join(_TYPES[number] for number in taken))
