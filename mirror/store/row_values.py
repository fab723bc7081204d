"""Whether what was read from a database can be what was once written there. Knows no tables."""

from __future__ import annotations

from mirror.errors import Malformed
from mirror.oci.digest import Digest

_LONGEST_TYPE = 255  # characters


def is_media_type(value: object) -> bool:
    """Whether this can be sent in a header: printable ASCII, and not too much of it."""
    return isinstance(value, str) and len(value) <= _LONGEST_TYPE and value.isascii() and value.isprintable()


def is_digest(value: object) -> bool:
    """Whether this is the name of content, so that it may become part of a path."""
    if not isinstance(value, str):
        return False
    try:
        Digest.parse(value)
    except Malformed:
        return False
    return True
