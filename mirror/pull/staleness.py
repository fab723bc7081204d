"""Why a tag is answered as it was, and the words in which a client hears of it. Pure, and without a client's words.

A reason is written down with the tag, so that it is still known when the next client comes.
"""

from __future__ import annotations

from enum import StrEnum

from mirror.errors import Frozen, Interrupted, Throttled, Unreachable, UpstreamError


class Trouble(StrEnum):
    UNREACHABLE = "unreachable"
    THROTTLED = "throttled"
    NONSENSE = "nonsense"
    FROZEN = "frozen"
    DELETED = "deleted"
    SPARED = "spared"
    BUSY = "busy"


_AT_ONCE = {
    Trouble.UNREACHABLE: "{} does not answer",
    Trouble.THROTTLED: "{} limits our requests",
    Trouble.NONSENSE: "{} gives answers that cannot be used",
    Trouble.FROZEN: "contact with {} is frozen by the operator",
    Trouble.DELETED: "the upstream no longer has this tag",
    Trouble.SPARED: "few pulls are left at {}, and none is spent on what is cached",
    Trouble.BUSY: "this mirror has too much to do",
}
_LATER = "{} could not be asked a moment ago"
_TOLD_AGAIN = frozenset({Trouble.DELETED, Trouble.SPARED})


def trouble_of(error: UpstreamError) -> Trouble:
    """The reason that this failure of an upstream is."""
    match error:
        case Frozen():
            return Trouble.FROZEN
        case Throttled():
            return Trouble.THROTTLED
        case Unreachable() | Interrupted():
            return Trouble.UNREACHABLE
    return Trouble.NONSENSE


def noted(word: str) -> Trouble | None:
    """The reason that was written down as `word`; None where none was, or none that we know."""
    try:
        return Trouble(word)
    except ValueError:
        return None


def warning(trouble: Trouble, upstream: str, age: float) -> str:
    """What goes with an answer of `age` seconds that was to be checked just now."""
    return f"{_AT_ONCE[trouble].format(upstream)}; {_checked(age)}"


def warning_again(trouble: Trouble | None, upstream: str, age: float) -> str:
    """What goes with an answer of `age` seconds while the check that failed is not tried again."""
    words = _AT_ONCE[trouble] if trouble in _TOLD_AGAIN else _LATER
    return f"{words.format(upstream)}; {_checked(age)}"


def _checked(age: float) -> str:
    return f"this tag was last checked {_in_words(max(int(age), 0))} ago"


def _in_words(seconds: int) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
