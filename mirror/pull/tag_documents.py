"""Tags and their moves as documents, and what an operator says of them. Knows no request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any

from mirror.amounts import moment
from mirror.errors import Code, Refused
from mirror.pull import former
from mirror.pull.tag_keeping import Choice, KnownTag, Moves
from mirror.store.journal import Move


def chosen(document: dict[str, Any]) -> Choice:
    """Which former digest is meant: the one `to`, the one `before` a moment, or the last. Raises Refused."""
    match document:
        case {"to": str(digest), **rest} if not rest:
            return lambda history, _: former.named(history, digest)
        case {"before": str(text), **rest} if not rest:
            return partial(_at, _parsed(text))
        case _ if not document:
            return former.before
    wanted = "a digest `to`, or a moment `before`, or neither, and nothing else"
    raise Refused(f"what is wanted beside the image is {wanted}", code=Code.BAD_REQUEST)


def tag_document(tag: KnownTag) -> dict[str, Any]:
    """How a tag stands, as the API tells it."""
    times = {name: getattr(tag, name) for name in ("checked", "since", "until")}
    return {**asdict(tag), **{name: None if time is None else moment(time) for name, time in times.items()}}


def move_document(move: Move) -> dict[str, Any]:
    """A move, as the API tells it."""
    return {**asdict(move), "seen": moment(move.seen)}


def moves_document(moves: Moves) -> dict[str, Any]:
    """Moves, as the API tells them."""
    return {"moves": [move_document(move) for move in moves.moves], "more": moves.more}


def _at(when: float, history: Sequence[Move], _: str | None) -> str:
    return former.at(history, when)


def _parsed(text: str) -> float:
    try:
        when = datetime.fromisoformat(text)
        if when.tzinfo is not None:
            return when.timestamp()
    except (ValueError, OverflowError):
        pass
    raise Refused("a moment is written as 2026-01-31T12:00:00Z", code=Code.BAD_REQUEST)
