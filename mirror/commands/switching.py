"""Freezing and thawing from outside: through the running mirror, or, where none runs, in its cache directory.

Knows what is said of it, not how a command line is read.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mirror.commands.admin_client import AdminClient
from mirror.commands.invocation import load, words
from mirror.config.settings import Settings
from mirror.errors import MirrorError, StoreBusy
from mirror.healthcheck import admin_url
from mirror.store.filesystem import Filesystem
from mirror.store.freeze import Freeze, FreezeNote, checked_reason
from mirror.store.layout import Layout


class RunningSwitch:
    """The switch of the mirror that runs. Every call raises OSError when it does not answer, ValueError, Refused."""

    def __init__(self, client: AdminClient) -> None:
        self._client = client

    def state(self) -> str:
        return _told(self._client.get("/api/v1/state"))

    def freeze(self, reason: str) -> str:
        return _told(self._client.post("/api/v1/freeze", {"reason": reason}))

    def thaw(self) -> str:
        return _told(self._client.post("/api/v1/thaw"))


class RestingSwitch:
    """The switch of a mirror that does not run: what it will find when it starts. Raises MirrorError.

    `user` is who turns it: the mirror could not use what another one has made in its directory.
    """

    def __init__(self, root: Path, user: int) -> None:
        self._root = root
        self._user = user

    def state(self) -> str:
        if not self._root.exists():
            return _resting(None)  # and is not made by looking
        with self._note() as note:
            return _resting(note.read())

    def freeze(self, reason: str) -> str:
        words = checked_reason(reason)  # as the mirror that runs does
        with self._note() as note:
            before = note.read()
            freeze = Freeze(time.time() if before is None else before.since, words)
            note.write(freeze)
            return _resting(freeze)

    def thaw(self) -> str:
        if self._root.exists():
            with self._note() as note:
                note.remove()
        return _resting(None)

    @contextmanager
    def _note(self) -> Iterator[FreezeNote]:
        try:
            owner = self._root.stat().st_uid
        except OSError:
            owner = self._user  # it is made, or said why it cannot be used
        if owner != self._user:
            raise MirrorError(f"{self._root} belongs to another user: be that one, or ask the mirror while it runs")
        layout = Layout(self._root, Filesystem())
        try:
            yield FreezeNote(layout)
        finally:
            layout.close()


Switch = RunningSwitch | RestingSwitch


def chosen(config: Path | None, url: str | None) -> Switch:
    """The switch at this URL, or else of the mirror that is configured. Raises MirrorError, and what a switch raises.

    The process ends when the configuration cannot be used.
    """
    return switch_of(load(config)) if url is None else RunningSwitch(AdminClient(url))


def switch_of(settings: Settings) -> Switch:
    """The switch of the mirror that is configured so. Raises MirrorError when it runs and cannot be reached."""
    try:
        running = RunningSwitch(AdminClient(admin_url(settings.admin.listen)))
        running.state()
        return running
    except (OSError, ValueError) as error:
        resting = RestingSwitch(settings.storage.root, os.geteuid())
        try:
            resting.state()
        except StoreBusy:
            raise MirrorError(
                f"a mirror runs over {settings.storage.root}, but its admin listener cannot be reached: {words(error)}"
            ) from None
        return resting


def _told(document: dict[str, Any]) -> str:
    if document.get("frozen") is not True:
        return "upstreams are asked"
    return _frozen(str(document.get("since") or ""), str(document.get("reason") or ""))


def _resting(freeze: Freeze | None) -> str:
    if freeze is None:
        return "no mirror runs here; when it starts, upstreams will be asked"
    since = datetime.fromtimestamp(freeze.since, UTC).isoformat(timespec="seconds") if freeze.since else ""
    return f"no mirror runs here; when it starts, {_frozen(since, freeze.reason)}"


def _frozen(since: str, reason: str) -> str:
    words = f"contact with upstreams is frozen{f' since {since}' if since else ''}{f': {reason}' if reason else ''}"
    words += " (`mirror thaw` ends that)"
    return "".join(character for character in words if character.isprintable())
