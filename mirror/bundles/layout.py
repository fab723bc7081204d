"""The files of a bundle: an OCI image layout, with two more that say what it holds. Knows names, and no disk.

https://github.com/opencontainers/image-spec/blob/main/image-layout.md
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import orjson

from mirror.bundles.contents import LARGEST, MANIFESTS, Contents, Piece
from mirror.bundles.names import FULL_NAME, REF_NAME
from mirror.bundles.seal import seal
from mirror.errors import Code, Refused
from mirror.oci.digest import Digest
from mirror.oci.media_types import OCI_INDEX

LAYOUT, INDEX, CONTENTS, SEAL = "oci-layout", "index.json", "contents.json", "contents.seal"
MARK = b'{"imageLayoutVersion":"1.0.0"}'
MOST_OF_AN_INDEX = 32 * 1024**2  # bytes


def path_of(digest: Digest) -> str:
    """Where content lies."""
    return f"blobs/{digest.algorithm}/{digest.encoded}"


def index_of(contents: Contents) -> bytes:
    """`index.json`: each image under its full name, by which skopeo, Podman and containerd find it."""
    known = contents.known()
    entries = []
    for image in contents.images:
        piece = known[image.digest]
        names = {REF_NAME: image.full_name, FULL_NAME: image.full_name}
        entries.append({**_descriptor(piece), "annotations": names})
    return orjson.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})


@dataclass(frozen=True)
class Plan:
    """A bundle that is to be written: its contents, signed if there is a key."""

    contents: Contents
    key: bytes | None = None

    @cached_property
    def heading(self) -> tuple[tuple[str, bytes], ...]:
        """The files that come before the content, in their order, each with its path.

        Raises Refused for more than any mirror would take.
        """
        encoded, index = self.contents.encode(), index_of(self.contents)
        if len(encoded) > LARGEST or len(index) > MOST_OF_AN_INDEX or self.contents.manifests_size > MANIFESTS:
            raise Refused("that is more than one bundle can hold: take fewer images at once", code=Code.BAD_REQUEST)
        return (
            (LAYOUT, MARK),
            (CONTENTS, encoded),
            (SEAL, seal(encoded, self.key)),
            (INDEX, index),
        )


def _descriptor(piece: Piece) -> dict[str, object]:
    return {"mediaType": piece.media_type, "digest": str(piece.digest), "size": piece.size}
