"""What a client got, and what must hold whatever happened: nothing wrong was completed, kept, or left lying about."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from mirror.oci.digest import Digest
from tests.support.caches import descriptors, false_blobs, published, under_way
from tests.support.mirror import MirrorUnderTest


@dataclass(frozen=True, slots=True)
class Got:
    """An answer as far as it came. `complete` is what the client's HTTP says of it; `status` 0: not even a head."""

    status: int
    headers: dict[str, str]
    body: bytes
    complete: bool

    @property
    def whole(self) -> bool:
        """A client would take this body for the content."""
        return self.complete and self.status in (200, 206)


async def got(mirror: MirrorUnderTest, path: str, **headers: str) -> Got:
    """GET, by a client that keeps what it has received when the answer breaks off."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    body = bytearray()
    try:
        async with mirror.session.get(mirror.url + path, headers=names) as response:
            head = (response.status, {name.lower(): value for name, value in response.headers.items()})
            try:
                async for piece in response.content.iter_any():
                    body += piece
            except aiohttp.ClientError:
                return Got(*head, bytes(body), False)
            return Got(*head, bytes(body), True)
    except aiohttp.ClientError:
        return Got(0, {}, b"", False)


@dataclass(frozen=True, slots=True)
class Cache:
    """The cache directory of a mirror, looked at from outside."""

    root: Path

    @classmethod
    def of(cls, mirror: MirrorUnderTest) -> Cache:
        return cls(mirror.settings.storage.root)

    def holds(self, digest: Digest) -> bool:
        return str(digest) in published(self.root)

    @property
    def wrong(self) -> list[str]:
        """What is published and is not what its name says. Has to be empty, always."""
        return false_blobs(self.root)

    @property
    def under_way(self) -> list[str]:
        return under_way(self.root)

    @property
    def open_blobs(self) -> list[str]:
        """Blobs and parts of blobs that this process has open: none when nobody reads or fetches."""
        rooms = (f"{self.root}/blobs/sha256/", f"{self.root}/blobs/sha512/", f"{self.root}/ingest/sha")
        return [name for name in descriptors(self.root) if name.startswith(rooms)]

    def parts_are_true(self, digest: Digest, data: bytes) -> bool:
        """Whether what is left of a fetch, if anything, is a beginning of the content that can be gone on with."""
        try:
            part = (self.root / "ingest" / f"{digest.algorithm}-{digest.encoded}" / "data").read_bytes()
        except FileNotFoundError:
            return True  # it may just have been published
        return bool(part) and data.startswith(part)


async def until(true: Callable[[], bool]) -> None:
    """Let the loop run until something has become true that tells nobody; TimeoutError after a minute.

    That long because a disk that others use too may take many seconds to sync a file.
    """
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110  # there is no event to wait for, and no time to guess
            await asyncio.sleep(0.001)
