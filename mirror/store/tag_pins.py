"""Tags that the operator has pinned to a digest, whatever the upstream says. All of them in memory: they are few.

Noted in both databases, so that the loss of one of them does not let a tag go back to what it was pinned against.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Self

from mirror.store.catalog import Key, Note
from mirror.store.index import DatabaseError, Index
from mirror.store.journal_schema import FORGET_PIN, PINS, PUT_PIN
from mirror.store.row_values import is_digest
from mirror.store.writer import Writer

KIND = "tag-pin"  # of the facts that are noted in the catalog

Tag = tuple[str, str, str]  # upstream, repository, tag


@dataclass(frozen=True, slots=True)
class TagPin:
    """What a tag is pinned to, `since` when (wall clock, seconds); `is_former`: it was rolled back to it."""

    upstream: str
    repository: str
    tag: str
    digest: str
    since: float
    is_former: bool = False

    @classmethod
    def of(cls, key: Key, fact: dict[str, Any]) -> Self | None:
        """The pin that a fact holds, or None where it holds something else."""
        match fact:
            case {"digest": str(digest), "since": float() | int() as since, "is_former": bool(is_former)}:
                if is_digest(digest):
                    return cls(key.upstream, key.repository, key.reference, digest, float(since), is_former)
        return None

    @property
    def key(self) -> Key:
        return pin_key(self.upstream, self.repository, self.tag)

    @property
    def note(self) -> Note:
        """The pin as a fact, which lasts until it is taken back."""
        return Note(self.key, {"digest": self.digest, "since": self.since, "is_former": self.is_former})


class TagPins:
    """`note` notes a fact in the catalog; `tell` says of which tag answers are to be forgotten."""

    def __init__(
        self, index: Index, write: Writer[Index], note: Callable[[Note], None], tell: Callable[[Key], None]
    ) -> None:
        self._index = index
        self._tell = tell
        self._write = write
        self._note = note
        self._writing: dict[Tag, TagPin | None] = {}  # what the database is to be told, and has not been yet
        self._read: dict[Tag, TagPin] | None = None  # not before it is asked for: the databases may not agree yet

    def __iter__(self) -> Iterator[TagPin]:
        yield from [*self._pins.values()]

    def get(self, upstream: str, repository: str, tag: str) -> TagPin | None:
        """The pin of this tag, if it is pinned."""
        pins = self._pins
        return pins.get((upstream, repository, tag)) if pins else None

    def put(self, pin: TagPin) -> None:
        """Have a tag answered with its digest from now on, in every process, whether or not it was pinned."""
        self._pins[_tag(pin)] = self._writing[_tag(pin)] = pin
        self._write.submit(lambda index: put_pins(index, [pin]), lambda: self._written(pin, pin))
        self._note(pin.note)
        self._tell(pin.key)

    def forget(self, pin: TagPin) -> None:
        """Have the tag answered as the upstream says."""
        self._pins.pop(_tag(pin), None)
        self._writing[_tag(pin)] = None
        self._write.submit(lambda index: index.write(FORGET_PIN, _tag(pin)), lambda: self._written(pin, None))
        self._note(Note(pin.key, None))
        self._tell(pin.key)

    def heard(self, key: Key, fact: dict[str, Any] | None) -> None:
        """Another process has pinned this tag, or with None taken its pin back."""
        pin = None if fact is None else TagPin.of(key, fact)
        if pin is None:
            self._pins.pop((key.upstream, key.repository, key.reference), None)
        else:
            self._pins[_tag(pin)] = pin

    def read_again(self) -> None:
        """Take up what the database has, and is about to have: another process may have written it."""
        try:
            read = {_tag(pin): pin for pin in pins_of(self._index)} | self._writing
        except DatabaseError:
            return
        self._read = {tag: pin for tag, pin in read.items() if pin is not None}

    def _written(self, about: TagPin, pin: TagPin | None) -> None:
        if self._writing.get(_tag(about)) is pin:
            self._writing.pop(_tag(about), None)

    @property
    def _pins(self) -> dict[Tag, TagPin]:
        if self._read is None:
            self._read = {}
            self.read_again()
        return self._read


def pins_of(index: Index) -> list[TagPin]:
    """Those that are written down there, but for what cannot have been. Raises DatabaseError."""
    return [
        TagPin(upstream, repository, tag, digest, since, bool(is_former))
        for upstream, repository, tag, digest, since, is_former in [*index.read(PINS)]
        if is_digest(digest) and isinstance(since, float)
    ]


def put_pins(index: Index, pins: list[TagPin]) -> None:
    """Write them down, within a transaction."""
    rows = [(p.upstream, p.repository, p.tag, p.digest, float(p.since), int(p.is_former)) for p in pins]
    index.write(PUT_PIN, *rows)


def _tag(pin: TagPin) -> Tag:
    return pin.upstream, pin.repository, pin.tag


def pin_key(upstream: str, repository: str, tag: str) -> Key:
    """The name under which the pin of a tag is noted."""
    return Key(KIND, upstream, repository, tag)
