"""Which client's request the work at hand is done for: an id that tasks inherit from whoever began them.

Set where a request has to be looked for, and read where a line of the log is written. Knows neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_request_id: ContextVar[str | None] = ContextVar("mirror_request_id", default=None)
_ahead: ContextVar[bool] = ContextVar("mirror_ahead", default=False)


def current() -> str | None:
    """The id of the request that began this work, or None for what nobody asked for.

    Of work that several requests wait for, it is the id of the first.
    """
    return _request_id.get()


@contextmanager
def entered(request_id: str) -> Iterator[None]:
    """Within it, and within every task that is begun there, `current` is this id. Nothing is awaited by itself."""
    token = _request_id.set(request_id)
    try:
        yield
    finally:
        _request_id.reset(token)


def is_ahead() -> bool:
    """Whether the work is done before any client has asked for it."""
    return _ahead.get()


@contextmanager
def ahead(request_id: str | None) -> Iterator[None]:
    """The same for work that is done ahead of what this request will want next, if there was one."""
    request, early = _request_id.set(request_id), _ahead.set(True)
    try:
        yield
    finally:
        _ahead.reset(early)
        _request_id.reset(request)
