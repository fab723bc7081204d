"""Text by its name, in a small SQLite database with times at which it runs out. The one user of diskcache.

Knows nothing of what the text says.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import diskcache

Timeout: Final = diskcache.Timeout  # somebody else has held the database for too long

_NEVER_FULL = 1 << 62  # bytes: what is authoritative must not be culled behind our back


class TextDisk(diskcache.Disk):  # type: ignore[misc]
    """Keys and values are text within the database and nothing else, in either direction.

    The library's own classes unpickle what they find (CVE-2025-69872), and read any file that a row names.
    """

    def put(self, key: object) -> tuple[str, bool]:
        return _text(key), True

    def get(self, key: object, raw: object) -> str:
        """The key; "", which is no fact's, for one that is not text: raising would end the listing that it is in."""
        return key if raw and type(key) is str else ""

    def store(self, value: object, read: bool, key: object = None) -> tuple[int, int, None, str]:  # noqa: ARG002
        if read:
            raise ValueError("the catalog keeps no files")
        return 0, diskcache.core.MODE_RAW, None, _text(value)

    def fetch(self, mode: int, filename: str | None, value: object, read: bool) -> str:
        if mode != diskcache.core.MODE_RAW or filename is not None or read:
            raise ValueError("a value in the catalog is not text")
        return _text(value)

    def remove(self, file_path: object) -> None:
        """Remove nothing: no row of ours has a file, and the path in a row that has one may lead anywhere."""


class TextCache(diskcache.Cache):  # type: ignore[misc]
    """A database of text in this directory, in which nothing is culled."""

    def __init__(self, directory: Path) -> None:
        try:
            super().__init__(
                str(directory),
                timeout=2,
                disk=TextDisk,
                eviction_policy="none",
                size_limit=_NEVER_FULL,
                cull_limit=0,
                statistics=0,
                sqlite_mmap_size=0,  # a file that is cut, or cannot be read, under a mapping kills the process
            )
        except BaseException:
            self.close()  # what cannot be opened wholly is not left open in part
            raise


def _text(value: object) -> str:
    if type(value) is not str:
        raise ValueError("the catalog holds text only")
    return value
