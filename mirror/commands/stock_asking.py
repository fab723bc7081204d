"""What is cached, asked of the mirror that runs, or, where none does, of its directory; and orders about it.

Knows what is said of it, not how a command line is read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from mirror.commands.admin_client import AdminClient
from mirror.commands.at_rest import at_rest
from mirror.commands.invocation import answer_of, load
from mirror.healthcheck import admin_url

if TYPE_CHECKING:
    from mirror.commands.resting_stock import RestingStock
    from mirror.config.settings import Settings

Document: TypeAlias = dict[str, Any]

TIMEOUT = 60.0  # seconds: a cache of a million blobs takes some to be added up
_IMAGES, _PINS = "/api/v1/images", "/api/v1/pins"


class RunningStock:
    """That of the mirror that runs. Every call raises OSError when it does not answer, ValueError, Refused."""

    def __init__(self, client: AdminClient) -> None:
        self._client = client

    def images(self, wanted: Mapping[str, str]) -> Document:
        return self._client.get(_IMAGES, wanted)

    def image(self, name: str) -> Document:
        return self._client.get(f"{_IMAGES}/detail", {"image": name})

    def usage(self) -> Document:
        return self._client.get("/api/v1/usage")

    def removal(self, name: str) -> Document:
        return self._client.delete(_IMAGES, {"name": name, "dry_run": "true"})

    def remove(self, name: str) -> Document:
        return self._client.delete(_IMAGES, {"name": name})

    def pins(self) -> Document:
        return self._client.get(_PINS)

    def pin(self, name: str) -> Document:
        return self._client.post(_PINS, {"name": name})

    def unpin(self, name: str) -> Document:
        return self._client.delete(_PINS, {"name": name})


AnyStock: TypeAlias = "RunningStock | RestingStock"


def ask(config: Path | None, url: str | None, question: Callable[[AnyStock], Document]) -> Document:
    """The answer of the mirror at this URL, or else of the configured one, or else of its directory, which is said.

    Ends the process with a line on standard error when there is none.
    """
    if url is not None:
        return answer_of(lambda: question(RunningStock(AdminClient(url, TIMEOUT))))
    return answer_of(lambda: _asked(load(config), question))


def _asked(settings: Settings, question: Callable[[AnyStock], Document]) -> Document:
    try:
        return question(RunningStock(AdminClient(admin_url(settings.admin.listen), TIMEOUT)))
    except (OSError, ValueError) as unanswered:
        from mirror.commands.resting_stock import RestingStock  # with all that a store needs, which takes half a second

        with at_rest(settings.storage.root, unanswered):
            return question(RestingStock(settings, os.geteuid()))
