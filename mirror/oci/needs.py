"""What a manifest or an index refers to by digest and cannot do without: not its subject, which it is about.

Layers that a registry need not have (foreign ones) are among them: who keeps them, keeps them for the image's sake.
"""

from __future__ import annotations

from mirror.errors import Malformed
from mirror.oci.digest import Digest
from mirror.oci.document import parse_object
from mirror.oci.manifest import DESCRIPTORS, Kind, Manifest, classify


def needs_of(body: bytes, media_type: str | None) -> tuple[str, ...]:
    """The digests, each once; none for what cannot be read as a manifest. Never raises."""
    try:
        return needs_of_read(classify(body, media_type), body)
    except Malformed:
        return ()


def needs_of_read(read: Manifest, body: bytes) -> tuple[str, ...]:
    """The same of a document that was read already. Never raises."""
    if read.kind is Kind.SCHEMA1:
        return _of_schema1(body)
    return tuple(dict.fromkeys(str(one.digest) for one in (*read.blobs, *read.manifests)))


def _of_schema1(body: bytes) -> tuple[str, ...]:
    """Its layers: https://github.com/distribution/distribution/blob/v2.8.3/docs/spec/manifest-v2-1.md."""
    found: dict[str, None] = {}
    try:
        layers = parse_object(body, ("fsLayers",)).get("fsLayers")
        for layer in layers[:DESCRIPTORS] if isinstance(layers, list) else ():
            name = layer.get("blobSum") if isinstance(layer, dict) else None
            if isinstance(name, str):
                found[str(Digest.parse(name))] = None
    except Malformed:
        return ()
    return tuple(found)
