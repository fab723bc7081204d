"""Failures as words for sibling processes, and back: so that readers everywhere hear of the same kind (F8). Pure.

What is told comes from a mirror's own processes, and says no more than the error would: messages repeat no input.
"""

from __future__ import annotations

from mirror import errors
from mirror.errors import Code, MirrorError
from mirror.siblings import Word

_KINDS: dict[str, type[MirrorError]] = {
    kind.__name__: kind
    for kind in (
        errors.Absent,
        errors.Denied,
        errors.DigestMismatch,
        errors.Frozen,
        errors.Interrupted,
        errors.LeftoverMismatch,
        errors.Nonsense,
        errors.Refused,
        errors.SizeMismatch,
        errors.StoreFailed,
        errors.Throttled,
        errors.Unreachable,
    )
}


def words_of(error: MirrorError) -> tuple[Word, ...]:
    """Kind, code, message, and seconds to wait or None."""
    kind = type(error).__name__
    return kind if kind in _KINDS else "", error.code.name, str(error), error.retry_after


def error_of(kind: str, code: str, message: str, retry_after: int | None) -> MirrorError:
    """The error that was told with these words."""
    known = Code.__members__.get(code, Code.INTERNAL)
    return _KINDS.get(kind, MirrorError)(message, code=known, retry_after=retry_after)
