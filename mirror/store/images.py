"""Images as they are stored: a manifest that clients were given, and everything that it needs. Asks nobody.

Works on the thread of the index that it is given; a memory like all of the index, told by who stores and hands out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from mirror.store.index import Index
from mirror.store.journal_schema import PINNED_IMAGES
from mirror.store.lookup import is_pinned
from mirror.store.pins import Pins, is_of_a_digest
from mirror.store.reach import Sizes, reach
from mirror.store.worth import worth

PIN = "image-pin"  # the kind of fact that a pin is in the catalog

Name: TypeAlias = tuple[str, str, str]  # upstream, repository, and the digest of the image's own manifest
Listed: TypeAlias = "list[Image]"
Names: TypeAlias = list[str]

_LOOKED = 5000  # needs of an image that are looked through for a list: whoever makes one chooses how many it has

_IMAGES = """
SELECT upstream, repository, digest, content, last_pull FROM images
WHERE held = 1 AND (upstream, repository, digest) > (?, ?, ?) AND upstream = coalesce(?, upstream)
AND repository = coalesce(?, repository) ORDER BY upstream, repository, digest LIMIT ?
"""
_CLOSURE = """
WITH RECURSIVE closure (digest) AS (
    SELECT coalesce((SELECT content FROM images WHERE digest = ?1), ?1)
    UNION SELECT child FROM needs JOIN closure ON parent = closure.digest
)
SELECT closure.digest, blobs.size FROM closure LEFT JOIN blobs ON blobs.digest = closure.digest
"""
_ABOVE = """
WITH RECURSIVE above (digest) AS (
    VALUES (?) UNION SELECT parent FROM needs JOIN above ON child = above.digest
)
SELECT upstream, repository, images.digest, blobs.pinned FROM above
LEFT JOIN blobs ON blobs.digest = above.digest LEFT JOIN images ON content = above.digest AND held = 1
"""
_PULLED = "INSERT INTO images SELECT ?, ?, ?, ?, ?, ?, ?, NULL, EXISTS (SELECT 1 FROM blobs WHERE digest = ?)"
_PULLED_AGAIN = "UPDATE images SET last_pull = ?, worth = ? WHERE upstream = ? AND repository = ? AND digest = ?"
_KNOWN = "SELECT last_pull, worth FROM images WHERE upstream = ? AND repository = ? AND digest = ?"
_WHOLE = """
SELECT images.digest FROM needs JOIN images ON images.content = needs.parent AND images.held = 1
WHERE needs.child = ? AND images.upstream = ? AND images.repository = ? ORDER BY last_pull DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Image:
    """`size`: bytes of what is stored of it; `last_pull`: by the wall clock.

    `held`, `missing`: how many of the things that it is and needs are stored, and are not. `is_broken`, `is_all`: as
    `Reach` has them; where it is not all, sizes and numbers are of what was looked through.
    """

    upstream: str
    repository: str
    digest: str
    tags: tuple[str, ...]
    media_type: str
    last_pull: float
    size: int
    held: int
    missing: int
    is_broken: bool
    is_all: bool
    pinned: bool


class Images:
    """The questions and the notes, over one connection."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def list(self, upstream: str | None = None, repository: str | None = None) -> Listed:
        """All images that are held, if only their manifest, in the order of their names; tags that point to each."""
        found: Listed = []
        after: Name = ("", "", "")
        while page := self.page((upstream, repository), after, 1000):
            found += page
            after = (page[-1].upstream, page[-1].repository, page[-1].digest)
        return found

    def count(self) -> int:
        """How many images are held."""
        return int(next(self._index.read("SELECT count(*) FROM images WHERE held = 1"))[0])

    def page(self, of: tuple[str | None, str | None], after: Name, limit: int) -> Listed:
        """The first images after a name, of this upstream and this repository if they are not None."""
        pins = self.all_pins()
        return [self._image(row, pins) for row in [*self._index.read(_IMAGES, (*after, *of, limit))]]

    def closure(self, digest: str) -> Sizes:
        """What a document needs and what that needs, itself first: digests, with the bytes of each that is stored."""
        return [*self._index.read(_CLOSURE, (digest,))]

    def needed_by(self, digest: str) -> Names:
        """The stored documents that refer to this and mean to be kept with it."""
        return [parent for (parent,) in self._index.read("SELECT parent FROM needs WHERE child = ?", (digest,))]

    def is_noted(self, document: str) -> bool:
        """Whether it is known what this document needs."""
        return any(self._index.read("SELECT 1 FROM documents WHERE digest = ?", (document,)))

    def note(self, document: str, needs: Iterable[str]) -> None:
        """Note what a document needs. Nothing is noted of one that is not stored."""
        if any(self._index.read("SELECT 1 FROM blobs WHERE digest = ?", (document,))):
            self._index.write("INSERT OR IGNORE INTO documents VALUES (?)", (document,))
            rows = [(document, child) for child in needs if child != document]
            self._index.write("INSERT OR IGNORE INTO needs VALUES (?, ?)", *rows)

    def note_pulls(self, pulls: Mapping[Name, float]) -> None:
        """Note that clients were given these manifests, and when, by the wall clock.

        A manifest that an image of the same repository lists is a part of that, and no image itself: its pull is one
        of that image, of several the one that was pulled last.
        """
        for name, when in pulls.items():
            self._note_pull(name, when)

    def all_pins(self) -> Pins:
        """What must not be evicted, tags that are pinned to a digest among them."""
        tagged = [pattern for (pattern,) in self._index.read(PINNED_IMAGES)]
        return Pins.of([*self.pins(), *tagged])

    def is_pinned(self, digest: str) -> bool:
        """Whether any image that this is a part of is pinned, or anything else that needs it."""
        above = [*self._index.read(_ABOVE, (digest,))]
        if any(pinned for _, _, _, pinned in above):
            return True
        pins = self.all_pins()
        names = [(upstream, repository, name) for upstream, repository, name, _ in above if upstream is not None]
        return any(pins.covering(name[:2], name[2], self.tags(name)) is not None for name in names)

    def pins(self) -> Names:
        """Every pattern, in lexical order."""
        return [pattern for (pattern,) in self._index.read("SELECT pattern FROM pins ORDER BY pattern")]

    def pin(self, pattern: str) -> None:
        """Keep what this means: see `Pins`. A digest means itself and what it needs."""
        self._index.write("INSERT OR IGNORE INTO pins VALUES (?)", (pattern,))
        self._mark(pattern, 1)

    def unpin(self, pattern: str) -> bool:
        """Let go of a pattern; whether there was such a one."""
        was = pattern in self.pins()
        self._index.write("DELETE FROM pins WHERE pattern = ?", (pattern,))
        self._mark(pattern, 0)
        return was

    def tags(self, name: Name) -> tuple[str, ...]:
        """The tags that point to this image now, in lexical order."""
        query = "SELECT tag FROM tags WHERE upstream = ? AND repository = ? AND digest = ? ORDER BY tag"
        return tuple(tag for (tag,) in self._index.read(query, name))

    def forget(self, names: Iterable[Name]) -> None:
        """Take these for no images any more, and for nothing that their repositories have; their tags go, too.

        What is stored of them stays: it is loose then, unless something else needs it.
        """
        rows = [*names]
        self._index.write("DELETE FROM images WHERE upstream = ? AND repository = ? AND digest = ?", *rows)
        self._index.write("DELETE FROM members WHERE upstream = ? AND repository = ? AND digest = ?", *rows)
        self._index.write("DELETE FROM tags WHERE upstream = ? AND repository = ? AND digest = ?", *rows)

    def _mark(self, pattern: str, pinned: int) -> None:
        if is_of_a_digest(pattern):
            self._index.write("UPDATE blobs SET pinned = ? WHERE digest = ?", (pinned, pattern))

    def _image(self, row: tuple[Any, ...], pins: Pins) -> Image:
        upstream, repository, digest, content, last_pull = row
        member = self._index.member(upstream, repository, digest)
        tags = self.tags((upstream, repository, digest))
        there = reach(self._index, content, _LOOKED)
        return Image(
            upstream,
            repository,
            digest,
            tags,
            (member.media_type or "") if member is not None else "",
            last_pull,
            there.size,
            there.held,
            len(there.parts) - there.held,
            there.is_broken,
            there.is_all,
            is_pinned(self._index, content) or pins.covering((upstream, repository), digest, tags) is not None,
        )

    def noted_as(self, name: Name) -> Name:
        """The image that a pull of this is one of: itself, or the one that it is only a part of."""
        if any(self._index.read(_KNOWN, name)):
            return name
        whole = next(self._index.read(_WHOLE, (self._content(name), *name[:2])), None)
        return name if whole is None else (*name[:2], whole[0])

    def _content(self, name: Name) -> str:
        member = self._index.member(*name)
        return name[2] if member is None or member.content is None else member.content

    def _note_pull(self, name: Name, when: float) -> None:
        image = self.noted_as(name)
        if not self._note_another(image, when):
            content = self._content(image)
            self._index.write(_PULLED, (*image, content, when, when, when, content))

    def _note_another(self, name: Name, when: float) -> bool:
        """Note a pull of an image that was pulled before; whether it is one."""
        known = next(self._index.read(_KNOWN, name), None)
        if known is None:
            return False
        last_pull, before = known
        self._index.write(_PULLED_AGAIN, (max(last_pull, when), worth(last_pull, before, when), *name))
        return True
