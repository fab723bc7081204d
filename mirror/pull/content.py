"""What a request is answered with. Values that the server reads, and the one interface to bytes on disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, Self

from mirror.oci.digest import Digest
from mirror.oci.media_types import may_be_a_manifests
from mirror.outcome import Outcome
from mirror.upstream.answers import ManifestHead


class Readable(Protocol):
    """Bytes in a file, of which perhaps not all are there yet. Many readers share the descriptor, by position."""

    @property
    def size(self) -> int | None:
        """The size of the whole, or None while nobody knows."""
        ...

    @property
    def descriptor(self) -> int:
        """Open until `close`; never to be moved with `lseek`."""
        ...

    async def ready(self, offset: int) -> int:
        """How far bytes may be handed out: an end beyond `offset`, or `offset` itself at the end of the whole.

        Waits for bytes that are still to come, and no longer than their fetch is given. Raises what the fetch ended
        with. May be cancelled.
        """
        ...

    def doubt(self) -> None:
        """Bytes that were ready cannot be read: a file that is kept has to be verified before it is served again."""
        ...

    def close(self) -> None:
        """Let go. Harmless when repeated."""
        ...


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest or, when `body` is None, what is known of one that is not held: enough for an answer to HEAD."""

    digest: Digest
    media_type: str
    size: int
    body: bytes | None
    since: float | None = field(default=None, compare=False)  # when the upstream said that the repository has it

    @classmethod
    def told(cls, digest: Digest, head: ManifestHead) -> Self | None:
        """What a HEAD says of a manifest that is not held; None when it says too little, or what cannot be."""
        if head.digest not in (None, digest) or head.size is None or not may_be_a_manifests(head.media_type or ""):
            return None
        return cls(digest, head.media_type or "", head.size, None)


@dataclass(frozen=True, slots=True)
class Answer:
    """How something was come by. `checked`: when the upstream last vouched for it; `warning`: why that is long ago.

    `until`: when somebody has to be asked again, or had to be for what is stale; None for never, or where that is not
    known. Both by the wall clock, in seconds. `status`: what an upstream answered that did not give it.
    """

    outcome: Outcome
    checked: float | None = None
    warning: str | None = None
    until: float | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True)
class FoundManifest:
    manifest: Manifest
    answer: Answer


@dataclass(frozen=True, slots=True)
class FoundBlob:
    """A blob as bytes, or as something to read from that the receiver closes; for HEAD just its size."""

    digest: Digest
    size: int | None
    content: bytes | Readable | None
    answer: Answer
