"""What a manifest is and what it names: the document is read once, for its type and its descriptors.

https://github.com/opencontainers/image-spec (manifest.md, image-index.md), and Docker's schema 1 and 2. The bytes are
served as they came, whatever is read here, and reading gives nobody access to anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from mirror.errors import Code, Malformed
from mirror.oci import media_types
from mirror.oci.descriptor import Descriptor
from mirror.oci.document import parse_object

DESCRIPTORS = 10_000  # in one list; large indexes have some hundreds


class Kind(Enum):
    IMAGE = "image"
    INDEX = "index"
    ARTIFACT = "artifact"
    SCHEMA1 = "schema1"
    OTHER = "other"  # of a kind that is not known here, or not as its kind should be


@dataclass(frozen=True, slots=True)
class Manifest:
    """`blobs` are the config and the layers (foreign ones too) or an artifact's blobs, `manifests` what an index lists.

    Left out: descriptors with a digest of an algorithm that is not served here, the layers of a schema 1 manifest,
    which says no sizes, and all that one of another kind may name: that is passed on unread, by who trusts its digest.
    """

    media_type: str
    kind: Kind
    blobs: tuple[Descriptor, ...] = ()
    manifests: tuple[Descriptor, ...] = ()
    subject: Descriptor | None = None


_KINDS = {
    **dict.fromkeys(media_types.IMAGE_TYPES, Kind.IMAGE),
    **dict.fromkeys(media_types.INDEX_TYPES, Kind.INDEX),
    **dict.fromkeys(media_types.ARTIFACT_TYPES, Kind.ARTIFACT),
    **dict.fromkeys(media_types.SCHEMA1_TYPES, Kind.SCHEMA1),
}
# Members that only one kind has: a document with those of two means something else to each reader (GHSA-mc8v).
_OWN_MEMBERS = {
    "config": Kind.IMAGE,
    "layers": Kind.IMAGE,
    "manifests": Kind.INDEX,
    "blobs": Kind.ARTIFACT,
    "fsLayers": Kind.SCHEMA1,
}
_REQUIRED_MEMBERS = {Kind.IMAGE: "config", Kind.INDEX: "manifests", Kind.SCHEMA1: "fsLayers"}
_SCHEMA_VERSIONS = {Kind.IMAGE: 2, Kind.INDEX: 2, Kind.SCHEMA1: 1}  # artifact manifests have none
_FIELDS = ("schemaVersion", "mediaType", "subject", "signatures", *_OWN_MEMBERS)


def classify(body: bytes, content_type: str | None) -> Manifest:
    """What `body`, which came with this `Content-Type`, is. Malformed (BAD_UPSTREAM) when it may mean two things.

    The header and the document's own `mediaType` must agree where both say something. A header that says nothing
    (none, `application/json`, …: some registries send no better) leaves it to the document.
    """
    document = parse_object(body, _FIELDS)
    media_type = _declared(content_type) or _embedded(document)
    if media_type is None:
        media_type = _implied(document)
    elif _embedded(document) not in (None, media_type):
        raise _malformed("a manifest whose mediaType is not its Content-Type")
    kind = _KINDS.get(media_type, Kind.OTHER)
    _check_meaning(document, kind)
    if kind is Kind.OTHER:
        return Manifest(media_type, kind)
    try:
        return _read(document, media_type, kind)
    except Malformed:
        return Manifest(media_type, Kind.OTHER)


def _check_meaning(document: Mapping[str, object], kind: Kind) -> None:
    """Malformed for a document that somebody could take for one of another kind."""
    kinds = {owner for member, owner in _OWN_MEMBERS.items() if member in document}
    if len(kinds | ({kind} - {Kind.OTHER})) > 1:
        raise _malformed("a manifest with members of another kind of manifest")
    version = document.get("schemaVersion")
    if version in (1, 2) and version != _SCHEMA_VERSIONS.get(kind, version):
        raise _malformed("a manifest with the schemaVersion of another kind of manifest")


def _read(document: Mapping[str, object], media_type: str, kind: Kind) -> Manifest:
    _check_shape(document, kind)
    configs = [document["config"]] if "config" in document else []
    subjects = [document["subject"]] if document.get("subject") is not None else []
    return Manifest(
        media_type,
        kind,
        blobs=tuple(_descriptors([*configs, *_list(document, "layers"), *_list(document, "blobs")])),
        manifests=tuple(_descriptors(_list(document, "manifests"))),
        subject=next(_descriptors(subjects), None),
    )


def _declared(content_type: str | None) -> str | None:
    """The type that the header names, None when it names none in particular."""
    media_type = media_types.bare(content_type or "")
    if media_type in media_types.UNSPECIFIC_TYPES:
        return None
    if not media_types.may_be_a_manifests(media_type):
        raise _malformed("a Content-Type that is not a manifest's")
    return media_type


def _embedded(document: Mapping[str, object]) -> str | None:
    """The type that the document names, None when it names none."""
    media_type = document.get("mediaType")
    if media_type is None or media_type == "":
        return None
    if not isinstance(media_type, str) or not media_types.may_be_a_manifests(media_type):
        raise _malformed("a mediaType that is not a manifest's")
    return media_type


def _implied(document: Mapping[str, object]) -> str:
    """The type that only the members tell. Docker's schema 2 always names its own, so what does not is OCI's."""
    if "manifests" in document:
        return media_types.OCI_INDEX
    if "config" in document:
        return media_types.OCI_MANIFEST
    if "fsLayers" in document:
        return media_types.SCHEMA1_SIGNED if "signatures" in document else media_types.SCHEMA1
    raise _malformed("a document that is no manifest")


def _check_shape(document: Mapping[str, object], kind: Kind) -> None:
    if kind in _REQUIRED_MEMBERS and _REQUIRED_MEMBERS[kind] not in document:
        raise _malformed("a manifest without what it is made of")
    version = document.get("schemaVersion")
    if kind in _SCHEMA_VERSIONS and (type(version) is not int or version != _SCHEMA_VERSIONS[kind]):
        raise _malformed("a manifest without its schemaVersion")


def _list(document: Mapping[str, object], member: str) -> list[object]:
    """The entries of a list that may be missing; Go writes an empty one as null."""
    entries = document.get(member)
    if entries is None:
        return []
    if not isinstance(entries, list) or len(entries) > DESCRIPTORS:
        raise _malformed("a manifest with a list that is none, or is too long")
    return entries


def _descriptors(entries: list[object]) -> Iterator[Descriptor]:
    for entry in entries:
        try:
            yield Descriptor.parse(entry)
        except Malformed as reason:
            # Another algorithm is no reason to keep the rest from a client, who cannot get that one entry from us.
            if reason.code is not Code.DIGEST_INVALID:
                raise


def _malformed(what: str) -> Malformed:
    return Malformed(what, code=Code.BAD_UPSTREAM)
