"""All who are told when a tag moves. A pull never waits for them, and hears nothing of what becomes of it."""

from __future__ import annotations

import asyncio
import socket
import uuid
from collections.abc import Callable, Mapping, Sequence

from aiohttp.abc import AbstractResolver
from yarl import URL

from mirror.config.notifications import Receiver
from mirror.config.settings import Settings
from mirror.notices.delivery import Delivery
from mirror.notices.envelope import Source, envelope
from mirror.notices.outbox import Outbox
from mirror.store.journal import Journal, Move
from mirror.tasks import end, spawn
from mirror.upstream.origins import place
from mirror.upstream.resolver import Resolver
from mirror.upstream.surroundings import Surroundings

_LAST = 2.0  # seconds that receivers have at the end


def noticing(settings: Settings, journal: Journal, around: Surroundings) -> Notices:
    """Have whoever is configured told of what the journal notes, which is bounded as configured.

    Raises ConfigurationError. Its caller ends what is returned.
    """
    listen = settings.server.listen[0]
    scheme = "http" if settings.server.tls.certificate is None else "https"
    address = f"{socket.gethostname()}:{listen.port}"
    notices = Notices(Source(f"{scheme}://{address}", address, str(uuid.uuid4())))
    notices.add(settings.notifications.endpoints, around.environment, around.resolver)
    journal.kept = settings.storage.journal
    journal.watch(notices.tell)
    return notices


class Notices:
    """Made within a running event loop; ended by `aclose`. `identify` makes the identity of an event."""

    def __init__(self, source: Source, identify: Callable[[], str] = lambda: str(uuid.uuid4())) -> None:
        self._source = source
        self._identify = identify
        self._resolver: Resolver | None = None
        self._deliveries: list[Delivery] = []
        self._outboxes: list[Outbox] = []
        self._running: list[asyncio.Task[None]] = []

    def add(
        self, receivers: Sequence[Receiver], environment: Mapping[str, str], resolver: AbstractResolver | None = None
    ) -> None:
        """Tell these from now on. Raises ConfigurationError when the environment's proxy cannot be used."""
        if receivers and resolver is None:
            resolver = self._resolver = Resolver()
        for receiver in receivers:
            delivery = Delivery(receiver, environment, resolver)
            # Its path and query may be a secret; its place is not.
            outbox = Outbox(f"web hook at {place(URL(receiver.url.get_secret_value()))}", delivery.give)
            self._deliveries.append(delivery)
            self._outboxes.append(outbox)
            self._running.append(spawn(outbox.run(), "notices"))

    @property
    def told(self) -> int:
        """Notices that were delivered."""
        return sum(outbox.told for outbox in self._outboxes)

    @property
    def dropped(self) -> int:
        """Notices that were given up."""
        return sum(outbox.dropped for outbox in self._outboxes)

    def tell(self, move: Move) -> None:
        """Have everybody told of it. Never waits, and never raises."""
        if self._outboxes:
            body = envelope(move, self._source, self._identify())
            for outbox in self._outboxes:
                outbox.put(body)

    async def aclose(self) -> None:
        """Wait a moment for what is still to be told, and end."""
        await asyncio.gather(*(outbox.emptied(_LAST) for outbox in self._outboxes))
        await end(*self._running)
        for delivery in self._deliveries:
            await delivery.aclose()
        if self._resolver is not None:
            await self._resolver.close()
