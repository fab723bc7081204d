"""Names of hosts to their addresses, as the system has them, in threads of its own.

The system's resolver cannot be called off, and may take half a minute over a name whose servers are silent. In the
threads of the event loop, of which there are few, some such names would hold up every other one, files and figures too.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

_AT_ONCE = 64  # names

Lookup = Callable[[str, int, socket.AddressFamily], list[tuple[Any, ...]]]


def system(host: str, port: int, family: socket.AddressFamily) -> list[tuple[Any, ...]]:
    """What `getaddrinfo` says, for families that this machine has an address of. Raises OSError. Blocks."""
    return socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)


class Resolver(AbstractResolver):
    """Closed by `close`, which waits for nobody. `lookup` is called in a thread."""

    def __init__(self, lookup: Lookup = system) -> None:
        self._lookup = lookup
        self._threads = ThreadPoolExecutor(_AT_ONCE, "resolver")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses, in the system's order. Raises OSError. May be cancelled; the thread goes on by itself."""
        found = await asyncio.get_running_loop().run_in_executor(self._threads, self._lookup, host, port, family)
        return [
            ResolveResult(
                hostname=host,
                host=_numeric(address),
                port=address[1],
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """Let go of the threads. Twice is as good as once."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _numeric(address: tuple[Any, ...]) -> str:
    """With its zone, without which a link-local address of IPv6 is none."""
    host = str(address[0])
    zone = address[3] if len(address) > 3 else 0
    return f"{host}%{zone}" if zone and "%" not in host else host
