"""The upstreams that patterns stand for: one for each host that somebody asks for, made then, and let go of later.

A host is named by whoever asks, so there are never more of them than `most`. Knows no route and opens no connection.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from weakref import WeakSet

from mirror.config.patterns import best
from mirror.errors import Code, ConfigurationError, Refused
from mirror.pull.upstreams import Upstream
from mirror.tasks import spawn

_log = logging.getLogger(__name__)

MOST = 256  # hosts at a time: each has its connections, tokens and certificates

Make = Callable[[str, str], Upstream]


@dataclass(slots=True, eq=False)
class _Made:
    """An upstream, and the copies of it that somebody still asks by."""

    upstream: Upstream
    lent: WeakSet[Upstream] = field(default_factory=WeakSet)


class Wildcards:
    """`patterns` in the operator's order. `make(host, pattern)` makes the upstream of a host; its registry is ours.

    Made within a running event loop, and closed by `aclose`.
    """

    def __init__(self, patterns: Sequence[str], make: Make, most: int = MOST) -> None:
        self._patterns = tuple(patterns)
        self._make = make
        self._most = most
        self._made: OrderedDict[str, _Made] = OrderedDict()  # the one least recently asked for comes first
        self._closing: set[asyncio.Task[None]] = set()

    def __iter__(self) -> Iterator[Upstream]:
        """Those that there are now. May be called in whatever thread."""
        return iter([made.upstream for made in tuple(self._made.values())])

    def pattern(self, host: str) -> str | None:
        """The pattern that stands for this host, in lower case; None when there is none."""
        return best(self._patterns, host) if self._patterns else None

    def find(self, host: str) -> Upstream | None:
        """The upstream of this host, in lower case, for as long as the caller holds on to it; None for no host of ours.

        Raises Refused (BUSY) when as many as there may be are being asked at this moment.
        """
        made = self._made.get(host)
        if made is None:
            pattern = self.pattern(host)
            if pattern is None:
                return None
            if len(self._made) >= self._most:
                self._let_go()
            made = self._made[host] = _Made(self._made_by(host, pattern))
        self._made.move_to_end(host)
        lent = replace(made.upstream)
        made.lent.add(lent)
        return lent

    def _made_by(self, host: str, pattern: str) -> Upstream:
        try:
            return self._make(host, pattern)
        except ConfigurationError as error:
            # It could be used at the start, so somebody is just exchanging a file.
            _log.error("%s cannot be asked: %s", host, error)
            message = "what is configured for that registry cannot be used at the moment"
            raise Refused(message, code=Code.UNAVAILABLE, retry_after=5) from None

    async def aclose(self) -> None:
        """Close every upstream that was made, whoever still asks by it."""
        made = [entry.upstream for entry in self._made.values()]
        self._made.clear()
        for upstream in made:
            await upstream.registry.aclose()
        await asyncio.gather(*self._closing)

    def _let_go(self) -> None:
        """Close the one that nobody has asked for the longest time. What is still being fetched is not broken off."""
        host = next((host for host, made in self._made.items() if not made.lent), None)
        if host is None:
            raise Refused("too many registries are being asked at the same time", code=Code.BUSY, retry_after=5)
        registry = self._made.pop(host).upstream.registry
        task = spawn(registry.aclose(), f"close:{host}")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
