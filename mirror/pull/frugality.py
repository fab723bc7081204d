"""How sparing to be with pulls where an upstream limits their number. Pure: its last word, and the operator's reserve.

A limit counts manifests that are sent, not HEADs, and not blobs. What nobody has to fetch again is not fetched again
while pulls are few, so that those that are left go to what is not cached.
"""

from __future__ import annotations

from enum import StrEnum

from mirror.config.quantities import Share
from mirror.upstream.budget import Budget

_PLENTY = 0.5  # of the limit: with so much left nothing is spared


class State(StrEnum):
    UNKNOWN = "unknown"  # the upstream has named no limit, or not lately
    NORMAL = "normal"
    STRETCHED = "stretched"  # tags are asked for less often
    RESERVE = "reserve"  # only what is not cached is pulled
    THROTTLED = "throttled"  # the upstream refuses pulls for now


def pressure(budget: Budget | None, reserve: Share) -> float:
    """How scarce pulls are: 0 while at least half of them are left, 1 when no more than the reserve is, or none."""
    if budget is None:
        return 0.0
    kept = reserved(budget, reserve)
    plenty = max(budget.limit * _PLENTY, kept)
    if budget.remaining <= kept:
        return 1.0
    if budget.remaining >= plenty:
        return 0.0
    return (plenty - budget.remaining) / (plenty - kept)


def reserved(budget: Budget, reserve: Share) -> int:
    """The pulls that are kept for what is not cached."""
    return min(reserve.of(budget.limit), budget.limit)


def state_of(budget: Budget | None, reserve: Share) -> State:
    """The word for it, as far as the upstream's figures tell."""
    if budget is None:
        return State.UNKNOWN
    scarcity = pressure(budget, reserve)
    if scarcity <= 0:
        return State.NORMAL
    return State.STRETCHED if scarcity < 1 else State.RESERVE
