"""The rehearsal of an outage: every image that was pulled lately is tried, and told of as it is found.

Nothing is cut off, and nobody asked. What is told are documents; memory does not grow with the number of images.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from cachetools import LRUCache

from mirror.errors import Code, Malformed, Refused, StoreFailed
from mirror.oci.digest import Digest
from mirror.pull.memory import Memory
from mirror.pull.shelf import Shelf
from mirror.pull.upstreams import Upstreams
from mirror.rehearsal.content import Damaged, Larder, unread
from mirror.rehearsal.terms import Terms
from mirror.rehearsal.trial import Outcome, Trial
from mirror.stock.listing import is_named, moment
from mirror.stock.premises import Premises
from mirror.store.eviction import Space, left
from mirror.store.images import Name
from mirror.store.index import GATHERED
from mirror.store.looking import Looking
from mirror.store.pulled import Pulled, pulled_since
from mirror.store.store import Store

_PAGE = 200  # images at a time
_MEMORY = 1024**2  # bytes, of manifests that are looked at twice
_TOLD = 50  # reasons of one image, and orders for it: a line is read at once
_KNOWN = 65_536  # blobs that were read whole: some 200 bytes each
_HASTE = 0.1  # of the pauses that are made when nobody waits for the bytes to be read
_TIGHT = 10  # less room than this part of the cache's bound is little
_GATHERING = "what images need is still being gathered from their manifests: try again soon"
_ANOTHER = "a rehearsal is under way: try again when it is over"

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stage:
    """What is rehearsed on: nothing of it is closed by who rehearses. `manifest`: bytes beyond which nothing is one."""

    store: Store
    upstreams: Upstreams
    premises: Premises
    manifest: int


class Rehearsals:
    """One at a time. `now` is the wall clock, in seconds."""

    def __init__(self, stage: Stage, now: Callable[[], float] = time.time) -> None:
        self._stage = stage
        self._now = now
        self._turn = asyncio.Lock()

    async def run(self, terms: Terms) -> AsyncGenerator[Document, None]:
        """A document for each image, and one at the end. Whoever leaves off before closes it.

        Raises Refused (BUSY) while there is another one, or in an index that was just made; StoreFailed.
        """
        if self._turn.locked():
            raise Refused(_ANOTHER, code=Code.BUSY, retry_after=10)
        async with self._turn, self._deep(terms) as damaged:
            counts: Counter[str] = Counter()
            lacks: Counter[str] = Counter()
            # A shelf of its own: what it remembers would outlive what it is about, and take the place of what is used.
            shelf = Shelf(self._stage.store, Memory(_MEMORY), self._stage.manifest)
            trial = Trial(Larder(self._stage.store, shelf, damaged), self._stage.upstreams, terms, self._now)
            async for pulled in self._pulled(terms):
                told = counts["images"]
                try:
                    async for outcome in trial.outcomes(pulled):
                        counts["images"] += 1
                        counts["survive"] += outcome.survives
                        lacks.update({reason.lack.value for reason in outcome.reasons})
                        yield _document(outcome)
                except Malformed:
                    continue
                counts["passed_over"] += counts["images"] == told
                await asyncio.sleep(0)  # clients have their turn between any two
            yield {
                "event": "end",
                **{name: counts[name] for name in ("images", "survive", "passed_over")},
                "reasons": dict(sorted(lacks.items())),
                "within": terms.within,
                "outage": terms.outage,
                "tight": await asyncio.to_thread(self._is_tight),
            }

    async def _pulled(self, terms: Terms) -> AsyncIterator[Pulled]:
        since, store, naming = self._now() - terms.within, self._stage.store, self._stage.premises.naming
        after: Name = ("", "", "")
        while True:
            store.images.note_pulls()
            await store.flush()
            page = await asyncio.to_thread(self._stage.premises.look, partial(_page, since=since, after=after))
            for pulled in page:
                if not terms.patterns or any(is_named(pulled, text, naming) for text in terms.patterns):
                    yield pulled
            if len(page) < _PAGE:
                return
            after = (page[-1].upstream, page[-1].repository, page[-1].digest)

    def _deep(self, terms: Terms) -> AbstractAsyncContextManager[Damaged]:
        return _reading(self._stage.store) if terms.deep else nullcontext(unread)

    def _is_tight(self) -> bool:
        """Whether what is not pinned may have to make room before long. Blocks, for microseconds."""
        premises, store = self._stage.premises, self._stage.store
        try:
            total, _, free = shutil.disk_usage(premises.root)
        except OSError as error:
            raise StoreFailed(f"the disk does not tell how full it is: {error.strerror}") from error
        return left(Space(store.size, total, free), premises.room) < premises.room.max_size(total) // _TIGHT


@asynccontextmanager
async def _reading(store: Store) -> AsyncIterator[Damaged]:
    """Every blob is read and hashed, each once as far as can be remembered."""
    known: LRUCache[Digest, bool] = LRUCache(_KNOWN)

    async def damaged(digest: Digest) -> bool:
        if digest not in known:
            known[digest] = await was_corrupt(digest)
        return known[digest]

    async with store.scrub(lambda seconds: asyncio.sleep(seconds * _HASTE)).at_hand() as was_corrupt:
        yield damaged


def _page(looking: Looking, since: float, after: Name) -> Sequence[Pulled]:
    if looking.index.stage < GATHERED:
        raise Refused(_GATHERING, code=Code.BUSY, retry_after=10)
    return pulled_since(looking.index, since, after, _PAGE)


def _document(outcome: Outcome) -> Document:
    image = outcome.image
    return {
        "event": "image",
        "image": str(outcome.name),
        "digest": image.digest,
        "survives": outcome.survives,
        "whole": outcome.whole,
        "last_pull": moment(image.last_pull),
        "pinned": image.pinned,
        "reasons": [asdict(reason) | {"lack": reason.lack.value} for reason in outcome.reasons[:_TOLD]],
        "reasons_untold": max(len(outcome.reasons) - _TOLD, 0),
        "orders": [
            {"image": str(order.image), "platforms": list(order.platforms), "referrers": order.referrers}
            for order in outcome.orders[:_TOLD]
        ],
    }
