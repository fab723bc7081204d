"""What must be ordered, summed or joined: blobs by last use, pins, membership, tags.

A memory, not the truth: every row can be had again, from the files and from the catalog. Reads happen on the caller's
thread and take microseconds; writes are collected by the writer of the store and committed in batches.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from mirror.store.ingest import Stamp
from mirror.store.journal_schema import TABLES as JOURNAL
from mirror.store.row_values import is_digest, is_media_type
from mirror.store.schema import PRAGMAS, REPOSITORIES, SCHEMA, UPSTREAMS

DatabaseError = sqlite3.Error  # for whoever has to survive the loss of a database without knowing which kind it is
TOLD, GATHERED = 1, 2  # stages: what the catalog knows is noted; and what images there are, and what they need


@dataclass(frozen=True, slots=True)
class Member:
    """The proof that a repository of an upstream has a digest; of a manifest with its type, and where its bytes are.

    `since`: when the upstream said so, by the wall clock; the same proof whenever that was.
    """

    upstream: str
    repository: str
    digest: str
    media_type: str | None = None
    content: str | None = None
    since: float = field(default=0.0, compare=False)

    @property
    def is_sound(self) -> bool:
        """Whether this, as it was read, can have been noted here: the type goes into a header, the digest to a path."""
        return (
            isinstance(self.since, float)
            and (self.media_type is None or is_media_type(self.media_type))
            and (self.content is None or is_digest(self.content))
        )


@dataclass(frozen=True, slots=True)
class TagRow:
    upstream: str
    repository: str
    tag: str
    digest: str
    checked: float


class Index:
    """One connection to the database. Not shared between threads: the reader and the writer have one each."""

    FILE: Final = "index.db"

    def __init__(self, directory: Path) -> None:
        """Open or make it. Raises DatabaseError when the file is not a database of ours."""
        (directory / self.FILE).touch(0o600)
        self._connection = sqlite3.connect(
            directory / self.FILE, timeout=2, isolation_level=None, check_same_thread=False
        )
        try:
            self._connection.executescript(f"{PRAGMAS} BEGIN; {SCHEMA} {JOURNAL} COMMIT;")
        except sqlite3.Error:
            self._connection.close()
            raise

    @classmethod
    def look(cls, directory: Path) -> Self:
        """Open what is there to read only; nothing is made beside the file, not even for it. Raises DatabaseError."""
        looking = cls.__new__(cls)
        file = directory / cls.FILE
        how = "mode=ro" if Path(f"{file}-wal").exists() else "mode=ro&immutable=1"
        looking._connection = sqlite3.connect(f"{file.absolute().as_uri()}?{how}", timeout=2, uri=True)
        return looking

    def trade(self, other: Index) -> None:
        """Go on with another's connection, which gets ours. On the thread that uses this one."""
        self._connection, other._connection = other._connection, self._connection

    def __enter__(self) -> Self:
        self._connection.execute("BEGIN IMMEDIATE")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:  # a commit that fails leaves it open, and no other could ever begin
                self._connection.execute("ROLLBACK")

    def close(self) -> None:
        self._connection.close()

    @property
    def stage(self) -> int:
        """How far it is complete: as far as `set_stage` was told, 0 for a file that was just made."""
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])

    @property
    def is_told(self) -> bool:
        """Whether what the catalog knows has ever been noted here: not in a file that was just made."""
        return self.stage >= TOLD

    def set_stage(self, stage: int) -> None:
        self._connection.execute(f"PRAGMA user_version = {stage:d}")

    def read(self, query: str, parameters: Sequence[object] = ()) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, as they are asked for."""
        yield from self._connection.execute(query, parameters)

    def write(self, query: str, *rows: Sequence[object]) -> None:
        """Run a statement that changes rows, once for each of the parameters."""
        self._connection.executemany(query, rows)

    # blobs

    def stamp(self, digest: str) -> Stamp | None:
        """The stamp of the file as it was verified, or None if it never was."""
        row = self._connection.execute(
            "SELECT size, mtime_ns, inode FROM blobs WHERE digest = ? AND inode IS NOT NULL", (digest,)
        ).fetchone()
        return Stamp(*row) if row else None

    def put_blob(self, digest: str, stamp: Stamp, now: float) -> None:
        self._connection.execute(
            "INSERT INTO blobs (digest, size, mtime_ns, inode, last_use) VALUES (?, ?, ?, ?, ?) ON CONFLICT (digest)"
            " DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns, inode = excluded.inode",
            (digest, stamp.size, stamp.mtime_ns, stamp.inode, now),
        )

    def find_blobs(self, found: Iterable[tuple[str, int, float]]) -> None:
        """Note digest, size and last use of files that were never verified here; what is known already stays."""
        self._connection.executemany("INSERT OR IGNORE INTO blobs (digest, size, last_use) VALUES (?, ?, ?)", found)

    def touch(self, uses: Mapping[str, float]) -> None:
        """Note when each digest was last used; never an earlier time than is known."""
        self._connection.executemany(
            "UPDATE blobs SET last_use = max(last_use, ?) WHERE digest = ?",
            [(when, digest) for digest, when in uses.items()],
        )

    def forget_blob(self, digest: str) -> None:
        self._connection.execute("DELETE FROM blobs WHERE digest = ?", (digest,))

    def distrust(self) -> None:
        """Let every blob be verified again before it is served, even if the power fails now. Not in a transaction."""
        self._connection.execute("UPDATE blobs SET mtime_ns = NULL, inode = NULL")
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def digests(self, after: str, limit: int) -> list[str]:
        """So many digests in their order, from the first one after `after`."""
        query = "SELECT digest FROM blobs WHERE digest > ? ORDER BY digest LIMIT ?"
        return [digest for (digest,) in self._connection.execute(query, (after, limit))]

    def size(self) -> int:
        """Bytes of all blobs."""
        return int(self._connection.execute("SELECT coalesce(sum(size), 0) FROM blobs").fetchone()[0])

    # membership and tags

    def member(self, upstream: str, repository: str, digest: str) -> Member | None:
        row = self._connection.execute(
            "SELECT media_type, content, since FROM members WHERE upstream = ? AND repository = ? AND digest = ?",
            (upstream, repository, digest),
        ).fetchone()
        member = Member(upstream, repository, digest, *row) if row else None
        return member if member is not None and member.is_sound else None

    def put_members(self, members: Iterable[Member]) -> None:
        """Note proofs; a manifest's type, once known, is not lost to the same digest proven as a blob."""
        self._connection.executemany(
            "INSERT INTO members (upstream, repository, digest, media_type, content, since) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET media_type = coalesce(media_type, excluded.media_type),"
            " content = coalesce(content, excluded.content)",
            [(m.upstream, m.repository, m.digest, m.media_type, m.content, m.since) for m in members],
        )

    def members(self) -> Iterator[Member]:
        query = "SELECT upstream, repository, digest, media_type, content, since FROM members"
        yield from (member for row in self._connection.execute(query) if (member := Member(*row)).is_sound)

    def upstreams(self) -> list[str]:
        """Every upstream that has repositories here, in lexical order."""
        return [name for (name,) in self._connection.execute(UPSTREAMS)]

    def repositories(self, upstream: str, after: str, limit: int) -> list[tuple[str, bool]]:
        """The first repositories after a name, in lexical order, each with whether a manifest of it is held."""
        rows = self._connection.execute(REPOSITORIES, {"upstream": upstream, "after": after, "limit": limit})
        return [(name, bool(held)) for name, held in rows]

    def put_tags(self, tags: Iterable[TagRow]) -> None:
        self._connection.executemany(
            "INSERT OR REPLACE INTO tags (upstream, repository, tag, digest, checked) VALUES (?, ?, ?, ?, ?)",
            [(t.upstream, t.repository, t.tag, t.digest, t.checked) for t in tags],
        )

    def forget_tag(self, upstream: str, repository: str, tag: str) -> None:
        self._connection.execute(
            "DELETE FROM tags WHERE upstream = ? AND repository = ? AND tag = ?", (upstream, repository, tag)
        )

    def tags(self) -> Iterator[TagRow]:
        query = "SELECT upstream, repository, tag, digest, checked FROM tags"
        yield from (TagRow(*row) for row in self._connection.execute(query))

    def tag_names(self, upstream: str, repository: str) -> list[str]:
        """The tags that we know of a repository, in lexical order."""
        query = "SELECT tag FROM tags WHERE upstream = ? AND repository = ? ORDER BY tag"
        return [tag for (tag,) in self._connection.execute(query, (upstream, repository))]
