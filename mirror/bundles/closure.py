"""What an image consists of: its manifest, those that this one lists, and their blobs. Pure; reads no disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from mirror.errors import Malformed
from mirror.oci.descriptor import Descriptor
from mirror.oci.digest import Digest
from mirror.oci.manifest import Kind, classify
from mirror.oci.platforms import platforms_of

_MOST = 20_000  # manifests of one image


@dataclass(frozen=True, slots=True)
class Document:
    """A manifest as it was read: what it is, and what it names. `platforms`: of each listed manifest, by its digest."""

    digest: Digest
    size: int
    media_type: str
    kind: Kind
    blobs: tuple[Descriptor, ...] = ()
    manifests: tuple[Descriptor, ...] = ()
    platforms: dict[str, str] = field(default_factory=dict, compare=False)


def read_document(digest: Digest, body: bytes, media_type: str | None) -> Document:
    """Raises Malformed when the bytes are not those of the digest, or no manifest that could be served."""
    if not digest.verifies(body):
        raise Malformed("a manifest that is not what its digest names")
    read = classify(body, media_type)
    platforms = platforms_of(body) if read.kind is Kind.INDEX else {}
    return Document(digest, len(body), read.media_type, read.kind, read.blobs, read.manifests, platforms)


def walk(root: Digest, find: Callable[[Digest], Document | None]) -> Iterator[Document]:
    """The manifest and all that it leads to, each once. `find` gives None for what is not to be followed.

    Raises Malformed when there are more than any image has.
    """
    seen, waiting = {root}, deque([root])
    while waiting:
        document = find(waiting.popleft())
        if document is None:
            continue
        yield document
        for entry in document.manifests:
            if entry.digest not in seen:
                seen.add(entry.digest)
                waiting.append(entry.digest)
        if len(seen) > _MOST:
            raise Malformed("an image of too many manifests")
