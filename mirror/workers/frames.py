"""What goes over the line between a worker and the supervisor, one frame a packet. Pure.

A frame is a letter, and after it what only workers read: the hub passes on what is told as it came.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from mirror.siblings import Word

LARGEST = 32 * 1024  # bytes of a frame
READY = b"R"  # the worker serves
STOP = "stop"  # a subject of the supervisor's: end, and let running answers finish
COMPLETE = "complete"  # a subject of the supervisor's, to number 0: all of them serve, for the first time
CAME = "came"  # a subject of the supervisor's, with the number of a worker that serves from now on

_TOLD = b"T"


def told(subject: str, words: Sequence[Word] = ()) -> bytes:
    """The frame that lets this be heard. Raises ValueError when it is too large, or holds what JSON cannot."""
    try:
        frame = _TOLD + orjson.dumps([subject, *words])
    except orjson.JSONEncodeError as error:
        raise ValueError("a word is not one that can be told") from error
    if len(frame) > LARGEST:
        raise ValueError("more is told than goes into one frame")
    return frame


def is_told(frame: bytes) -> bool:
    """Whether it is for other workers."""
    return frame[:1] == _TOLD


def heard(frame: bytes) -> tuple[str, list[Word]]:
    """Subject and words of what was told. Raises ValueError for what is no such frame."""
    said = orjson.loads(frame[1:]) if is_told(frame) else None  # orjson.JSONDecodeError is a ValueError
    if not isinstance(said, list) or not said or not isinstance(said[0], str):
        raise ValueError("not a frame that tells something")
    return said[0], said[1:]
