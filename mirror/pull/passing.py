"""What the disk does not take, handed on through memory to the readers that a fetch has (F12). Nothing of it stays."""

from __future__ import annotations

from mirror.errors import StoreFailed
from mirror.pull.growth import Growth
from mirror.store.spool import Spool
from mirror.store.store import Store

_WINDOW = 4 * 1024 * 1024  # bytes in memory between the slowest reader and the upstream


class Passing:
    """The readers of `growth` go on with `spool` from here. Closed by `close`, which leaves them their descriptors."""

    def __init__(self, spool: Spool, store: Store, growth: Growth) -> None:
        """Raises StoreFailed when the system has no descriptor for them."""
        self._spool = spool
        self._store = store
        self._growth = growth
        try:
            growth.turn(spool.duplicate(), spool.offset)
        except BaseException:
            spool.close()
            raise

    @property
    def offset(self) -> int:
        return self._spool.offset

    @property
    def total(self) -> int | None:
        return self._spool.total

    async def put(self, piece: bytes) -> None:
        """The next bytes, once the slowest reader has taken enough of those before them. May be cancelled.

        Raises StoreFailed when there is no memory, or nobody to give them to.
        """
        wanted = await self._room()
        await self._store.run(self._spool.forget, wanted)
        await self._store.run(self._spool.append, piece)
        self._growth.proceed(self._spool.offset)

    def expect(self, total: int) -> None:
        """Note the size of the whole. Raises SizeMismatch if there is more already."""
        self._spool.expect(total)

    def verify(self) -> None:
        """Whether the bytes are what the digest names: SizeMismatch or DigestMismatch if not."""
        self._spool.verify()

    def close(self) -> None:
        """Let go of it. Harmless when repeated."""
        self._spool.close()

    async def _room(self) -> int:
        """Wait for the readers; from where on they still need bytes. Without readers there is nothing to be done."""
        try:
            wanted = await self._growth.room(_WINDOW)
        except TimeoutError:
            raise StoreFailed("a blob that the disk does not take is read too slowly") from None
        if not self._growth.held:
            raise StoreFailed("nobody waits any more for a blob that the disk does not take")
        return wanted
