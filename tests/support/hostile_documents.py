"""JSON as an attacker would write it: manifests of each kind, whole, disturbed, and broken in their bytes."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from mirror.oci import media_types
from tests.support.hostile_text import ACCEPTS

HEX = "0123456789abcdef" * 4

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([f"sha256:{HEX}", "sha256:00", "blake3:00", 1, 2, *sorted(media_types.MANIFEST_TYPES)])
)
MEMBERS = st.sampled_from(
    ["schemaVersion", "mediaType", "config", "layers", "manifests", "blobs", "subject", "fsLayers", "signatures"]
) | st.sampled_from(["digest", "size", "urls", "protected", "formatLength", "Layers", "MEDIATYPE"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS | st.text(max_size=4), inner, max_size=6),
)
DESCRIPTORS = st.fixed_dictionaries(
    {
        "digest": st.sampled_from([f"sha256:{HEX}", f"sha512:{HEX}{HEX}", "blake3:00"]),
        "size": st.integers(0, 2**63 - 1),
    },
    optional={"mediaType": st.sampled_from(["a/b", ""]), "urls": VALUES},
)
LISTS = st.lists(DESCRIPTORS, max_size=2)
SUBJECT = {"subject": DESCRIPTORS, "annotations": VALUES}
IMAGES = st.fixed_dictionaries(
    {"schemaVersion": st.just(2), "config": DESCRIPTORS},
    optional={"layers": LISTS, "mediaType": st.sampled_from(sorted(media_types.IMAGE_TYPES)), **SUBJECT},
)
INDEXES = st.fixed_dictionaries(
    {"schemaVersion": st.just(2), "manifests": LISTS},
    optional={"mediaType": st.sampled_from(sorted(media_types.INDEX_TYPES)), **SUBJECT},
)
ARTIFACTS = st.fixed_dictionaries(
    {"mediaType": st.just(media_types.OCI_ARTIFACT)}, optional={"blobs": LISTS, **SUBJECT}
)
SCHEMA_1 = st.fixed_dictionaries({"schemaVersion": st.just(1), "fsLayers": VALUES}, optional={"signatures": VALUES})
DOCUMENTS = IMAGES | INDEXES | ARTIFACTS | SCHEMA_1


@st.composite
def disturbed(draw: st.DrawFn, sound: st.SearchStrategy[dict[str, object]]) -> dict[str, object]:
    """A sound object, of which one member may be something else or missing, or which has one more."""
    document = dict(draw(sound))
    change = draw(st.sampled_from(["none", "none", "missing", "other"]))
    member = draw(st.sampled_from(sorted(document)) | MEMBERS)
    if change == "missing":
        document.pop(member, None)
    elif change == "other":
        document[member] = draw(VALUES | LISTS)
    return document


TYPES = (
    st.none()
    | st.sampled_from(["application/json", "application/vnd.example+json", *sorted(media_types.MANIFEST_TYPES)])
    | ACCEPTS
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """A document, of which some bytes may be others, or missing, or there twice."""
    body = bytearray(json.dumps(draw(disturbed(DOCUMENTS) | disturbed(DOCUMENTS) | VALUES)).encode())
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        start, length = draw(st.integers(0, len(body))), draw(st.integers(0, 8))
        body[start : start + length] = draw(st.binary(max_size=3) | st.just(bytes(body[start : start + length]) * 2))
    return bytes(body)
