"""What nobody needs any more once some images are gone: worked out over the index, and not done.

A document that is kept keeps all that it needs, so what goes is found from the top down: a thing goes when the last
document that needs it does, unless it is an image itself, or pinned.
"""

from __future__ import annotations

from dataclasses import dataclass

from mirror.store.images import Name
from mirror.store.index import Index

_ABOUT = """
SELECT size, pinned, EXISTS (SELECT 1 FROM images WHERE content = ?1 AND held = 1),
    EXISTS (SELECT 1 FROM needs WHERE parent = ?1)
FROM blobs WHERE digest = ?1
"""
_NOT_STORED = (None, 0, 1, 1)  # what may be known of it all the same has to be looked up
_CHILDREN = "SELECT child FROM needs WHERE parent = ?"
_CHOSEN = "WHERE upstream = ? AND repository = ? AND digest = coalesce(?, digest)"


@dataclass(frozen=True, slots=True)
class Part:
    """`size`: bytes, None for what is not stored."""

    digest: str
    size: int | None


class Release:
    """Images that are to go, one after the other, and what goes with each."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._images: set[Name] = set()
        self._gone: set[str] = set()

    def image(self, name: Name, content: str) -> list[Part]:
        """What goes with this image that did not go with those before; its manifest first, so that it goes first."""
        self._images.add(name)
        return self.document(content)

    def document(self, content: str) -> list[Part]:
        """What goes with this, if nothing that is kept needs it."""
        found: list[Part] = []
        waiting = [content]
        while waiting:
            digest = waiting.pop()
            if digest in self._gone or self._is_needed(digest):
                continue
            size, pinned, is_image, is_document = next(self._index.read(_ABOUT, (digest,)), _NOT_STORED)
            if pinned or (is_image and self._is_kept(digest)):
                continue
            self._gone.add(digest)
            found.append(Part(digest, size))
            if is_document:
                waiting += [child for (child,) in self._index.read(_CHILDREN, (digest,))]
        return found

    def take_back(self, name: Name | None, parts: list[Part]) -> None:
        """The image, or what was no image, stays after all.

        It has to be the last one that was added, unless all that was found since is looked at again before it goes.
        """
        if name is not None:
            self._images.discard(name)
        self._gone.difference_update(part.digest for part in parts)

    def _is_needed(self, digest: str) -> bool:
        parents = self._index.read("SELECT parent FROM needs WHERE child = ?", (digest,))
        return any(parent not in self._gone for (parent,) in parents)

    def _is_kept(self, digest: str) -> bool:
        images = "SELECT upstream, repository, digest FROM images WHERE content = ? AND held = 1"
        return any(name not in self._images for name in self._index.read(images, (digest,)))


@dataclass(frozen=True, slots=True)
class Belongings:
    """What is to be forgotten with an image, or with a repository: names, tags, and what then nobody needs."""

    names: tuple[Name, ...]
    tags: tuple[str, ...]
    parts: tuple[Part, ...]

    @property
    def stored(self) -> list[tuple[str, int]]:
        """Digests and bytes of those parts that are stored."""
        return [(part.digest, part.size) for part in self.parts if part.size is not None]


def belongings(index: Index, place: tuple[str, str], digest: str | None) -> Belongings:
    """Those of an image in this repository of this upstream, or of the whole repository."""
    wanted = (*place, digest)
    images = [*index.read(f"SELECT digest, content FROM images {_CHOSEN}", wanted)]  # noqa: S608
    tags = [tag for (tag,) in index.read(f"SELECT tag FROM tags {_CHOSEN}", wanted)]  # noqa: S608
    names = {name for (name,) in index.read(f"SELECT digest FROM members {_CHOSEN}", wanted)}  # noqa: S608
    release = Release(index)
    parts = [part for name, content in images for part in release.image((*place, name), content)]
    names |= {name for name, _ in images} | {part.digest for part in parts}
    return Belongings(tuple((*place, name) for name in sorted(names)), tuple(tags), tuple(parts))
