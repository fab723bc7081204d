"""What an image is made of, brought piece by piece: from its index over its platforms' manifests to the blobs.

Tells a board what happens. Knows neither where the pieces come from nor who has ordered them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from mirror.errors import Absent, Code, Malformed, MirrorError, Refused
from mirror.jobs.board import Board
from mirror.jobs.keeping import kept
from mirror.jobs.order import Order
from mirror.jobs.sources import Brought, Source, is_busy
from mirror.oci.digest import Digest
from mirror.oci.manifest import Kind, classify
from mirror.oci.manifest import Manifest as Read
from mirror.oci.platform_choice import chosen
from mirror.oci.platforms import platforms_of
from mirror.pull.images import Part
from mirror.pull.pulls import Pulls
from mirror.pull.upstreams import Target
from mirror.store.store import Store
from mirror.tasks import end, spawn, worked

_AT_ONCE = 4  # blobs; Docker takes three
_MANIFESTS = 1000  # of one order
_BLOBS = 20_000
_DEEP = 8  # referrers of referrers, and indexes of indexes
_TOLD = 100  # platforms that an image is made for
_TRIES = 5  # of what is refused because too much is asked for
_PAUSE = 5.0  # seconds before another try, where nobody has named any

T = TypeVar("T")
Ways = Callable[[], Source]  # which source is to be used now


@dataclass(frozen=True, slots=True)
class Ground:
    """What a walk goes over. `target`: as this mirror's clients see the repository."""

    pulls: Pulls
    store: Store
    target: Target
    board: Board


class Walk:
    """One order carried out, once."""

    def __init__(self, ground: Ground, order: Order, ways: Ways) -> None:
        self._ground = ground
        self._board = ground.board
        self._order = order
        self._ways = ways
        self._seen: set[Digest] = set()
        self._parts: dict[Digest, Part] = {}
        self.fetched = False  # anything that was not here before

    async def run(self) -> Digest:
        """Bring everything; the digest that the image's name stands for. Raises MirrorError. May be cancelled."""
        top = await self._manifest(self._order.image.reference, 0)
        await self._bring_parts()
        return top

    async def _manifest(self, reference: str | Digest, depth: int, platform: str = "") -> Digest:
        if isinstance(reference, Digest) and reference in self._seen:
            return reference  # a thousand indexes that list one another would be a million questions
        if len(self._seen) >= _MANIFESTS or depth > _DEEP:
            raise Refused("the image is made of more manifests than any image has reason to be", code=Code.BAD_UPSTREAM)
        brought = await self._patient(lambda: self._ways().manifest(reference))
        manifest = brought.manifest
        if manifest.digest in self._seen:
            return manifest.digest
        self._seen.add(manifest.digest)
        self._told(brought, platform)
        body = manifest.body or b""
        try:
            read = await worked(len(body), classify, body, manifest.media_type)
        except Malformed as error:
            raise Refused(f"the upstream sent {error}", code=Code.BAD_UPSTREAM) from None
        self._count(read)
        if read.kind is Kind.INDEX:
            await self._platforms(read, body, depth)
        if self._order.referrers:
            await self._referrers(manifest.digest, depth)
        return manifest.digest

    async def _platforms(self, read: Read, body: bytes, depth: int) -> None:
        listed = await worked(len(body), platforms_of, body)
        by_name = {str(one.digest): one.digest for one in read.manifests}
        wanted = chosen({name: listed.get(name, "") for name in by_name}, self._order.platforms)
        if by_name and not wanted:
            there = sorted({platform for platform in listed.values() if "/" in platform})[:_TOLD]
            self._board.write("platforms", event="platforms", platforms=there)
            raise Absent("the image is not made for that platform", code=Code.MANIFEST_UNKNOWN)
        for name, platform in wanted.items():
            await self._manifest(by_name[name], depth + 1, platform)

    async def _referrers(self, digest: Digest, depth: int) -> None:
        try:
            referrers = await self._ways().referrers(digest)
        except MirrorError as error:
            self._board.write(f"note {digest}", event="note", text=f"what refers to {digest} is not known: {error}")
            return
        for referrer in referrers:
            try:
                one = Digest.parse(referrer.digest)
            except Malformed:
                continue  # of an algorithm that is not served here
            await self._manifest(one, depth + 1)

    def _told(self, brought: Brought, platform: str) -> None:
        manifest = brought.manifest
        line = {"digest": str(manifest.digest), "size": manifest.size, "platform": platform or None}
        self._board.write(str(manifest.digest), event="manifest", **line)
        if brought.warning is not None:
            self._board.write(f"note {manifest.digest}", event="note", text=brought.warning)

    def _count(self, read: Read) -> None:
        """Note the blobs that a registry has to have, each once."""
        for blob in read.blobs:
            away = blob.foreign or ".foreign." in blob.media_type or ".nondistributable." in blob.media_type
            if not away and blob.digest not in self._parts:
                self._parts[blob.digest] = Part(blob.digest, blob.size)
                self._say(blob.digest, "waiting", 0, blob.size)
        if len(self._parts) > _BLOBS:
            raise Refused("the image is made of more blobs than any image has reason to be", code=Code.BAD_UPSTREAM)

    async def _bring_parts(self) -> None:
        waiting = iter(list(self._parts.values()))

        async def bring() -> None:
            for part in waiting:
                await self._bring(part)

        tasks = [spawn(bring(), "pull-blobs") for _ in range(min(_AT_ONCE, len(self._parts)))]
        try:
            await asyncio.gather(*tasks)
        finally:
            await end(*tasks)

    async def _bring(self, part: Part) -> None:
        try:
            fetched = await self._patient(lambda: self._take(part))
            await kept(self._ground.pulls.fetches, self._ground.store, self._ground.target, part.digest)
            self.fetched = self.fetched or fetched
        except MirrorError:
            self._say(part.digest, "failed", 0, part.size)
            raise
        self._say(part.digest, "done" if fetched else "here", part.size, part.size)

    async def _take(self, part: Part) -> bool:
        """Wait until it has been verified; whether there was anything to wait for."""
        readable = await self._ways().blob(part)
        if readable is None:
            return False
        offset = 0
        try:
            while (reached := await readable.ready(offset)) > offset:
                offset = reached
                self._say(part.digest, "fetching", offset, readable.size or part.size)
        finally:
            readable.close()
        return True

    async def _patient(self, call: Callable[[], Awaitable[T]]) -> T:
        """What the call gives, tried again a few times while too much else is asked for."""
        for _ in range(_TRIES - 1):
            try:
                return await call()
            except Refused as error:
                if not is_busy(error):
                    raise
                await asyncio.sleep(error.retry_after or _PAUSE)
        return await call()

    def _say(self, digest: Digest, state: str, offset: int, size: int) -> None:
        self._board.write(str(digest), event="blob", digest=str(digest), state=state, offset=offset, size=size)
