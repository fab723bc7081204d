"""Whether a tag may be answered without asking. Pure: what we know, the policy, the time; nothing else.

By digest nobody is ever asked, because content cannot change; so this is about tags alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase

from mirror.config.quantities import Share

_SKEW = 60.0  # seconds that a record may lie in the future, before it counts as made by a wrong clock
FOR_EVER = 100 * 365 * 86400.0  # seconds
_AGAIN = 1.0  # seconds between two checks of a tag, however often clients want it checked
_OUTAGE = 300.0  # seconds after which an upstream that could not be asked is worth another try
_TENTH = Share(percent=10.0)
_SHORTEST = 1.0  # seconds that freshness is stretched from, where the operator has set less


@dataclass(frozen=True, slots=True)
class Policy:
    """The operator's bounds, in seconds, and the tags that never move (shell patterns)."""

    tag_ttl: float
    stale_for: float
    not_found_ttl: float
    immutable_tags: tuple[str, ...] = ()
    serves_deleted: bool = False  # whether a tag that the upstream no longer has is answered while it may be stale
    honours_no_cache: bool = False  # whether a client may make a tag due
    reserve: Share = _TENTH  # of a pull limit: pulls that are kept for what is not cached
    hold: float = 0.0  # for which a new digest of a tag that is known is held back

    @property
    def horizon(self) -> float:
        """Seconds after its last check from which on a tag is no more answered without the upstream."""
        return self.tag_ttl + self.stale_for

    def lifetime(self, tag: str) -> float:
        """Seconds for which it is worth remembering where the tag pointed."""
        return FOR_EVER if self.immutable(tag) else max(self.horizon, self.hold)

    def immutable(self, tag: str) -> bool:
        return any(fnmatchcase(tag, pattern) for pattern in self.immutable_tags)

    def stretched(self, pressure: float) -> float:
        """Seconds after its last check for which no pull is spent on a tag: `tag_ttl` at 0, the horizon at 1.

        It grows by the same factor with every step, so that half the pressure means hours rather than half a month.
        """
        if pressure <= 0:
            return self.tag_ttl
        shortest = max(self.tag_ttl, _SHORTEST)
        return self.horizon if self.horizon <= shortest else shortest * (self.horizon / shortest) ** min(pressure, 1.0)


@dataclass(frozen=True, slots=True)
class Known:
    """When a tag was last checked, and when that was last tried in vain (0: not since); wall clock, seconds.

    `deleted`: that try was answered, by saying that there is no such tag any more. `lasting`: the operator has brought
    the tag here, so that it may be as old as it likes as long as nobody can be asked.
    """

    checked: float
    failed: float = 0.0
    deleted: bool = False
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class Asking:
    """What else has a say: how scarce pulls are (0 to 1, by `frugality`), and that a client wants no old answer."""

    pressure: float = 0.0
    no_cache: bool = False


class Verdict(Enum):
    FRESH = "answer without asking"
    WAIT = "the last check failed just now: answer the old one, without asking again"
    SPARE = "ask what costs no pull; if it has moved, or that fails, answer the old one"
    DUE = "ask; if that fails, answer the old one"
    OVERDUE = "ask; if that fails, refuse"
    UNKNOWN = "nothing is known: ask"


_PLAIN = Asking()


def judge(known: Known | None, policy: Policy, tag: str, now: float, asking: Asking = _PLAIN) -> Verdict:
    """What a request for `tag` at `now` means. A clock that was set back makes a tag due, never fresh for ever."""
    if known is None:
        return Verdict.UNKNOWN
    if policy.immutable(tag):
        return Verdict.FRESH
    longest = _AGAIN if asking.no_cache and policy.honours_no_cache else FOR_EVER
    # A try in vain that is yet to come was by a clock that has been set back since: the check is older than it looks.
    if known.failed <= now and _within(known.checked, min(policy.tag_ttl, longest), now):
        return Verdict.FRESH
    if now - known.checked >= policy.horizon and not known.lasting:
        return Verdict.OVERDUE
    if _within(known.failed, min(silence(known, policy), longest), now):
        return Verdict.WAIT
    if asking.pressure > 0 and _within(known.checked, policy.stretched(asking.pressure), now):
        return Verdict.SPARE
    return Verdict.DUE


def silence(known: Known, policy: Policy) -> float:
    """Seconds for which a check that failed is not tried again: few, for an outage may be over long before the ttl is.

    That a tag is gone is an answer, and lasts as long as one.
    """
    return max(policy.tag_ttl, policy.not_found_ttl) if known.deleted else min(policy.tag_ttl, _OUTAGE)


def counted(checked: float, policy: Policy, now: float) -> float:
    """When that counts as checked which could not be checked again `now`.

    By a clock that has been set back since, it is no longer fresh, and grows old from now on: not from next year.
    """
    return checked if checked <= now else now - policy.tag_ttl


def _within(moment: float, span: float, now: float) -> bool:
    """Whether `now` is less than `span` seconds after `moment`, which may lie a little in the future."""
    return now - moment >= -_SKEW and max(now - moment, 0.0) < span


def fresh_until(known: Known, policy: Policy, tag: str) -> float | None:
    """When a tag that is fresh now will have to be asked for, by the wall clock; None for never."""
    return None if policy.immutable(tag) else known.checked + policy.tag_ttl
