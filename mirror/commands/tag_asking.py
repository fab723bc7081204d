"""Questions and orders about tags, of the mirror that runs, or, where none runs, of its cache directory.

Knows what is said of them, not how a command line is read.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from mirror.commands.admin_client import AdminClient
from mirror.commands.at_rest import at_rest
from mirror.commands.invocation import load
from mirror.healthcheck import admin_url

if TYPE_CHECKING:
    from mirror.commands.resting_tags import RestingTags

Document: TypeAlias = dict[str, Any]

PAGE = 1000  # moves that a mirror tells at once
_PATH = "/api/v1/tags"


class RunningTags:
    """Those of the mirror that runs. Every call raises OSError when it does not answer, ValueError, Refused."""

    def __init__(self, client: AdminClient) -> None:
        self._client = client

    def tags(self, image: str) -> Document:
        return self._client.get(_PATH, {"image": image})

    def history(self, image: str, limit: int) -> Document:
        """So many moves at the most; the mirror tells some at a time."""
        moves: list[Document] = []
        more = True
        while more and len(moves) < limit:
            older = {"before": str(moves[-1]["number"])} if moves else {}
            wanted = {"image": image, "limit": str(min(limit - len(moves), PAGE)), **older}
            page = self._client.get(f"{_PATH}/history", wanted)
            moves, more = moves + page["moves"], bool(page["more"] and page["moves"])
        return {"moves": moves, "more": more}

    def pin(self, image: str, terms: Document) -> Document:
        return self._client.post(f"{_PATH}/pin", {"image": image, **terms})

    def unpin(self, image: str) -> Document:
        return self._client.post(f"{_PATH}/unpin", {"image": image})

    def roll_back(self, image: str, terms: Document) -> Document:
        return self._client.post(f"{_PATH}/rollback", {"image": image, **terms})


Tags: TypeAlias = "RunningTags | RestingTags"


def chosen_tags(config: Path | None, url: str | None) -> Callable[[Callable[[Tags], Document]], Document]:
    """What asks the mirror at this URL, or else the one that is configured, or else its directory.

    What is returned raises what the tags do. The process ends when the configuration cannot be used.
    """
    if url is not None:
        running = RunningTags(AdminClient(url))
        return lambda ask: ask(running)
    settings = load(config)

    def asked(ask: Callable[[Tags], Document]) -> Document:
        try:
            return ask(RunningTags(AdminClient(admin_url(settings.admin.listen))))
        except (OSError, ValueError) as unanswered:
            from mirror.commands.resting_tags import RestingTags  # with all that a store needs, which takes a second

            with at_rest(settings.storage.root, unanswered):
                return ask(RestingTags(settings, os.geteuid()))

    return asked
