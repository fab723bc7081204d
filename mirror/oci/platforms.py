"""Which platform each manifest of an index is for, as people write it: `linux/arm64/v8`. Pure.

https://github.com/opencontainers/image-spec/blob/main/image-index.md
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mirror.errors import Malformed
from mirror.oci.document import parse_object

UNKNOWN = "unknown"

_word = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII).fullmatch


def platforms_of(body: bytes) -> dict[str, str]:
    """By the digest, as it is written, of each manifest that an index lists. Empty for what is no index."""
    try:
        entries = parse_object(body, ("manifests",)).get("manifests")
    except Malformed:
        return {}
    found = {}
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, Mapping) and isinstance(entry.get("digest"), str):
            found[entry["digest"]] = _platform(entry)
    return found


def platform_of(config: bytes) -> str:
    """What the configuration of an image says that the image is for."""
    try:
        return _words(parse_object(config, ())) or UNKNOWN
    except Malformed:
        return UNKNOWN


def _platform(entry: Mapping[str, object]) -> str:
    platform = entry.get("platform")
    if not isinstance(platform, Mapping):
        return UNKNOWN
    return _words(platform) or _attestation(entry)


def _words(platform: Mapping[str, object]) -> str:
    """Empty where nothing is told."""
    words = [platform.get(key) for key in ("os", "architecture", "variant")]
    told = [word for word in words if isinstance(word, str) and _word(word)]
    return "" if set(told) <= {UNKNOWN} else "/".join(told)


def _attestation(entry: Mapping[str, object]) -> str:
    """BuildKit lists what it attests of an image as if it were one, for an unknown platform."""
    annotations = entry.get("annotations")
    kind = annotations.get("vnd.docker.reference.type") if isinstance(annotations, Mapping) else None
    return "attestation" if kind == "attestation-manifest" else UNKNOWN
