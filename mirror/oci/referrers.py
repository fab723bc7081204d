"""Lists of referrers: what refers to a manifest (signatures, SBOMs, …), as an index that is read and written anew.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers
A list that cannot be read is no list: whoever took it for an empty one would take a signed image for an unsigned one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mirror.errors import Code, Malformed
from mirror.oci.descriptor import SIZE_LIMIT, Descriptor
from mirror.oci.digest import Digest
from mirror.oci.document import parse_object
from mirror.oci.manifest import DESCRIPTORS
from mirror.oci.media_types import OCI_INDEX, UNSPECIFIC_TYPES, bare

_FIELDS = ("schemaVersion", "mediaType", "manifests")
_TYPE_LENGTH = 255  # RFC 6838 section 4.2: twice 127 and a slash
_NO_LIST = object()
_TAG_PART = 64  # characters that the tag schema keeps of a digest's encoded part


@dataclass(frozen=True, slots=True)
class Referrer:
    """One descriptor. `digest` follows the grammar and may be of an algorithm that is not served here.

    One of those is no less a referrer: a client that asks for it is refused, and does not believe that there is none.
    """

    media_type: str
    digest: str
    size: int
    artifact_type: str | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)


def parse_referrers(body: bytes, content_type: str | None) -> tuple[Referrer, ...]:
    """The referrers that an image index lists, in its order, each once. Malformed (BAD_UPSTREAM) when it is not one.

    A header that says nothing in particular leaves it to the document to say what it is.
    """
    document = parse_object(body, _FIELDS)
    if document.get("schemaVersion") != 2 or not _is_index(document.get("mediaType"), bare(content_type or "")):
        raise _malformed("a list of referrers that is not an image index")
    entries = document.get("manifests", _NO_LIST)
    if entries is None:
        return ()  # as Go writes an empty list
    if not isinstance(entries, list) or len(entries) > DESCRIPTORS:
        raise _malformed("a list of referrers without a list in it, or with too long a one")
    return each_once(map(_referrer, entries))


def each_once(referrers: Iterable[Referrer]) -> tuple[Referrer, ...]:
    """Without those whose digest stood there before."""
    found: dict[str, Referrer] = {}
    for referrer in referrers:
        found.setdefault(referrer.digest, referrer)
    return tuple(found.values())


def of_type(referrers: Iterable[Referrer], artifact_type: str) -> tuple[Referrer, ...]:
    """Those with this `artifactType`, which is what the filter of the API compares."""
    return tuple(referrer for referrer in referrers if referrer.artifact_type == artifact_type)


def written(referrers: Iterable[Referrer]) -> bytes:
    """The image index that lists these: the same bytes for the same referrers."""
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [_descriptor(one) for one in referrers]}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def referrers_tag(digest: Digest) -> str:
    """The tag that lists the referrers of `digest` where a registry does not have the API (the "tag schema")."""
    return f"{digest.algorithm}-{digest.encoded[:_TAG_PART]}"


def _is_index(embedded: object, declared: str) -> bool:
    if declared in UNSPECIFIC_TYPES:
        return embedded == OCI_INDEX
    return declared == OCI_INDEX and embedded in (None, "", OCI_INDEX)


def _referrer(entry: object) -> Referrer:
    if not isinstance(entry, Mapping):
        raise _malformed("a referrer that is not an object")
    media_type, artifact_type = _type(entry.get("mediaType")), _type(entry.get("artifactType"))
    if media_type is None:
        raise _malformed("a referrer without a mediaType")
    digest, size = _content(entry)
    return Referrer(media_type, digest, size, artifact_type, _annotations(entry.get("annotations")))


def _content(entry: Mapping[object, object]) -> tuple[str, int]:
    """Digest and size."""
    try:
        descriptor = Descriptor.parse(entry)
    except Malformed as reason:
        size = entry.get("size")
        if reason.code is not Code.DIGEST_INVALID or type(size) is not int or not 0 <= size <= SIZE_LIMIT:
            raise _malformed(str(reason)) from reason
        return str(entry.get("digest")), size
    return str(descriptor.digest), descriptor.size


def _type(value: object) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > _TYPE_LENGTH or not (value.isascii() and value.isprintable()):
        raise _malformed("a referrer whose mediaType or artifactType is not one")
    return value


def _annotations(value: object) -> Mapping[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(text, str) for pair in value.items() for text in pair):
        raise _malformed("a referrer whose annotations are not text")
    try:
        "".join(text for pair in value.items() for text in pair).encode()
    except UnicodeEncodeError:
        raise _malformed("a referrer whose annotations are not Unicode") from None
    return dict(value)


def _descriptor(referrer: Referrer) -> dict[str, object]:
    descriptor: dict[str, object] = {
        "mediaType": referrer.media_type,
        "digest": referrer.digest,
        "size": referrer.size,
    }
    if referrer.artifact_type is not None:
        descriptor["artifactType"] = referrer.artifact_type
    if referrer.annotations:
        descriptor["annotations"] = dict(referrer.annotations)
    return descriptor


def _malformed(what: str) -> Malformed:
    return Malformed(what, code=Code.BAD_UPSTREAM)
