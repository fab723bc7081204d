"""Catalog and index as a pair: their connections, the one thread that writes to both, and their writers.

The loop's thread reads and the facts' thread writes, each by connections of its own. Knows no files but theirs.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from mirror.errors import StoreFailed
from mirror.store.catalog import Catalog
from mirror.store.index import DatabaseError, Index
from mirror.store.layout import Layout
from mirror.store.recovery import open_database, open_sound
from mirror.store.writer import Writer

T = TypeVar("T")

LOSSES = (DatabaseError, Catalog.Timeout, OSError)  # what may happen to a database that is no fault of ours


class Databases:
    """The databases of one cache directory. Whoever opens them closes them, on the same thread."""

    def __init__(self, layout: Layout) -> None:
        """Open them: whatever became of them, unless another process has seen to that. Raises StoreFailed."""
        opening = open_database if layout.tenancy.begins else open_sound
        with contextlib.ExitStack() as opened:
            self.catalog = opening(Catalog, layout.catalog)
            opened.callback(self.catalog.close)
            self.index = opening(Index, layout.index)
            opened.callback(self.index.close)
            try:
                self._writers_index = Index(layout.index)
            except DatabaseError as error:
                raise StoreFailed(f"the index in {layout.index} cannot be opened: {error}") from error
            opened.pop_all()
        self._thread = ThreadPoolExecutor(1, "facts")
        self.write_index = Writer(self._writers_index, lambda: self._writers_index, self._thread, LOSSES)
        self.write_catalog = Writer(self.catalog, self.catalog.transaction, self._thread, LOSSES)
        self.write_index.is_lasting = self.write_catalog.is_lasting = not layout.trouble

    @property
    def lost(self) -> int:
        """Facts that could not be written down."""
        return self.write_index.lost + self.write_catalog.lost

    async def on_thread(self, call: Callable[[Index, Catalog], T]) -> T:
        """What `call` returns, run in the facts' thread after every batch that was submitted before.

        When cancelled, the call goes on. Raises what it raises: one of `LOSSES`, if it is no fault of ours.
        """
        loop = asyncio.get_running_loop()
        self._begin()
        return await loop.run_in_executor(self._thread, call, self._writers_index, self.catalog)

    async def renew(self, layout: Layout) -> None:
        """Go on with the databases that lie in the directory now, for all who have these. Raises StoreFailed.

        When cancelled, it may be done in part: then it has to be closed.
        """
        opening = open_database if layout.tenancy.begins else open_sound

        def traded() -> tuple[Catalog, Index]:
            with contextlib.ExitStack() as made:
                catalog = opening(Catalog, layout.catalog)
                made.callback(catalog.close)
                reader = opening(Index, layout.index)
                made.callback(reader.close)
                writer = Index(layout.index)
                made.pop_all()
            self._writers_index.trade(writer)
            self.catalog.trade(catalog)
            writer.close()
            catalog.close()
            return catalog, reader

        loop = asyncio.get_running_loop()
        self._begin()
        catalog, reader = await loop.run_in_executor(self._thread, traded)
        self.write_index.is_lasting = self.write_catalog.is_lasting = True
        self.index.trade(reader)
        reader.close()
        catalog.close()

    async def flush(self) -> None:
        """Wait until every fact noted so far is written, or lost."""
        await self.write_index.flush()
        await self.write_catalog.flush()

    async def aclose(self) -> None:
        """Close every connection, the writer's last. What has not been flushed may be lost."""
        self._begin()
        self.index.close()
        self.catalog.close()
        self._thread.submit(self._close_writers)
        await asyncio.to_thread(self._thread.shutdown)

    def _begin(self) -> None:
        self.write_index.begin()
        self.write_catalog.begin()

    def _close_writers(self) -> None:
        self._writers_index.close()
        self.catalog.close()
