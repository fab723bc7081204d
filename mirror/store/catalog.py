"""What the registry said: where a tag pointed and when that was asked, what was absent, what type a manifest has.

Reads happen on the caller's thread (8 µs, less than a hop to another thread costs); writes are collected by the writer
of the store. A memory: losing it costs time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import orjson

from mirror.errors import Malformed
from mirror.oci.digest import Digest
from mirror.store.index import DatabaseError, Member
from mirror.store.text_cache import TextCache, Timeout

_TOLD = "told"  # a name that no fact has
_SEPARATOR = "\x1f"  # in none of the names that we are given, so that no two keys can be the same


@dataclass(frozen=True, slots=True)
class TagRecord:
    """Where a tag pointed when it was last asked for: `checked`, by the wall clock. `failed`: the last try in vain.

    `trouble`: a word for why that was in vain, which means nothing here. `former`: what clients are given until the
    digest has been known for long enough, which it is `since`; empty for the digest itself.
    `lasting`: it was brought here by the operator, and is not too old to be given however long nobody can be asked.
    """

    digest: str
    checked: float
    failed: float = 0.0
    trouble: str = ""
    former: str = ""
    since: float = 0.0
    lasting: bool = False

    @classmethod
    def of(cls, fact: dict[str, Any]) -> Self | None:
        """The record that a fact holds, or None where it holds something else."""
        match fact:
            case {"digest": str(digest), "checked": int() | float() as checked, "failed": int() | float() as failed}:
                with contextlib.suppress(Malformed):
                    return cls(str(Digest.parse(digest)), checked, failed, *_later(fact), fact.get("lasting") is True)
        return None


def _later(fact: dict[str, Any]) -> tuple[str, str, float]:
    """What is missing in the records that the first versions have written."""
    trouble, former, since = fact.get("trouble"), fact.get("former"), fact.get("since")
    word = trouble if isinstance(trouble, str) else ""
    if not (isinstance(former, str) and former and isinstance(since, int | float)):
        return word, "", 0.0
    return word, str(Digest.parse(former)), since


@dataclass(frozen=True, slots=True)
class Key:
    """One fact's name: of which kind, and of which upstream, repository and reference. `variant`: see `pull`."""

    kind: str
    upstream: str
    repository: str
    reference: str
    variant: str = ""

    @classmethod
    def parse(cls, name: str) -> Self:
        """The key that this is the text of. Raises Malformed."""
        parts = name.split(_SEPARATOR)
        if len(parts) != 5:
            raise Malformed("that is no fact's name")
        return cls(*parts)

    def __str__(self) -> str:
        return _SEPARATOR.join((self.kind, self.upstream, self.repository, self.reference, self.variant))


@dataclass(frozen=True, slots=True, eq=False)
class Note:
    """A fact on its way into the database, or with None its absence. `lifetime` in seconds, None for ever."""

    key: Key
    fact: dict[str, Any] | None
    lifetime: float | None = None


def member_note(member: Member) -> Note:
    """The proof of membership as a fact."""
    key = Key("member", member.upstream, member.repository, member.digest)
    return Note(key, {"media_type": member.media_type, "content": member.content, "since": member.since})


def noted_member(key: Key, fact: dict[str, Any]) -> Member | None:
    """The proof that a fact holds, or None where it holds something else."""
    match fact:
        case {"media_type": str() | None as media_type, "content": str() | None as content, "since": float() as since}:
            member = Member(key.upstream, key.repository, key.reference, media_type, content, since)
            return member if member.is_sound else None
    return None


class Catalog:
    """The database, with what is yet to be written laid over it, so that a reader sees what it has just noted."""

    FILE: Final = "cache.db"
    Timeout: Final = Timeout

    def __init__(self, directory: Path) -> None:
        """Open or make it. Raises a DatabaseError of `index` when the file is not a database."""
        (directory / self.FILE).touch(0o600)
        self._cache = TextCache(directory)
        self._pending: dict[str, Note] = {}

    def trade(self, other: Catalog) -> None:
        """Go on with another's database, which gets ours; what is yet to be written stays. On the writer's thread."""
        self._cache, other._cache = other._cache, self._cache

    def close(self) -> None:
        """Close the calling thread's connection: each thread has its own."""
        self._cache.close()

    def get(self, key: Key) -> dict[str, Any] | None:
        """The fact, or None: never noted, run out, or not readable, which is the same as lost."""
        name = str(key)
        if name in self._pending:
            return self._pending[name].fact
        return self._stored(name)

    def note(self, note: Note) -> None:
        """Lay a fact over the database until `write` has written it. On the reader's thread."""
        self._pending[str(note.key)] = note

    def write(self, note: Note) -> None:
        """Write a fact, within a transaction. On the writer's thread."""
        if note.fact is None:
            self._cache.delete(str(note.key))
        else:
            self._cache.set(str(note.key), orjson.dumps(note.fact).decode(), expire=note.lifetime)

    def written(self, note: Note) -> None:
        """Take the overlay away, unless something newer has been laid over it. On the reader's thread."""
        name = str(note.key)
        if self._pending.get(name) is note:
            del self._pending[name]

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """A context in which several `write` cost little more than one. On the writer's thread."""
        try:
            with self._cache.transact(retry=False):
                yield
        except BaseException:
            self._cache.close()  # a commit that fails leaves its transaction open, and no other could ever begin
            raise

    def forget_beginning_with(self, key: Key) -> None:
        """Forget the facts whose names are this, but for the empty parts at its end. On the writer's thread."""
        begins = str(key).rstrip(_SEPARATOR) + _SEPARATOR
        ends = begins[:-1] + chr(ord(_SEPARATOR) + 1)
        query = "SELECT key FROM Cache WHERE raw = 1 AND key >= ? AND key < ?"  # `iterkeys` would read every row
        for (name,) in self._cache._sql(query, (begins, ends)).fetchall():
            self._cache.delete(name)

    def expire(self) -> None:
        """Remove what has run out. On the writer's thread."""
        self._cache.expire()

    @property
    def is_told(self) -> bool:
        """Whether what the index knows has ever been noted here: not in a file that was just made."""
        return self._stored(_TOLD) is not None

    def set_told(self) -> None:
        self._cache.set(_TOLD, "{}")

    def facts(self) -> Iterator[tuple[Key, dict[str, Any]]]:
        """Everything that is readable. Slow: for making the index again."""
        for name in self._cache.iterkeys():
            with contextlib.suppress(Malformed):
                key = Key.parse(name)
                if (fact := self._stored(name)) is not None:
                    yield key, fact

    def _stored(self, name: str) -> dict[str, Any] | None:
        try:
            text = self._cache.get(name, default=None)
            fact = None if text is None else orjson.loads(text)
        except (ValueError, Timeout, DatabaseError):
            return None
        return fact if isinstance(fact, dict) else None
