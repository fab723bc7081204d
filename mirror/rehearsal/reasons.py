"""Why an image would not survive: codes for programs, words for people. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Lack(StrEnum):
    """What would be missing. The codes stay as they are: programs know them."""

    NOT_SERVED = "not-served"  # the configuration does not allow it any more
    GONE = "gone"  # its own manifest
    INDEX_ONLY = "index-only"  # all platforms
    PLATFORM = "platform-missing"  # the manifest of one that clients have pulled
    BLOBS = "blobs-missing"  # config or layers
    DAMAGED = "damaged"  # the bytes are not what they should be any more
    UNPROVEN = "unproven"  # the upstream's word that this repository has what is here
    TAG_UNKNOWN = "tag-unknown"  # where the tag points
    TAG_RUNS_OUT = "tag-runs-out"  # the right to answer with what was known so long ago
    REFERRERS = "referrers-missing"  # signatures and the like that clients have asked for


@dataclass(frozen=True, slots=True)
class Reason:
    """`digest`: of the manifest that this is about, empty for the tag. `bytes`: of the `blobs` that are lacking."""

    lack: Lack
    words: str
    digest: str = ""
    platform: str = ""
    blobs: int = 0
    bytes: int = 0
