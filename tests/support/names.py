"""Host names for tests, which resolve to what the test says and to nothing else."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence

from aiohttp.abc import AbstractResolver, ResolveResult


class Names(AbstractResolver):
    """`Names({"registry.test": ["127.0.0.1"]})`; asked again, a name takes its next address, the last one for ever."""

    def __init__(self, addresses: Mapping[str, Sequence[str]]) -> None:
        self._addresses = addresses
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        known = self._addresses.get(host.lower())
        if known is None:
            raise OSError(socket.EAI_NONAME, "no such name in this test")
        address = known[min(self.asked.count(host), len(known) - 1)]
        self.asked.append(host)
        kind = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=0)]

    async def close(self) -> None:
        pass
