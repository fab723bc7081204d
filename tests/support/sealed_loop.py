"""An event loop in a thread inside a `Sealed` network, for what serves there while a test without a loop goes on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Self, TypeVar

from tests.support.sealed import Sealed

PATIENCE = 30.0  # seconds for whatever is done there

T = TypeVar("T")


class SealedLoop:
    """Runs from its making until it is closed, which a `with` does as well."""

    def __init__(self, sealed: Sealed, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._live, args=(sealed,), name=name, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run this there, and return or raise what it does; TimeoutError after PATIENCE."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    def close(self) -> None:
        """End the thread. What runs there has been ended before."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)

    def _live(self, sealed: Sealed) -> None:
        sealed.enter()
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()
