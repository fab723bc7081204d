"""Who reads along with a fetch: how far he may go, until the end or the failure. A departure changes nothing (F2)."""

from __future__ import annotations

from mirror.pull.fetch import Fetch
from mirror.pull.upstreams import Target


class Reader:
    """One reader of a fetch, as a `Readable`. Its holder closes it; the fetch does not notice (F2)."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self.fetched_for = fetch.target.place  # that the upstream is asked for, perhaps not the reader's
        self._growth = fetch.growth
        self._open = True
        self._place = self._growth.hold()

    @property
    def size(self) -> int | None:
        return self._growth.total

    @property
    def descriptor(self) -> int:
        return self._growth.descriptor_at(self._place.position)

    async def begun(self) -> None:
        """Wait until the size is known, as far as it ever will be before the end. Raises what the fetch ended with."""
        await self._growth.begun()

    async def ready(self, offset: int) -> int:
        self._growth.move(self._place, offset)
        return await self._growth.ready(offset)

    async def whole(self) -> int:
        """Wait for the end; the size of the whole. Raises what the fetch ended with."""
        offset = 0
        while (reached := await self._growth.ready(offset)) > offset:
            offset = reached
        return offset

    def doubt(self) -> None:
        """Nothing that is stored is doubted by this: the file of a fetch may have no name yet."""

    def vouch(self, target: Target, size: int | None) -> None:
        """The reader's repository has been said to have it, of this size: that is noted once it is verified."""
        self._fetch.vouching.add(target, size)

    def close(self) -> None:
        if self._open:
            self._open = False
            self._growth.release(self._place)
