"""Which of the platforms that an index lists are meant by those that somebody asks for. Pure.

What is written in several ways is one platform, and an older variant serves where the one asked for is not listed, as
containerd has it (its platforms package): `linux/arm/v7` runs what is for v6, `linux/amd64/v3` what is for v1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from mirror.errors import Malformed

_ARCHITECTURES = {
    "x86_64": "amd64",
    "x86-64": "amd64",
    "aarch64": "arm64",
    "armhf": "arm",
    "armel": "arm/v6",
    "i386": "386",
    "i686": "386",
    "armv7l": "arm/v7",
    "armv6l": "arm/v6",
}
_DEFAULT_VARIANTS = {"arm": "v7", "arm64": "v8", "amd64": "v1"}
_ATTESTATION = "attestation"
_platform = re.compile(r"[a-z0-9]{1,32}/[a-z0-9_-]{1,32}(?:/[a-z0-9.]{1,16})?", re.ASCII).fullmatch
_variant = re.compile(r"v([0-9]{1,3})", re.ASCII).fullmatch


def parse_platform(text: str) -> str:
    """The platform `OS/ARCH[/VARIANT]` by its usual name; an architecture alone is Linux's. Raises Malformed."""
    words = text.lower() if "/" in text else f"linux/{text.lower()}"
    if _platform(words) is None:
        raise Malformed("not a platform: OS/ARCH or OS/ARCH/VARIANT, such as linux/arm64")
    return _usual(words)


def chosen(listed: Mapping[str, str], wanted: Sequence[str]) -> dict[str, str]:
    """Those of `listed` (digest → platform) that serve the platforms `wanted`, each best; all where none are named.

    Empty when none serves. What is listed for no platform, and attestations, are only in all.
    """
    if not wanted:
        return dict(listed)
    found = {}
    for platform in wanted:
        ranked = [(rank, digest) for digest, one in listed.items() if (rank := _rank(one, platform)) is not None]
        if ranked:
            best = max(rank for rank, _ in ranked)
            found.update({digest: listed[digest] for rank, digest in ranked if rank == best})
    return found


def _usual(platform: str) -> str:
    os, architecture, *variant = platform.split("/")
    architecture, _, implied = _ARCHITECTURES.get(architecture, architecture).partition("/")
    default = implied or _DEFAULT_VARIANTS.get(architecture, "")
    return "/".join(part for part in (os, architecture, *(variant or [default])) if part)


def _rank(listed: str, wanted: str) -> int | None:
    """How well what is listed serves: the higher, the better; None when it does not."""
    if listed == _ATTESTATION or listed.count("/") < 1:
        return None
    have, want = _usual(listed.lower()).split("/"), wanted.split("/")
    if have[:2] != want[:2]:
        return None
    if have[2:] == want[2:]:
        return 1000
    older, newest = _variant("".join(have[2:])), _variant("".join(want[2:]))
    if older is None or newest is None or int(older[1]) > int(newest[1]):
        return None
    return int(older[1])
