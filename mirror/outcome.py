"""How a request was answered: one word for logs, metrics, headers and tests."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    HIT = "hit"  # from the cache, without asking anybody
    MISS = "miss"  # this request began a fetch
    JOINED = "joined"  # another request had begun it
    REVALIDATED = "revalidated"  # from the cache, after the upstream said that it still holds
    STALE = "stale"  # from the cache, because the upstream could not be asked
    ABSENT = "absent"  # the upstream says that there is no such thing
    BYPASS = "bypass"  # answered without the cache having a part in it
    DENIED = "denied"  # refused, by us or by the upstream
    ERROR = "error"  # neither the cache nor the upstream could answer
