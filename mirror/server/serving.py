"""The mirror as a process: from its start to the signal that ends it. Knows nothing of what it is made of."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import sys
from collections.abc import Callable
from dataclasses import replace

import structlog

from mirror.config.settings import Settings
from mirror.handover import hand_over_soon
from mirror.heap import keep_freed
from mirror.notify import Notifier
from mirror.server.app import Mirror
from mirror.server.descriptors import affordable
from mirror.server.footing import alone, beside_others
from mirror.tasks import end, spawn
from mirror.workers.channel import Channel
from mirror.workers.frames import COMPLETE, STOP
from mirror.workers.post import Post
from mirror.workers.shares import share_of
from mirror.workers.signals import ending

_log = structlog.get_logger(__name__)


async def serve(settings: Settings, started: Callable[[Mirror], None] | None = None) -> None:
    """Serve until SIGTERM, SIGINT or SIGHUP; a second of the first two ends it at once.

    `started` is called when requests are answered.

    Raises MirrorError when it cannot begin: a directory in use, an address taken, a file that cannot be read.
    """
    keep_freed()
    hand_over_soon()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in ending():
        loop.add_signal_handler(number, _stop, stop, number)
    settings, fetches = affordable(settings)
    notifier = Notifier(os.environ)
    async with Mirror(settings, footing=replace(alone(settings), fetches=fetches)) as mirror:
        mirror.announce()
        notifier.ready()
        alive = spawn(notifier.keep_alive(), "watchdog")
        if started is not None:
            started(mirror)
        await stop.wait()
        _log.info("stopping: no new requests; running ones may finish", grace=settings.server.shutdown_grace)
        notifier.stopping(settings.server.shutdown_grace)
        await end(alive)
    _log.info("stopped")


async def serve_beside(settings: Settings, tls: ssl.SSLContext | None, post: Post) -> None:
    """Serve as one of several processes, until the supervisor says otherwise or is gone. Raises MirrorError.

    What is logged of the whole is the supervisor's to log.
    """
    keep_freed()
    hand_over_soon()
    stop = asyncio.Event()
    settings, fetches = affordable(share_of(settings, post.count))
    async with Channel(post, stop.set) as channel:
        channel.hear(STOP, stop.set)
        footing = replace(beside_others(channel, tls), fetches=fetches)
        async with Mirror(settings, siblings=channel, footing=footing) as mirror:
            channel.hear(COMPLETE, mirror.announce)
            channel.ready()
            await stop.wait()
            channel.ending()


def _stop(stop: asyncio.Event, number: int) -> None:
    if stop.is_set() and number != signal.SIGHUP:
        sys.stderr.flush()
        os._exit(128 + number)  # as shells report it
    stop.set()
