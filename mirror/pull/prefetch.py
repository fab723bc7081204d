"""Ahead of the client: who asks for one blob of an image has the rest fetched, while there is nothing better to do.

Nothing is evicted for it, nobody waits for it or hears of what fails. When a client leaves, what is under way goes on,
and what has not begun is dropped, unless somebody else pulls the same image. Docker Hub counts no blobs as pulls.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from mirror.errors import Absent
from mirror.log import tracing
from mirror.oci.digest import Digest
from mirror.pull.blobs import absence_of
from mirror.pull.fetch import Fetch
from mirror.pull.fetches import Fetches
from mirror.pull.images import Image, Images, Part
from mirror.pull.upstreams import Target
from mirror.store.store import Store

_AGAIN = 60.0  # seconds after which it is looked again what an image lacks
_IDLE = 30.0  # seconds without a client after which the rest of an image is given up
_IMAGES = 64  # of one upstream at a time
_REMEMBERED = 4096  # blobs that no client has asked for yet

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Rest:
    """What is still to be begun of an image. `visitors`: how many clients are being given some of it."""

    target: Target
    parts: deque[Part]
    request_id: str | None  # of the client's request that it was begun for
    left: float  # when a client was last seen
    visitors: int = 0


class Prefetch:
    """For all upstreams. `clock` is monotonic, in seconds.

    `blobs`, `bytes`: what has been fetched ahead; `used`: how many of the blobs a client has asked for since.
    """

    def __init__(
        self, store: Store, fetches: Fetches, images: Images, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._fetches = fetches
        self._images = images
        self._clock = clock
        self._rests: dict[str, OrderedDict[Image, _Rest]] = {}  # by upstream; of each the next one comes first
        self._looked: WeakKeyDictionary[Image, float] = WeakKeyDictionary()  # when it was seen what an image lacks
        self._running: dict[Fetch, tuple[Image, Part]] = {}
        self._unused: OrderedDict[tuple[str, Digest], None] = OrderedDict()  # what no client has asked for
        self.blobs = 0
        self.bytes = 0
        self.used = 0
        fetches.on_place = self._feed

    def close(self) -> None:
        """Begin nothing more. What is under way is the fetches' own."""
        self._fetches.on_place = None
        self._rests.clear()

    @contextmanager
    def visit(self, target: Target, digest: Digest) -> Iterator[None]:
        """While it lasts a client is given this blob, all of it; the rest of its image is begun to be fetched."""
        self._use(target, digest)
        image = self._images.holding(target, digest)
        rest = None if image is None else self._rest(target, image, digest)
        if image is None or rest is None:
            yield
            return
        rest.visitors += 1
        try:
            yield
        except asyncio.CancelledError:
            if rest.visitors == 1:
                self._give_up(target.name, image)
            raise
        finally:
            rest.visitors -= 1
            rest.left = self._clock()

    def _use(self, target: Target, digest: Digest) -> None:
        """Count a blob that was fetched ahead as used; one that is still on its way counts when it has come."""
        if (target.name, digest) in self._unused:
            del self._unused[target.name, digest]
            self.used += self._fetches.find(target, digest) not in self._running

    def _rest(self, target: Target, image: Image, digest: Digest) -> _Rest | None:
        """What is still to be begun of the image, as somebody asks for this blob of it."""
        rests = self._rests.get(target.name, OrderedDict())
        now = self._clock()
        allowed = target.upstream.prefetches and self._fetches.ever_run_ahead
        if image in rests or not allowed or len(rests) >= _IMAGES:
            return rests.get(image)
        if now - self._looked.get(image, -math.inf) < _AGAIN:
            return None
        self._looked[image] = now
        parts = deque(part for part in image.behind(digest) if self._is_missing(target, part.digest))
        if not parts:
            return None
        rest = rests[image] = _Rest(target, parts, tracing.current(), now)
        self._rests[target.name] = rests
        # In the next turn of the loop: the blob that is asked for comes first.
        asyncio.get_running_loop().call_soon(self._feed, target.name)
        return rest

    def _feed(self, upstream: str) -> None:
        """Begin as many fetches as there are places for, of each image one in turn."""
        rests = self._rests.get(upstream)
        while rests:
            image, rest = next(iter(rests.items()))
            if not self._is_worth_it(rest):
                self._give_up(upstream, image)
            elif not self._began(image, rest):
                return  # until there is a place
            elif rest.parts:
                rests.move_to_end(image)
            else:
                del rests[image]
        self._rests.pop(upstream, None)

    def _began(self, image: Image, rest: _Rest) -> bool:
        """Begin with the next part, or leave it out; False when there is no place for it."""
        part, target = rest.parts[0], rest.target
        if self._is_due(target, part):
            with tracing.ahead(rest.request_id):
                fetch = self._fetches.run_ahead(target, part.digest, part.size, self._over)
            if fetch is None:
                return False
            self._running[fetch] = image, part
            self._unused[target.name, part.digest] = None
            if len(self._unused) > _REMEMBERED:
                self._unused.popitem(last=False)
        rest.parts.popleft()
        return True

    def _over(self, fetch: Fetch) -> None:
        """One has ended. Where more is wrong than that there is no such blob, the rest is left to the clients."""
        image, _ = self._running.pop(fetch)
        target, failure, brought = fetch.target, fetch.failure, fetch.sink.offset
        if failure is None and brought:
            self.blobs += 1
            self.bytes += brought
            self.used += (target.name, fetch.digest) not in self._unused
            return
        self._unused.pop((target.name, fetch.digest), None)
        if isinstance(failure, Absent):
            absence = absence_of(target, fetch.digest)
            self._store.facts.put_absent(absence, target.upstream.policy.not_found_ttl)
        elif failure is not None:
            _log.debug("the rest of an image of %s is not fetched ahead: %s", target.name, failure)
            self._give_up(target.name, image)

    def _give_up(self, upstream: str, image: Image) -> None:
        """Drop what has not begun. Who asks for the image again may have it begun again."""
        if self._rests.get(upstream, OrderedDict()).pop(image, None) is not None:
            self._looked.pop(image, None)

    def _is_worth_it(self, rest: _Rest) -> bool:
        """Whether somebody still pulls the image, from an upstream that is not in trouble."""
        there = rest.visitors > 0 or self._clock() - rest.left <= _IDLE
        return there and not rest.target.upstream.registry.is_resting

    def _is_due(self, target: Target, part: Part) -> bool:
        """Whether it is still missing, nobody else is at it, and it fits with nothing evicted."""
        coming = sum(other.size for fetch, (_, other) in self._running.items() if fetch.growth.total is None)
        return (
            not self._fetches.sought(target, part.digest)
            and self._is_missing(target, part.digest)
            and not self._store.facts.absent(absence_of(target, part.digest))
            and part.size + coming <= self._store.room
        )

    def _is_missing(self, target: Target, digest: Digest) -> bool:
        """Whether a client of this repository would have to wait for the upstream: for the blob, or for its word."""
        facts = self._store.facts
        return not self._store.blobs.knows(digest) or facts.member(target.name, target.repository, str(digest)) is None
