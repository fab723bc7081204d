"""What a mirror stands on: where it listens, and what it has in common with other processes, if there are any.

One process alone makes all of it for itself; a worker is given it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from mirror.config.settings import Settings
from mirror.metrics import Metrics
from mirror.server.listening import Place, tls_context
from mirror.workers.channel import Channel
from mirror.workers.figures import SharedFigures


class Figures(Protocol):
    """The figures of the whole mirror."""

    async def render(self) -> bytes:
        """In the text format."""
        ...

    async def run(self) -> None:
        """Make them known to others as they change, until cancelled."""
        ...

    async def publish(self) -> None:
        """Make them known now."""
        ...


@dataclass(frozen=True, slots=True)
class Footing:
    """`figures` makes those of the whole from this process's. `lacks` says who else is missing, None when nobody is.

    `workers`, `restarts`: how many processes there are, and how many have been begun in place of others. `fetches` may
    be under way in this one, most of them waiting.
    """

    registry: Sequence[Place]
    admin: Sequence[Place]
    tls: ssl.SSLContext | None
    figures: Callable[[Metrics], Figures]
    lacks: Callable[[], str | None] = lambda: None
    workers: Callable[[], float] = lambda: 1
    restarts: Callable[[], float] = lambda: 0
    fetches: int = 4096


def alone(settings: Settings) -> Footing:
    """That of a process which opens its own listeners. Raises ConfigurationError when a certificate cannot be used."""
    server, admin = settings.server, settings.admin
    return Footing(server.listen, admin.listen, tls_context(server.tls), OwnFigures)


def beside_others(channel: Channel, tls: ssl.SSLContext | None) -> Footing:
    """That of a worker. `tls` was made before it was forked, so that any of them resumes what another has agreed on."""
    post = channel.post

    def lacks() -> str | None:
        missing = post.board.missing()
        return None if missing is None else f"worker {missing} does not serve"

    return Footing(
        post.sockets.registry[0],
        post.sockets.admin,
        tls,
        lambda metrics: SharedFigures(metrics, post.pages, channel.questions, post),
        lacks,
        lambda: post.board.there,
        lambda: post.board.restarts,
    )


class OwnFigures:
    """Those of a process that has no others beside it."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def render(self) -> bytes:
        """In the text format."""
        return await asyncio.to_thread(self._metrics.render)

    async def run(self) -> None:
        """Nobody else wants to know them."""

    async def publish(self) -> None:
        """Nobody else wants to know them."""
