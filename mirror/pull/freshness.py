"""Whether a tag may be answered without asking. Pure: what we know, the policy, the time; nothing else.

By digest nobody is ever asked, because content cannot change; so this is about tags alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase

_SKEW = 60.0  # seconds that a record may lie in the future, before it counts as made by a wrong clock
_CENTURY = 100 * 365 * 86400.0


@dataclass(frozen=True, slots=True)
class Policy:
    """The operator's bounds, in seconds, and the tags that never move (shell patterns)."""

    tag_ttl: float
    stale_for: float
    not_found_ttl: float
    immutable_tags: tuple[str, ...] = ()

    @property
    def horizon(self) -> float:
        """Seconds after its last check from which on a tag is no more answered without the upstream."""
        return self.tag_ttl + self.stale_for

    def lifetime(self, tag: str) -> float:
        """Seconds for which it is worth remembering where the tag pointed."""
        return _CENTURY if self.immutable(tag) else self.horizon

    def immutable(self, tag: str) -> bool:
        return any(fnmatchcase(tag, pattern) for pattern in self.immutable_tags)


@dataclass(frozen=True, slots=True)
class Known:
    """When a tag was last checked, and when that was last tried in vain (0: not since); wall clock, seconds."""

    checked: float
    failed: float = 0.0


class Verdict(Enum):
    FRESH = "answer without asking"
    WAIT = "the last check failed just now: answer the old one, without asking again"
    DUE = "ask; if that fails, answer the old one"
    OVERDUE = "ask; if that fails, refuse"
    UNKNOWN = "nothing is known: ask"


def judge(known: Known | None, policy: Policy, tag: str, now: float) -> Verdict:
    """What a request for `tag` at `now` means. A clock that was set back makes a tag due, never fresh for ever."""
    if known is None:
        return Verdict.UNKNOWN
    if policy.immutable(tag):
        return Verdict.FRESH
    if _within(known.checked, policy.tag_ttl, now):
        return Verdict.FRESH
    if now - known.checked >= policy.horizon:
        return Verdict.OVERDUE
    if _within(known.failed, policy.tag_ttl, now):
        return Verdict.WAIT
    return Verdict.DUE


def _within(moment: float, span: float, now: float) -> bool:
    """Whether `now` is less than `span` seconds after `moment`, which may lie a little in the future."""
    return now - moment >= -_SKEW and max(now - moment, 0.0) < span


def fresh_until(known: Known, policy: Policy, tag: str) -> float | None:
    """When a tag that is fresh now will have to be asked for, by the wall clock; None for never."""
    return None if policy.immutable(tag) else known.checked + policy.tag_ttl
