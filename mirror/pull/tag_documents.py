"""Tags and their moves as documents, and what an operator says of them. Knows no request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Any

from mirror.errors import Code, Refused
from mirror.pull import former
from mirror.pull.tag_keeping import Choice, KnownTag
from mirror.store.journal import Move


def chosen(document: dict[str, Any]) -> Choice:
    """Which former digest is meant: the one `to`, the one `before` a moment, or the last. Raises Refused."""
    match document:
        case {"to": str(digest), **rest} if not rest:
            return lambda history, _: former.named(history, digest)
        case {"before": str(moment), **rest} if not rest:
            return partial(_at, _moment(moment))
        case _ if not document:
            return former.before
    wanted = "a digest `to`, or a moment `before`, or neither, and nothing else"
    raise Refused(f"what is wanted beside the image is {wanted}", code=Code.BAD_REQUEST)


def tag_document(tag: KnownTag) -> dict[str, Any]:
    """How a tag stands, as the API tells it."""
    times = {name: _written(getattr(tag, name)) for name in ("checked", "since", "until")}
    return {**asdict(tag), **times}


def move_document(move: Move) -> dict[str, Any]:
    """A move, as the API tells it."""
    return {**asdict(move), "seen": _written(move.seen)}


def _at(moment: float, history: Sequence[Move], _: str | None) -> str:
    return former.at(history, moment)


def _moment(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.timestamp()
    except (ValueError, OverflowError):
        pass
    raise Refused("a moment is written as 2026-01-31T12:00:00Z", code=Code.BAD_REQUEST)


def _written(moment: float | None) -> str | None:
    if moment is None:
        return None
    try:
        return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError):  # of a clock that was never right
        return None
