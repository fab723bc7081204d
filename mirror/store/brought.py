"""Images that came in a bundle: noted as pulled, lest they be the first to go, and yet given to no client by that.

Works on the thread of the index that it is given.
"""

from __future__ import annotations

from mirror.store.images import Images, Name
from mirror.store.index import Index

_LAST = "SELECT last_pull FROM images WHERE upstream = ? AND repository = ? AND digest = ?"
_BROUGHT = "INSERT OR REPLACE INTO brought VALUES (?, ?, ?, ?, ?)"
_GIVEN = """
SELECT CASE WHEN brought.noted = images.last_pull THEN brought.before ELSE images.last_pull END
FROM images LEFT JOIN brought USING (upstream, repository, digest)
WHERE upstream = ? AND repository = ? AND digest = ?
"""


def note_brought(index: Index, name: Name, when: float) -> None:
    """Note that this has come in a bundle, by the wall clock."""
    images = Images(index)
    image = images.noted_as(name)
    before = last_given(index, image)
    images.note_pulls({name: when})
    (last_pull,) = next(index.read(_LAST, image))
    index.write(_BROUGHT, (*image, last_pull, before))


def last_given(index: Index, name: Name) -> float | None:
    """When somebody last pulled this image, by the wall clock; None where nobody has."""
    (last,) = next(index.read(_GIVEN, name), (None,))
    return None if last is None else float(last)
