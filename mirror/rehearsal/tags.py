"""What clients are given for a tag from now until an outage is over, while nobody can be asked where it points.

By the rules that tags are answered by: `freshness`, `stand_ins`, and what is noted. Asks nobody, and notes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mirror.amounts import duration
from mirror.oci.digest import Digest
from mirror.pull.freshness import Known, Verdict, counted, judge
from mirror.pull.shelf import Shelf
from mirror.pull.staleness import Trouble
from mirror.pull.stand_ins import StandIns
from mirror.pull.upstreams import Target
from mirror.rehearsal.reasons import Lack, Reason
from mirror.store.catalog import Key, TagRecord
from mirror.store.facts import Facts

_FORGOTTEN = "where it points was last asked so long ago that it has been forgotten"
_NOT_HERE = Reason(
    Lack.TAG_UNKNOWN, "a new digest of it is held back, and without its manifest the registry would be asked"
)


@dataclass(frozen=True, slots=True)
class Answered:
    """`digest`: what is given now, None where that is not known. `then`: what is given instead before the end, if any.

    `since`: when `digest` took the place of what the registry has (wall clock), None where it has not. `reason`: why
    there would be no answer; `is_mendable`: whether there would, had the registry just been asked.
    """

    digest: str | None
    then: str | None = None
    since: float | None = None
    reason: Reason | None = None
    is_mendable: bool = False


class Tags:
    """For an outage of `lasting` seconds that begins `now`, by the wall clock."""

    def __init__(self, facts: Facts, shelf: Shelf, now: Callable[[], float], lasting: float) -> None:
        self._facts = facts
        self._shelf = shelf
        self._now = now
        self._lasting = lasting
        self._stand_ins = StandIns(facts, now)

    async def answered(self, target: Target, tag: str, noted: str | None) -> Answered:
        """`noted`: what the index has the tag point to. May take as long as reading a manifest; may be cancelled."""
        pin = self._stand_ins.pinned(target, tag)
        if pin is not None:
            return Answered(pin.digest, since=pin.since)
        record = self._facts.tag(Key("tag", target.name, target.repository, tag))
        if record is None:
            forgotten = Reason(Lack.TAG_UNKNOWN, _FORGOTTEN + self._advice(target))
            return Answered(noted, reason=forgotten, is_mendable=self._lasts_when_asked(target))
        reason = self._runs_out(target, tag, record)
        held = self._stand_ins.held(target, record)
        if held is None or not await self._is_here(target, held.digest):
            return Answered(record.digest, reason=reason, is_mendable=self._lasts_when_asked(target))
        then = record.digest if held.until is not None and held.until <= self._now() + self._lasting else None
        if reason is None and not await self._is_here(target, record.digest):
            reason = _NOT_HERE
        return Answered(held.digest, then, record.since, reason, self._lasts_when_asked(target))

    def _runs_out(self, target: Target, tag: str, record: TagRecord) -> Reason | None:
        policy, now = target.upstream.policy, self._now()
        checked = counted(record.checked, policy, now)
        known = Known(checked, record.failed, record.trouble == Trouble.DELETED, record.lasting)
        if judge(known, policy, tag, now + self._lasting) is not Verdict.OVERDUE:
            return None
        left = checked + policy.horizon - now
        words = f"it is answered for {duration(left)} more" if left > 0 else "it is not answered any more"
        return Reason(Lack.TAG_RUNS_OUT, f"{words} while its registry cannot be asked{self._advice(target)}")

    def _advice(self, target: Target) -> str:
        """What to do where asking now would not suffice."""
        if self._lasts_when_asked(target):
            return ""
        stale_for = duration(target.upstream.policy.stale_for)
        return f" (`stale_for` is {stale_for}: raise it, or pin the tag with `mirror pin-tag`)"

    def _lasts_when_asked(self, target: Target) -> bool:
        return target.upstream.policy.horizon > self._lasting

    async def _is_here(self, target: Target, digest: str) -> bool:
        return await self._shelf.look(target, Digest.parse(digest)) is not None
