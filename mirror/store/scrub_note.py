"""How far the scrub has come, as it is noted in the cache directory: so that a restart does not begin again.

A note that is lost or makes no sense costs a pass that was begun, nothing else. Blocks.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import orjson

from mirror.store.layout import Layout

_NAME = "scrub"
_LARGEST = 1024  # bytes of a note


@dataclass(frozen=True, slots=True)
class Progress:
    """`after`: the last digest that was looked at in this pass; `done`: the bytes so far.

    `found`: files that were not what their names say, in this pass; `finished`: when the last whole pass ended. Times
    are by the wall clock, 0: never.
    """

    after: str = ""
    done: int = 0
    found: int = 0
    began: float = 0.0
    finished: float = 0.0


def read_progress(layout: Layout) -> Progress:
    """What is noted; the very beginning, if nothing is. Raises OSError."""
    note = layout.filesystem.read_note(_NAME, layout.directory, _LARGEST)
    try:
        document = orjson.loads(note or b"")
    except orjson.JSONDecodeError:
        return Progress()
    match document:
        case {
            "after": str(after),
            "done": int(done),
            "found": int(found),
            "began": int() | float() as began,
            "finished": int() | float() as finished,
        } if min(done, found, began, finished) >= 0:
            return Progress(after, done, found, float(began), float(finished))
    return Progress()


def write_progress(layout: Layout, progress: Progress) -> None:
    """Note it, lastingly. Raises OSError."""
    layout.filesystem.write_note(_NAME, layout.directory, orjson.dumps(asdict(progress)) + b"\n")
