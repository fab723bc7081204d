"""What clients are given in the place of what a tag points to: what it is pinned to, or what it was before.

Knows what is noted of tags, not how content is come by.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from mirror.pull.holding import held_until
from mirror.pull.upstreams import Target
from mirror.store.catalog import Key, TagRecord
from mirror.store.facts import Facts

_PINNED = "the operator has pinned this tag"
_FORMER = "the operator has rolled this tag back to a former digest"


@dataclass(frozen=True, slots=True)
class StandIn:
    """`since`: by the operator's word, None where the digest is held back; `until`: when that ends, None for never.

    Both by the wall clock, in seconds. `words` say why to whoever is given it.
    """

    digest: str
    words: str
    since: float | None = None
    until: float | None = None

    @property
    def is_pin(self) -> bool:
        return self.since is not None


class StandIns:
    """Those of all upstreams. `now` is the wall clock."""

    def __init__(self, facts: Facts, now: Callable[[], float]) -> None:
        self._facts = facts
        self._now = now

    def pinned(self, target: Target, tag: str) -> StandIn | None:
        """What the operator has pinned the tag to; None where he has not."""
        pin = self._facts.pins.get(target.name, target.repository, tag)
        if pin is None:
            return None
        return StandIn(pin.digest, _FORMER if pin.is_former else _PINNED, since=pin.since)

    def held(self, target: Target, record: TagRecord) -> StandIn | None:
        """What the tag was before, while its digest has not been known for long enough; None where it has."""
        until = held_until(record, target.upstream.policy.hold, self._now())
        if until is None:
            return None
        when = datetime.fromtimestamp(until, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        words = f"{target.name} has moved this tag; the new digest is held back until {when}"
        return StandIn(record.former, words, until=until)

    def of(self, target: Target, tag: str) -> StandIn | None:
        """What is given for the tag to clients that take every type of manifest; None where it is what it points to."""
        pinned = self.pinned(target, tag)
        if pinned is not None:
            return pinned
        record = self._facts.tag(Key("tag", target.name, target.repository, tag))
        return None if record is None else self.held(target, record)
