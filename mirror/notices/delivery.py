"""A notice on its way to its receiver: signed, posted, and the answer's status. Follows no redirect, reads no body.

The URL is the operator's own, so it may lead anywhere, but only there: what it answers is no reason to go elsewhere.
"""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Mapping
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from mirror import __version__
from mirror.config.notifications import Receiver
from mirror.notices.envelope import MEDIA_TYPE, SIGNATURE, signature
from mirror.notices.outbox import Untold
from mirror.upstream.proxies import Proxies

_SECRET_SIZE = 64 * 1024  # bytes
# What will be no better when it is said again. All else may: a login is set right, a limit ends.
_POINTLESS = frozenset({400, 405, 406, 410, 411, 413, 414, 415, 422, 431})


class Delivery:
    """To one receiver, over connections of its own. Made within a running event loop, and closed by `aclose`.

    Raises ConfigurationError when the environment's proxy cannot be used.
    """

    def __init__(
        self, receiver: Receiver, environment: Mapping[str, str], resolver: AbstractResolver | None = None
    ) -> None:
        self._url = URL(receiver.url.get_secret_value(), encoded=True)
        self._proxy = Proxies(None, environment).of(self._url)
        self._secret_file = receiver.secret_file
        self._headers = {name: value.get_secret_value() for name, value in receiver.headers.items()}
        self._timeout = receiver.timeout
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=1, resolver=resolver),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": f"mirror/{__version__}", "Content-Type": MEDIA_TYPE},
            auto_decompress=False,
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=None),
        )

    async def give(self, body: bytes) -> None:
        """Tell the receiver. Raises Untold within the time that it has. May be cancelled."""
        try:
            async with asyncio.timeout(self._timeout):
                status = await self._post(body)
        except TimeoutError:
            raise Untold("the receiver did not answer in time") from None
        except (aiohttp.ClientError, OSError) as error:
            raise Untold(f"the receiver cannot be reached: {type(error).__name__}") from None
        if 300 <= status < 400:
            raise Untold(f"the receiver answered {status}: redirects are not followed", final=True)
        if not 200 <= status < 300:
            raise Untold(f"the receiver answered {status}", final=status in _POINTLESS)

    async def aclose(self) -> None:
        """End its connections. Twice is as good as once."""
        await self._session.close()

    async def _post(self, body: bytes) -> int:
        headers = dict(self._headers)
        if self._secret_file is not None:
            headers[SIGNATURE] = signature(await asyncio.to_thread(_secret, self._secret_file), body)
        async with self._session.post(
            self._url, data=body, headers=headers, allow_redirects=False, proxy=self._proxy
        ) as response:
            return response.status


def _secret(path: Path) -> bytes:
    """What the file says now, so that secrets rotate under a running mirror. Raises Untold: nothing goes unsigned."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would keep whoever opens it waiting
            raise Untold("the file of its secret is not a regular file")
        with path.open("rb") as file:
            secret = file.read(_SECRET_SIZE + 1).strip()
    except OSError:
        raise Untold("the file of its secret cannot be read") from None
    if not secret or len(secret) > _SECRET_SIZE:
        raise Untold("the file of its secret holds none")
    return secret
