"""A failure is of the same kind when it has been told."""

from __future__ import annotations

import pytest

from mirror import errors
from mirror.errors import Code, Malformed, MirrorError
from mirror.pull.told import error_of, words_of

ERRORS = [
    errors.Absent("no such blob", code=Code.BLOB_UNKNOWN),
    errors.Denied("not for you"),
    errors.DigestMismatch("other bytes"),
    errors.LeftoverMismatch("other bytes"),
    errors.Frozen("by the operator"),
    errors.Interrupted("in the middle"),
    errors.Nonsense("what?"),
    errors.Refused("too much", code=Code.BUSY, retry_after=5),
    errors.SizeMismatch("too long"),
    errors.StoreFailed("no disk"),
    errors.Throttled("slowly", retry_after=30),
    errors.Unreachable("in time", code=Code.TIMEOUT),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_failure_is_told_and_heard_as_it_is(error: MirrorError) -> None:
    kind, code, message, retry_after = words_of(error)
    heard = error_of(str(kind), str(code), str(message), retry_after if isinstance(retry_after, int) else None)
    assert (type(heard), heard.code, str(heard), heard.retry_after) == (
        type(error),
        error.code,
        str(error),
        error.retry_after,
    )


def test_what_has_no_name_here_is_a_failure_all_the_same() -> None:
    assert words_of(Malformed("x"))[0] == ""
    heard = error_of("", "NO_SUCH_CODE", "x", None)
    assert (type(heard), heard.code) == (MirrorError, Code.INTERNAL)
