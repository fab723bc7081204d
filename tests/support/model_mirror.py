"""A whole mirror for a model: real sockets, a disk that fails on demand, clocks that are moved, and sudden death.

Put together as the composition root does, but for what takes clocks and disks as arguments.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from mirror.config.addresses import ListenAddress
from mirror.config.settings import Limits
from mirror.config.settings import Upstream as Configured
from mirror.metrics import Metrics
from mirror.pull.fetches import Bounds
from mirror.pull.freezing import Freezing
from mirror.pull.freshness import Policy
from mirror.pull.pulls import Pulls, Sizes
from mirror.pull.upstreams import Upstream, Upstreams
from mirror.server.access import Access, Clients
from mirror.server.dispatch import Dispatch
from mirror.server.handlers import Handlers
from mirror.server.hot import HotAnswers
from mirror.server.listening import Listeners
from mirror.server.protocol import ClientLimits, RegistryServer
from mirror.store.store import Store
from mirror.upstream.registry import Registry
from mirror.upstream.surroundings import Surroundings
from mirror.upstream.transport import Transport
from tests.support.clock import Ahead, Clock
from tests.support.faulty_disk import DEATH, FaultyDisk, Killed
from tests.support.sweeps import Bound

USER = "alice"
LIMITS = Limits(connect_timeout=5, first_byte_timeout=5, read_timeout=5, answer_timeout=10)
BOUNDS = Bounds(at_once=8, wait=10, resumes=0)  # each try in vain would cost a pause that is no clock's
_GRACE = 0.1
_PATIENCE = 20.0  # seconds after which a client calls it a hang


@dataclass(frozen=True, slots=True)
class Making:
    """What outlives a mirror. `memory`: bytes of small content that are kept there."""

    root: Path
    url: str
    password_file: Path
    policy: Policy
    memory: int
    wall: Clock
    monotonic: Ahead
    disk: FaultyDisk
    bound: Bound


class ModelMirror:
    """One process's worth of mirror. `await begin()`, then either `end()` or `die()`."""

    def __init__(self, making: Making) -> None:
        self._making = making
        self._stack = AsyncExitStack()
        self.store: Store
        self.pulls: Pulls
        self.freezing: Freezing
        self.session: aiohttp.ClientSession
        self.url = ""
        self._ended = asyncio.Event()  # some fetch has

    async def begin(self) -> None:
        """Raises what the mirror cannot begin for."""
        making = self._making
        self.store = await Store.open(making.root, making.bound.room, filesystem=making.disk)
        self._stack.push_async_callback(self.store.aclose)
        self.store.facts._now = making.wall
        self.pulls = Pulls(self._upstreams(), self.store, BOUNDS, Sizes(making.memory, 1024**2), making.wall)
        self.pulls.fetches.on_end = lambda _: self._ended.set()
        self._stack.push_async_callback(self.pulls.aclose)
        await self.freezing.resume()
        self.url = f"http://{await self._listen()}"
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=_PATIENCE)
        self.session = aiohttp.ClientSession(auto_decompress=False, connector=connector, timeout=timeout)
        self._stack.push_async_callback(self.session.close)

    async def end(self) -> None:
        """Stop as SIGTERM does."""
        await self._stack.aclose()

    async def die(self) -> None:
        """Leave the disk as it is; what the process had open is closed, as the kernel does."""
        self._making.disk.arm(0, DEATH)
        with contextlib.suppress(Killed):
            await self._stack.aclose()
        for number in os.listdir("/proc/self/fd"):
            with contextlib.suppress(OSError):
                if Path(os.readlink(f"/proc/self/fd/{number}")).is_relative_to(self._making.root):
                    os.close(int(number))

    async def settled(self) -> None:
        """Wait until no fetch is under way; TimeoutError when that takes as long as no client waits."""
        async with asyncio.timeout(_PATIENCE):
            while len(self.pulls.fetches):
                self._ended.clear()
                await self._ended.wait()

    def _upstreams(self) -> Upstreams:
        making = self._making
        around = Surroundings(clock=making.monotonic, jitter=lambda: 0.5, sleep=_sleeping(making.monotonic))
        self.freezing = Freezing(around.contact, self.store, making.wall)
        configured = Configured(
            endpoints=(making.url,), username=USER, password_file=making.password_file, insecure=True
        )
        transport = Transport("one", configured, LIMITS, surroundings=around)
        registry = Registry("one", configured, LIMITS, transport, making.monotonic)
        self._stack.push_async_callback(registry.aclose)
        return Upstreams([Upstream("one", registry, making.policy)], {}, {}, "one")

    async def _listen(self) -> ListenAddress:
        clients = Clients(())
        hot = HotAnswers(by_host=False, used=self.store.used, now=self._making.wall)
        dispatch = Dispatch(Handlers(self.pulls), hot, Access(Metrics("0").requests, None, clients))
        dispatch._repeats._now = self._making.wall
        listeners = Listeners(RegistryServer(dispatch, ClientLimits(1000, keepalive=60, stall=60)))
        await listeners.open([ListenAddress("127.0.0.1", 0)], None)
        self._stack.push_async_callback(listeners.drain, _GRACE)
        return listeners.bound[0]


def _sleeping(clock: Ahead) -> Callable[[float], Awaitable[None]]:
    """Waiting costs the clock time, and nobody else."""

    async def sleep(seconds: float) -> None:
        clock.advance(seconds)
        await asyncio.sleep(0)

    return sleep


def write_password(path: Path, password: str) -> None:
    """Exchange the file as operators do: a new one takes the place of the old one."""
    aside = path.with_suffix(".new")
    aside.write_text(password)
    aside.replace(path)
