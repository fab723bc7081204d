"""Tags and their moves, as the API gives them, in lines for people. Knows nothing but the documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mirror.commands.columns import columns

Document = Mapping[str, Any]

_NOBODY = "the mirror itself"


def tag_lines(tags: list[Document]) -> Iterator[str]:
    """A line for each tag, and one more where clients are given something else than it points to."""
    if not tags:
        yield "no tag of it is known: nobody has pulled one"
    yield from columns([row for tag in tags for row in _rows(tag)])


def move_lines(document: Document) -> Iterator[str]:
    """A line for each move, the newest first, and one more where there are older ones."""
    moves = document["moves"]
    if not moves:
        yield "no move of it is known"
    yield from columns([_move(move) for move in moves])
    if document["more"]:
        yield f"and older ones: --limit {10 * len(moves)} shows more"


def _rows(tag: Document) -> Iterator[tuple[str, str]]:
    when = f", checked {tag['checked']}" if tag["checked"] is not None else ""
    yield tag["tag"], f"{tag['digest'] or 'not known'}{when}"
    if tag["why"]:
        yield "", f"clients are given {tag['given']}: {tag['why']}{_span(tag)}"


def _move(move: Document) -> tuple[str, ...]:
    old, new = move["old"] or "(nothing)", move["new"] or "(gone)"
    return move["seen"], move["tag"], f"{old} -> {new}", f"asked by {move['client'] or _NOBODY}"


def standing(tag: Document) -> str:
    """How one tag stands, in a line."""
    name = f"{tag['upstream']}/{tag['repository']}:{tag['tag']}"
    if tag["why"]:
        return f"{name}: clients are given {tag['given']}: {tag['why']}{_span(tag)}"
    if tag["digest"] is None:
        return f"{name}: the upstream is asked when a client pulls it"
    return f"{name}: clients are given {tag['digest']}, where the upstream has it"


def _span(tag: Document) -> str:
    return f" (since {tag['since']}; `mirror unpin-tag` takes it back)" if tag["pinned"] else ""
