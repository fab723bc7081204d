"""The size that a blob will have, noted beside the part of it that is there: who goes on with it knows the whole."""

from __future__ import annotations

import os

from mirror.store.filesystem import Filesystem

_NAME = "total"
_DIGITS = 20  # of the largest size that a file may have


def note_total(files: Filesystem, directory: int, total: int | None, noted: int | None) -> int | None:
    """Note it in the ingest's directory, whatever stood there; what is noted now. Nothing is done when it is known to
    stand there, or is not known itself. Blocks. Raises OSError, and may have torn it then.
    """
    if total is None or total == noted:
        return noted
    descriptor, _ = files.open_to_write(_NAME, directory)
    try:
        files.truncate(descriptor, 0)
        files.write(descriptor, str(total).encode(), 0)
    finally:
        os.close(descriptor)
    return total


def noted_total(files: Filesystem, directory: int) -> int | None:
    """What is noted there; None if nothing is, or nothing that is a number. Blocks. Raises OSError."""
    text = files.read_note(_NAME, directory, _DIGITS) or b""
    return int(text) if text.isdigit() else None
