"""Tags and their moves, as the API gives them, in lines for people. Knows nothing but the documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Document = Mapping[str, Any]

_NOBODY = "the mirror itself"


def tag_lines(tags: list[Document]) -> Iterator[str]:
    """A line for each tag, and one more where clients are given something else than it points to."""
    if not tags:
        yield "no tag of it is known: nobody has pulled one"
    for tag in tags:
        when = f", checked {tag['checked']}" if tag["checked"] is not None else ""
        yield f"{tag['tag']:<20} {tag['digest'] or 'not known'}{when}"
        if tag["why"]:
            yield f"{'':<20} clients are given {tag['given']}: {tag['why']}{_span(tag)}"


def move_lines(document: Document) -> Iterator[str]:
    """A line for each move, the newest first, and one more where there are older ones."""
    moves = document["moves"]
    if not moves:
        yield "no move of it is known"
    for move in moves:
        old, new = move["old"] or "(nothing)", move["new"] or "(gone)"
        yield f"{move['seen']}  {move['tag']}  {old} -> {new}  asked by {move['client'] or _NOBODY}"
    if document["more"]:
        yield f"and older ones: --limit {10 * len(moves)} shows more"


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
