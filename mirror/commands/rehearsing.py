"""Rehearsals of the mirror that runs, or, where none does, over its cache directory. Shows nothing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import Any

from mirror.commands.at_rest import at_rest, say_at_rest
from mirror.commands.ordering import Ordering
from mirror.config.settings import Settings
from mirror.errors import MirrorError
from mirror.healthcheck import admin_url

Document = dict[str, Any]
Heed = Callable[[Document], None]


def rehearsed_at(ordering: Ordering, terms: Mapping[str, Any], heed: Heed) -> None:
    """Rehearse there; `heed` hears of each image, and last of the end.

    Raises OSError when nobody answers, or not as a mirror does, MirrorError when it does not come to an end.
    """
    end = None
    for document in ordering.rehearsed(terms):
        heed(document)
        end = document if document.get("event") == "end" else None
    if end is None:
        raise OSError("the mirror broke off before the end")
    if "error" in end:
        raise MirrorError("".join(filter(str.isprintable, str(end["error"]))))


def rehearsed(settings: Settings, terms: Mapping[str, Any], heed: Heed) -> None:
    """The same at the configured mirror, else over its directory, which is said. Raises MirrorError, OSError."""
    heard = 0

    def counted(document: Document) -> None:
        nonlocal heard
        heard += 1
        heed(document)

    try:
        ordering = Ordering(admin_url(settings.admin.listen))
        try:
            rehearsed_at(ordering, terms, counted)
        finally:
            ordering.close()
    except (OSError, ValueError) as unanswered:
        if heard:
            raise  # what broke off is not begun again over its directory
        from mirror.commands.resting_rehearsal import resting  # with all that a store needs

        root = settings.storage.root

        def told(document: Document) -> None:
            say_at_rest(root)  # before the first line of it
            heed(document)

        with at_rest(root, unanswered):
            asyncio.run(resting(settings, terms, told, os.geteuid()))
