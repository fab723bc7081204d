"""Which of the digests that a tag has had is meant: one that is named, the one of a moment, the one before. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from mirror.amounts import moment
from mirror.errors import Code, Refused
from mirror.store.journal import Move

_LOOK = "see `mirror tags --history`"


def digests_of(history: Sequence[Move]) -> list[str]:
    """Every digest that the tag has had, the newest first, as `history` has its moves; each where it came up."""
    found = [move.new for move in history]
    found += [history[-1].old] if history else []
    return [digest for digest in found if digest is not None]


def named(history: Sequence[Move], digest: str) -> str:
    """The digest, if the tag has had it. Raises Refused."""
    if digest not in digests_of(history):
        raise _unknown("the tag is not known to have had that digest; `mirror pin-tag --to` pins it to any")
    return digest


def at(history: Sequence[Move], when: float) -> str:
    """What the tag pointed to before that moment (wall clock, seconds). Raises Refused.

    Where it was before its oldest move is known, but not since when: the moves before that one may be gone.
    """
    earlier = next((move for move in history if move.seen < when), None)
    if earlier is None:
        raise _unknown(f"{_beginning(history)}, and nothing is known of before, so name a digest with `--to`")
    if earlier.new is None:
        raise _unknown("the registry did not have the tag then, so name a digest with `--to`")
    return earlier.new


def before(history: Sequence[Move], given: str | None) -> str:
    """The last one that came before `given`, which clients are given now, and is another. Raises Refused."""
    digests = digests_of(history)
    start = digests.index(given) if given in digests else 0
    digest = next((digest for digest in digests[start:] if digest != given), None)
    if digest is None:
        raise _unknown("no digest is known that the tag had before")
    return digest


def _beginning(history: Sequence[Move]) -> str:
    """Where what is known begins: the oldest moves go when there are too many."""
    if not history:
        return "the journal has no move of this tag"
    return f"the journal of this tag begins at {moment(history[-1].seen)}"


def _unknown(words: str) -> Refused:
    return Refused(f"{words}: {_LOOK}", code=Code.MANIFEST_UNKNOWN)
