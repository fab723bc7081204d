"""A mirror and the registry behind it on an event loop in a thread, for tests that are a client outside of both."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

from tests.support.figures import figure
from tests.support.loops import LOOPS
from tests.support.mirror import MirrorUnderTest
from tests.support.processes import wait_until
from tests.support.raw_client import PATIENCE, Answer, RawClient
from tests.support.registry import FakeRegistry

T = TypeVar("T")
Overrides = Callable[[str], Mapping[str, Any]]


class MirrorThread:
    """`with MirrorThread(tmp_path) as served:` has `served.registry` and `served.mirror` run until it is left.

    Both belong to that thread: everything that is done to them goes through `do`.
    """

    def __init__(self, root: Path, overrides: Overrides | None = None, loop: str = "asyncio") -> None:
        """`overrides`: what differs from the usual configuration, given the address of the registry."""
        self.kind = loop  # of event loop
        self._root = root
        self._overrides = overrides
        self._runner = asyncio.Runner(loop_factory=LOOPS[loop])
        # One that does not end fails its test; it must not keep the whole run from ending.
        self._thread = threading.Thread(target=self._live, name="mirror-under-test", daemon=True)
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self.registry: FakeRegistry
        self.mirror: MirrorUnderTest

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._started.wait(PATIENCE):
            raise TimeoutError(f"the mirror has not started within {PATIENCE:g} s")
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._leave.set)
        self._thread.join(PATIENCE)
        if self._failure is not None:
            raise self._failure
        if self._thread.is_alive():
            raise TimeoutError(f"the mirror has not ended within {PATIENCE:g} s")

    @property
    def address(self) -> tuple[str, int]:
        bound = self.mirror.mirror.listeners.bound[0]
        return bound.host, bound.port

    @property
    def admin_address(self) -> tuple[str, int]:
        host, port = self.mirror.mirror.admin.addresses[0][:2]
        return host, port

    @property
    def connections(self) -> int:
        """How many clients are connected, by the mirror's own count."""
        return int(figure(self.mirror.mirror.metrics.render(), "mirror_client_connections") or 0)

    def left(self) -> None:
        """Wait until every client is let go."""
        wait_until(lambda: self.connections == 0, "no client is connected")

    def client(self, tls: ssl.SSLContext | None = None, window: int | None = None) -> RawClient:
        """A new connection, which the caller closes."""
        return RawClient(self.address, tls, window)

    def ask(self, method: str, target: str, *headers: str) -> Answer:
        """One request on a connection of its own."""
        with self.client() as client:
            return client.ask(method, target, *headers)

    def ask_with(self, tls: ssl.SSLContext, method: str, target: str, *headers: str) -> Answer:
        """The same over TLS."""
        with self.client(tls) as client:
            return client.ask(method, target, *headers)

    def do(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run this in the thread of the mirror, and return or raise what it does."""

        async def run() -> T:
            return await work()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(PATIENCE)

    def call(self, work: Callable[[], T]) -> T:
        """As `do`, for what does not wait."""

        async def run() -> T:
            return work()

        return self.do(run)

    def settle(self) -> None:
        """Wait until no fetch is under way: what has been fetched is then a hit."""
        wait_until(lambda: self.call(lambda: len(self.mirror.mirror.pulls.fetches)) == 0, "the last fetch has ended")

    def _overridden(self) -> Mapping[str, Any]:
        return {} if self._overrides is None else self._overrides(self.registry.url)

    def _live(self) -> None:
        try:
            with self._runner as runner:
                self._loop = runner.get_loop()
                runner.run(self._serve())
        except BaseException as error:  # noqa: BLE001  # for the test's own thread, whatever it is
            self._failure = error
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._leave = asyncio.Event()
        async with (
            FakeRegistry() as self.registry,
            MirrorUnderTest(self._root, self.registry.url, self._overridden()) as self.mirror,
        ):
            self._started.set()
            await self._leave.wait()
