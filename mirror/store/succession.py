"""A tag that moves hands on what its image is worth: clients who pull by it will pull the next one."""

from __future__ import annotations

from mirror.store.images import Name
from mirror.store.index import Index, TagRow

_FORMER = "SELECT digest FROM tags WHERE upstream = ? AND repository = ? AND tag = ?"
_IMAGE = "WHERE upstream = ? AND repository = ? AND digest = ?"
_HANDED_ON = """
INSERT INTO images
SELECT ?1, ?2, ?3, ?4, last_pull, last_pull, worth, NULL, EXISTS (SELECT 1 FROM blobs WHERE digest = ?4)
FROM images WHERE upstream = ?1 AND repository = ?2 AND digest = ?5
ON CONFLICT DO UPDATE SET worth = max(worth, excluded.worth), handicap = NULL
"""
_OUTLIVED = f"UPDATE images SET worth = last_pull, handicap = NULL {_IMAGE}"  # noqa: S608
_HAS_A_TAG = f"SELECT 1 FROM tags {_IMAGE}"  # noqa: S608


def point(index: Index, row: TagRow) -> None:
    """Note where a tag points. What an image that it leaves was worth is the next one's; its own is its last pull.

    An image that another tag points to keeps what it is worth.
    """
    place = (row.upstream, row.repository)
    former = next((digest for (digest,) in index.read(_FORMER, (*place, row.tag))), row.digest)
    index.put_tags([row])
    if former != row.digest:
        _hand_on(index, (*place, former), row.digest)


def _hand_on(index: Index, former: Name, heir: str) -> None:
    member = index.member(*former[:2], heir)
    content = heir if member is None else member.content or heir
    index.write(_HANDED_ON, (*former[:2], heir, content, former[2]))
    if not any(index.read(_HAS_A_TAG, former)):
        index.write(_OUTLIVED, former)
