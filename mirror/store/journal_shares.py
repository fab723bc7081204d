"""How many moves of tags each upstream may keep, so that one whose tags move like mad pushes out no other's. Pure."""

from __future__ import annotations

from collections.abc import Mapping


def beyond(counts: Mapping[str, int], most: int) -> dict[str, int]:
    """How many each has more than it may keep; who has no more than it may is left out.

    All together keep at most `most`. Who has few keeps them, and what that leaves is shared equally by the others.
    """
    share, left = 0, most
    for place, count in enumerate(sorted(counts.values())):
        share = left // (len(counts) - place)
        if count > share:
            return {name: count - share for name, count in counts.items() if count > share}
        left -= count
    return {}
