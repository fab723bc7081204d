"""What the operator is told when the mirror has begun to serve. Knows what is served, and not by what."""

from __future__ import annotations

import json
from collections.abc import Sequence

import structlog

from mirror import __version__
from mirror.config.addresses import ListenAddress
from mirror.config.settings import Settings

_log = structlog.get_logger(__name__)


def announce(
    settings: Settings, bound: Sequence[ListenAddress], admin: Sequence[ListenAddress], cached_bytes: int
) -> None:
    """Say what is served, where the cache lies, and what to write into Docker's configuration.

    `bound` and `admin`: where the registry and the operator's listener are, with the ports that they have got.
    """
    scheme = "http" if settings.server.tls.certificate is None else "https"
    urls = [f"{scheme}://{_dialled(address)}" for address in bound]
    _log.info(
        "serving",
        version=__version__,
        registries=", ".join(sorted(settings.resolved_upstreams())),
        at=", ".join(urls),
        admin=", ".join(f"http://{_dialled(address)}" for address in admin),
        cache=str(settings.storage.root.resolve()),
        cached_bytes=cached_bytes,
    )
    _log.info(f"for Docker, in /etc/docker/daemon.json: {json.dumps({'registry-mirrors': urls[:1]})}")


def _dialled(address: ListenAddress) -> ListenAddress:
    """What a client on this machine writes for it: no client can dial "every interface"."""
    local = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
    return ListenAddress(local.get(address.host, address.host), address.port)
