"""How much room what takes: by repository, by upstream, and in all. SQL over the index; knows no documents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mirror.store.index import Index

# Blobs by the repositories that are known to have them: a blob counts once for each.
_HELD = """
CREATE TEMP TABLE held AS
    SELECT DISTINCT members.upstream, members.repository, blobs.digest, blobs.size
    FROM members JOIN blobs ON blobs.digest = coalesce(members.content, members.digest)
"""
_SHARES = """
CREATE TEMP TABLE shares AS
    SELECT digest, count(*) AS repositories, count(DISTINCT upstream) AS upstreams FROM held GROUP BY digest
"""
_REPOSITORIES = """
SELECT upstream, repository, sum(size), sum(iif(repositories = 1, size, 0)), (
    SELECT count(*) FROM images
    WHERE images.upstream = held.upstream AND images.repository = held.repository AND images.held = 1
)
FROM held JOIN shares USING (digest) GROUP BY upstream, repository
"""
_UPSTREAMS = """
SELECT upstream, sum(size), sum(iif(upstreams = 1, size, 0)), (
    SELECT count(*) FROM images WHERE images.upstream = own.upstream AND images.held = 1
)
FROM (SELECT DISTINCT upstream, digest, size FROM held) AS own JOIN shares USING (digest) GROUP BY upstream
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """By one repository, or by one upstream where `repository` is empty. `unique`: bytes that no other one has."""

    upstream: str
    repository: str
    images: int
    size: int
    unique: int


@dataclass(frozen=True, slots=True)
class Usage:
    """`loose`: bytes that no image needs. Sizes in bytes."""

    repositories: tuple[Taken, ...]
    upstreams: tuple[Taken, ...]
    blobs: int
    size: int
    loose: int


def usage(index: Index) -> Usage:
    """Everything, added up. Blocks: seconds for a million blobs. Raises DatabaseError."""
    for statement in ("DROP TABLE IF EXISTS temp.held", "DROP TABLE IF EXISTS temp.shares", _HELD, _SHARES):
        index.write(statement, ())
    ((blobs, size),) = index.read("SELECT count(*), coalesce(sum(size), 0) FROM blobs")
    ((loose,),) = index.read("SELECT coalesce(sum(size), 0) FROM loose JOIN blobs USING (digest)")
    return Usage(tuple(_by_repository(index)), tuple(_by_upstream(index)), blobs, size, loose)


def _by_repository(index: Index) -> Iterator[Taken]:
    for upstream, repository, size, unique, images in index.read(_REPOSITORIES):
        yield Taken(upstream, repository, images, size, unique)


def _by_upstream(index: Index) -> Iterator[Taken]:
    for upstream, size, unique, images in index.read(_UPSTREAMS):
        yield Taken(upstream, "", images, size, unique)
