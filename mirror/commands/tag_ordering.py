"""What the commands that change a tag have in common: how it is done, and said that it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mirror.commands.invocation import answer_of, tell
from mirror.commands.tag_asking import Document, Tags, chosen_tags
from mirror.commands.tag_words import standing


def carry_out(config: Path | None, url: str | None, order: Callable[[Tags], Document], as_json: bool) -> None:
    """Have it done, and say how the tag stands then. Ends the process when it cannot be."""
    document = answer_of(lambda: chosen_tags(config, url)(order))
    tell(document, [standing(document)], as_json)
