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
