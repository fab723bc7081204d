"""What the settings count on and this machine has or has not: files, and room for the cache. Looks, and makes nothing.

No message repeats what a file holds.
"""

from __future__ import annotations

import errno
import os
import ssl
import stat
from collections.abc import Iterator
from pathlib import Path

from mirror.config.conflicts import Place
from mirror.config.problems import Problem
from mirror.config.settings import TLS, Settings, Storage

_PASSWORD_SIZE = 64 * 1024  # bytes
_NO_CERTIFICATE = "holds no certificate in PEM that can be used"


def unusable(settings: Settings) -> Iterator[Problem]:
    """Everything that a mirror started here and now, by this user, could not use."""
    yield from unusable_files(settings)
    yield from _storage(settings.storage)


def unusable_files(settings: Settings) -> Iterator[Problem]:
    """The certificates, keys, authorities and password files among it."""
    yield from _tls(settings.server.tls)
    for name, upstream in settings.upstreams.items():
        if upstream.ca_file is not None:
            yield from _told(("upstreams", name, "ca_file"), _no_certificate(upstream.ca_file))
        if upstream.password_file is not None:
            yield from _told(("upstreams", name, "password_file"), _no_password(upstream.password_file))


def _tls(tls: TLS) -> Iterator[Problem]:
    place = ("server", "tls")
    if tls.certificate is not None and tls.key is not None:
        certificate = _no_certificate(tls.certificate)
        key = _unreadable(tls.key)
        yield from _told((*place, "certificate"), certificate)
        yield from _told((*place, "key"), key)
        if certificate is None and key is None:
            yield from _told((*place, "key"), _no_key_of(tls.certificate, tls.key))
    if tls.client_ca is not None:
        yield from _told((*place, "client_ca"), _no_certificate(tls.client_ca))


def _storage(storage: Storage) -> Iterator[Problem]:
    root = storage.root.absolute()
    nearest = next(path for path in (root, *root.parents) if os.path.lexists(path))
    place = ("storage", "root")
    if not os.path.isdir(nearest):
        yield from _told(place, f"cannot be used: {nearest} is not a directory")
    elif not os.access(nearest, os.W_OK | os.X_OK | (os.R_OK if nearest == root else 0), effective_ids=True):
        what = "used" if nearest == root else "made"
        yield from _told(place, f"cannot be {what}: this user may not write in {nearest}")
    else:
        system = os.statvfs(nearest)
        total = system.f_blocks * system.f_frsize
        if storage.min_free.of(total) >= total:
            yield from _told(("storage", "min_free"), "is as much as the file system has, so nothing would be kept")


def _start(path: Path, size: int) -> bytes:
    # A pipe would keep whoever opens it waiting, and could be read only once.
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    with path.open("rb") as file:
        return file.read(size)


def _unreadable(path: Path) -> str | None:
    try:
        _start(path, 1)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None


def _no_certificate(path: Path) -> str | None:
    problem = _unreadable(path)
    if problem is not None:
        return problem
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except OSError:  # ssl.SSLError is one
        return _NO_CERTIFICATE
    return None


class _Encrypted(Exception):
    """The key asks for a passphrase, which OpenSSL would otherwise ask the terminal for."""


def _no_key_of(certificate: Path, key: Path) -> str | None:
    def passphrase() -> str:
        raise _Encrypted

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, passphrase)
    except _Encrypted:
        return "is encrypted: give a key that needs no passphrase"
    except ssl.SSLError as error:
        mismatch = "MISMATCH" in (error.reason or "")
        return "does not belong to the certificate" if mismatch else "holds no private key in PEM that can be used"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None


def _no_password(path: Path) -> str | None:
    try:
        content = _start(path, _PASSWORD_SIZE + 1)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if len(content) > _PASSWORD_SIZE:
        return "is too large to be a password"
    try:
        content.decode()
    except UnicodeDecodeError:
        return "is not text in UTF-8"
    return None if content.rstrip(b"\r\n") else "is empty"


def _told(place: Place, message: str | None) -> Iterator[Problem]:
    # A setting that is wrong by itself was left at its default, and what is said of that would only be an echo.
    if message is not None:
        yield Problem(place, message, involved=(place,))
