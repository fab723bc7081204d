"""Where a tag points, and which repositories have an image, by the index. Looks at no file."""

from __future__ import annotations

from mirror.store.index import Index

Place = tuple[str, str]  # upstream and repository


def pointed_to(index: Index, place: Place, tag: str) -> str | None:
    """The digest that a tag points to, as far as is known."""
    query = "SELECT digest FROM tags WHERE upstream = ? AND repository = ? AND tag = ?"
    return next((str(digest) for (digest,) in index.read(query, (*place, tag))), None)


def tags_of(index: Index, place: Place, digest: str) -> list[str]:
    """The tags that point to a digest, in lexical order."""
    query = "SELECT tag FROM tags WHERE upstream = ? AND repository = ? AND digest = ? ORDER BY tag"
    return [tag for (tag,) in index.read(query, (*place, digest))]


def places_of(index: Index, digest: str) -> list[Place]:
    """The repositories that this is an image of, in lexical order."""
    query = "SELECT upstream, repository FROM images WHERE digest = ? ORDER BY upstream, repository"
    return [(upstream, repository) for upstream, repository in index.read(query, (digest,))]


def held_in(index: Index, digest: str, limit: int) -> list[Place]:
    """The first repositories, in lexical order, that this is an image of, where its manifest is here."""
    query = (
        "SELECT upstream, repository FROM images WHERE digest = ? AND held = 1 ORDER BY upstream, repository LIMIT ?"
    )
    return [(upstream, repository) for upstream, repository in index.read(query, (digest, limit))]


def held_in_all(index: Index, digest: str) -> int:
    """In how many repositories."""
    return int(next(index.read("SELECT count(*) FROM images WHERE digest = ? AND held = 1", (digest,)))[0])


def image_of(index: Index, place: Place, digest: str) -> tuple[str, float] | None:
    """The digest of an image's content and when it was last pulled, if its manifest is here; None if it is no image."""
    query = """SELECT content, last_pull FROM images
    WHERE upstream = ? AND repository = ? AND digest = ? AND held = 1"""
    return next(((content, last_pull) for content, last_pull in index.read(query, (*place, digest))), None)


def beginning_with(index: Index, text: str) -> list[str]:
    """The digests of images that begin with this."""
    # What may follow a beginning is a hexadecimal digit, and all of those come before `g`.
    query = "SELECT DISTINCT digest FROM images WHERE digest >= ?1 AND digest < ?1 || 'g' ORDER BY digest"
    return [digest for (digest,) in index.read(query, (text,))]


def images_of(index: Index, place: Place) -> list[str]:
    """The digests of a repository's images, in lexical order."""
    query = "SELECT digest FROM images WHERE upstream = ? AND repository = ? ORDER BY digest"
    return [digest for (digest,) in index.read(query, place)]


def repositories_of(index: Index, upstream: str) -> list[Place]:
    """Every repository of an upstream of which there is anything, in lexical order."""
    found: list[Place] = []
    after = ""
    while names := index.repositories(upstream, after, 1000):
        found += [(upstream, name) for name, _ in names]
        after = names[-1][0]
    return found


def is_known(index: Index, place: Place) -> bool:
    """Whether there is anything of a repository, if only a tag."""
    tables = ("members", "tags", "images")
    queries = (f"SELECT 1 FROM {table} WHERE upstream = ? AND repository = ? LIMIT 1" for table in tables)  # noqa: S608
    return any(any(index.read(query, place)) for query in queries)


def is_pinned(index: Index, digest: str) -> bool:
    """Whether this very content is pinned."""
    return any(index.read("SELECT 1 FROM blobs WHERE digest = ? AND pinned = 1", (digest,)))
