"""A whole mirror in this process, on ports of its own, in front of registries that a test has made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import aiohttp

from mirror.config.settings import Settings
from mirror.server.app import Mirror
from mirror.upstream.surroundings import Surroundings

_HUB = "docker.io"


class MirrorUnderTest:
    """`async with MirrorUnderTest(tmp_path, upstream.url) as mirror:` answers at `mirror.url`.

    `upstream` stands in for Docker Hub; `overrides` are merged into the configuration, section by section;
    `surroundings` are what its upstreams find around them, names of hosts among it.
    """

    def __init__(
        self,
        root: Path,
        upstream: str,
        overrides: Mapping[str, Any] | None = None,
        surroundings: Surroundings | None = None,
    ) -> None:
        self._surroundings = surroundings
        values: dict[str, Any] = {
            "server": {"listen": "127.0.0.1:0", "shutdown_grace": "2s"},
            "admin": {"listen": "127.0.0.1:0"},
            "storage": {"root": str(root / "cache"), "max_size": "4GiB", "min_free": "0"},
            "builtin_upstreams": False,
            "upstreams": {_HUB: {"endpoints": upstream}},
            "log": {"access": False},
        }
        self.settings = Settings.model_validate(_merged(values, overrides or {}))
        self._mirror: Mirror | None = None
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        self._mirror = await Mirror(self.settings, self._surroundings).__aenter__()
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=60)
        self._session = aiohttp.ClientSession(auto_decompress=False, connector=connector, timeout=timeout)

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()
        if self._mirror is not None:
            await self._mirror.__aexit__(None, None, None)
        self._session = self._mirror = None

    @property
    def mirror(self) -> Mirror:
        if self._mirror is None:
            raise RuntimeError("the mirror is not running")
        return self._mirror

    @property
    def session(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("the mirror is not running")
        return self._session

    @property
    def url(self) -> str:
        return f"http://{self.mirror.listeners.bound[0]}"

    async def get(self, path: str, **headers: str) -> tuple[aiohttp.ClientResponse, bytes]:
        """A whole answer. Header names are written with underscores. Raises ClientError when the body is cut short."""
        return await self.ask("GET", path, **headers)

    async def head(self, path: str, **headers: str) -> aiohttp.ClientResponse:
        return (await self.ask("HEAD", path, **headers))[0]

    async def ask(self, method: str, path: str, **headers: str) -> tuple[aiohttp.ClientResponse, bytes]:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.request(method, self.url + path, headers=names, allow_redirects=False) as response:
            return response, await response.read()


def _merged(values: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(values)
    for key, value in overrides.items():
        known = merged.get(key)
        merged[key] = _merged(known, value) if isinstance(known, dict) and isinstance(value, Mapping) else value
    return merged
