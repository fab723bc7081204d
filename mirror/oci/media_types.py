"""Media types of manifests and the `Accept` header. Knows names and how they are matched, not what documents hold."""

from __future__ import annotations

import re
from collections.abc import Sequence

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_ARTIFACT = "application/vnd.oci.artifact.manifest.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+json"
SCHEMA1_SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws"

JSON = "application/json"
OCTET_STREAM = "application/octet-stream"
S3_OCTET_STREAM = "binary/octet-stream"  # what S3 says of objects that were put there without a type
TEXT = "text/plain"

IMAGE_TYPES = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
INDEX_TYPES = frozenset({OCI_INDEX, DOCKER_LIST})
ARTIFACT_TYPES = frozenset({OCI_ARTIFACT})
SCHEMA1_TYPES = frozenset({SCHEMA1, SCHEMA1_SIGNED})
MANIFEST_TYPES = IMAGE_TYPES | INDEX_TYPES | ARTIFACT_TYPES | SCHEMA1_TYPES

# What registries send that say nothing about the document: the document itself decides then.
UNSPECIFIC_TYPES = frozenset({"", JSON, OCTET_STREAM, S3_OCTET_STREAM, TEXT})

# What an upstream is asked with, whoever asks us: a client's narrower list would make some registries convert, or
# pick one platform, and the answer would then be everybody's. Schema 1 stands behind what it was replaced by.
ACCEPT = ", ".join((DOCKER_MANIFEST, DOCKER_LIST, OCI_MANIFEST, OCI_INDEX, SCHEMA1_SIGNED, SCHEMA1, OCI_ARTIFACT))

# Somebody else's kinds of manifests (signatures, artifacts before there was a standard): vendors' trees, and JSON.
_of_a_vendor = re.compile(r"application/vnd\.[a-z0-9][a-z0-9!#$&^_.+-]{0,110}\+json", re.ASCII).fullmatch
_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # a token, RFC 9110 section 5.6.2
_RANGE = rf"[ \t]*(?:{_NAME}/{_NAME}[ \t]*(?:;[^,;\"]*)*)?"
_understood = re.compile(rf"{_RANGE}(?:,{_RANGE})*", re.ASCII).fullmatch
_weighs_nothing = re.compile(r"(?:^|;)[ \t]*q[ \t]*=[ \t]*0(?:\.0{0,3})?[ \t]*(?:;|$)", re.ASCII).search
_ACCEPT_LENGTH = 8192
_ACCEPT_LINES = 64


def bare(content_type: str) -> str:
    """The media type alone: without parameters, in lower case. Anything may come out if anything went in."""
    media_type = content_type.partition(";")[0].strip(" \t")
    # str.lower() makes ASCII letters of some others (the Kelvin sign): what is not ASCII names no type anyway.
    return media_type.lower() if media_type.isascii() else media_type


def may_be_a_manifests(media_type: str) -> bool:
    """Whether a manifest may be of this type, which is bare: those that are understood here, and any vendor's JSON."""
    return media_type in MANIFEST_TYPES or _of_a_vendor(media_type) is not None


def accepts(accept_headers: Sequence[str], media_type: str) -> bool:
    """Whether a client that sent these `Accept` lines (in any number and order) takes `media_type`.

    RFC 9110 section 12.5.1: the most specific range that matches decides, `q=0` refuses. Without the header, and
    when it cannot be understood, everything is accepted. Never raises.
    """
    # dockerd and containers/image send one type a line: six lines in random order.
    if not accept_headers or media_type in accept_headers:
        return True
    if len(accept_headers) > _ACCEPT_LINES or sum(map(len, accept_headers)) > _ACCEPT_LENGTH:
        return True
    ranges = ",".join(accept_headers).lower()
    if "/" not in ranges:
        return True
    # From the most to the least specific.
    wanted: dict[str, bool | None] = {media_type: None, f"{media_type.partition('/')[0]}/*": None, "*/*": None}
    for element in ranges.split(","):
        name, _, parameters = element.partition(";")
        name = name.strip(" \t")
        if name in wanted:
            wanted[name] = wanted[name] or _weighs_nothing(parameters) is None
    decided = next((answer for answer in wanted.values() if answer is not None), False)
    return decided or _understood(ranges) is None
