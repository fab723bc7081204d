"""TLS towards one upstream: whom we trust, and the certificate that we show. Knows no connection.

One rule for endpoints, realms and redirects alike: there is no context that verifies less (CVE-2019-10214). Files that
change are taken up by new connections; while they cannot be used, the last ones are.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import structlog

from mirror.config.settings import Upstream
from mirror.errors import ConfigurationError

_LOOK = 5.0  # seconds between two looks at the files

_log = structlog.get_logger("mirror.upstream")


@dataclass(frozen=True, slots=True)
class Contexts:
    """`own` shows the client certificate, if there is one; `foreign` never does: it tells who we are."""

    own: ssl.SSLContext
    foreign: ssl.SSLContext


class Tls:
    """`clock` is monotonic, in seconds. Raises ConfigurationError when a file of the upstream cannot be used."""

    def __init__(self, name: str, upstream: Upstream, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._upstream = upstream
        self._clock = clock
        files = (upstream.ca_file, upstream.client_certificate, upstream.client_key)
        self._files = tuple(file for file in files if file is not None)
        self._versions = _versions(self._files)
        self._contexts = _contexts(name, upstream, self._versions)
        self._look_at = clock() + _LOOK

    async def contexts(self) -> Contexts:
        """The contexts for connections that are made now. May be cancelled."""
        now = self._clock()
        if self._files and now >= self._look_at:
            self._look_at = now + _LOOK  # claimed before the await: one looks, the others go on with what there is
            await asyncio.to_thread(self._look)
        return self._contexts

    def _look(self) -> None:
        versions = _versions(self._files)
        if versions == self._versions:
            return
        self._versions = versions
        try:
            self._contexts = _contexts(self._name, self._upstream, versions)
        except ConfigurationError:
            _log.warning("changed certificates cannot be used: the last ones still are", upstream=self._name)
        else:
            _log.info("changed certificates are used from now on", upstream=self._name)


def _versions(files: tuple[Path, ...]) -> tuple[object, ...]:
    """What tells one content of the files from another."""
    versions: list[object] = []
    for file in files:
        try:
            status = os.stat(file)
        except OSError:
            versions.append(None)
        else:
            versions.append((status.st_ino, status.st_size, status.st_mtime_ns))
    return tuple(versions)


@lru_cache(maxsize=1)
def _systems(_where: ssl.DefaultVerifyPaths) -> ssl.SSLContext:
    """The system's authorities alone: nearly a MiB and 30 ms for each context, so that all upstreams share one."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


class _Unusable(Exception):
    """Says which key of an upstream, and what is wrong with its file."""


def _contexts(name: str, upstream: Upstream, versions: tuple[object, ...]) -> Contexts:
    where = ssl.get_default_verify_paths()
    if upstream.ca_file is None and upstream.client_certificate is None:
        return Contexts(_systems(where), _systems(where))
    files = (upstream.ca_file, upstream.client_certificate, upstream.client_key)
    try:
        return _loaded(files, versions, where)
    except _Unusable as error:
        raise ConfigurationError([f"upstreams.{name}.{error}"]) from None


@lru_cache(maxsize=32)
def _loaded(
    files: tuple[Path | None, Path | None, Path | None], _versions: tuple[object, ...], where: ssl.DefaultVerifyPaths
) -> Contexts:
    """Those of these files, which all the hosts of a pattern share: who asks for one more must not cost a context."""
    ca_file, certificate, key = files
    foreign = _systems(where) if ca_file is None else _verifying(ca_file)
    if certificate is None:
        return Contexts(foreign, foreign)
    own = _verifying(ca_file)
    _show(own, certificate, key)
    return Contexts(own, foreign)


def _verifying(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except OSError:  # ssl.SSLError is one
            raise _Unusable("ca_file: cannot be read, or holds no certificate in PEM") from None
    return context


class _Encrypted(Exception):
    """The key asks for a passphrase, which OpenSSL would otherwise ask the terminal for."""


def _passphrase() -> str:
    raise _Encrypted


def _show(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    place = f"client_{'certificate' if key is None else 'key'}"
    try:
        context.load_cert_chain(certificate, key, _passphrase)
    except _Encrypted:
        raise _Unusable(f"{place}: is encrypted; give a key that needs no passphrase") from None
    except ssl.SSLError:
        raise _Unusable(f"{place}: there is no certificate in PEM with the private key that belongs to it") from None
    except OSError:
        readable = os.access(certificate, os.R_OK)
        raise _Unusable(f"client_{'key' if readable else 'certificate'}: cannot be read") from None
