"""What the settings count on and this machine has or has not: files, and room for the cache. Looks, and makes nothing.

No message repeats what a file holds.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import ssl
import stat
from collections.abc import Iterator
from pathlib import Path

from mirror.config.conflicts import Place
from mirror.config.problems import Problem
from mirror.config.settings import TLS, Settings, Storage, Upstream

_PASSWORD_SIZE = 64 * 1024  # bytes
_DOCKER_CONFIG_SIZE = 1024 * 1024
_NO_CERTIFICATE = "holds no certificate in PEM that can be used"


def unusable(settings: Settings) -> Iterator[Problem]:
    """Everything that a mirror started here and now, by this user, could not use."""
    yield from unusable_files(settings)
    yield from _lists(settings)
    yield from _storage(settings.storage)


def unusable_files(settings: Settings) -> Iterator[Problem]:
    """The certificates, keys, authorities, and the files and programs that logins come from, among it."""
    yield from _tls(settings.server.tls)
    for name, upstream in settings.upstreams.items():
        place = ("upstreams", name)
        if upstream.ca_file is not None:
            yield from _told((*place, "ca_file"), _no_certificate(upstream.ca_file))
        pair = (upstream.client_certificate, upstream.client_key)
        yield from _certificate_and_key((*place, "client_certificate"), (*place, "client_key"), pair)
        yield from _login(place, upstream)
    for number, receiver in enumerate(settings.notifications.endpoints):
        if receiver.secret_file is not None:
            hook = ("notifications", "endpoints", str(number), "secret_file")
            yield from _told(hook, _no_password(receiver.secret_file))


def _lists(settings: Settings) -> Iterator[Problem]:
    """A mirror that runs says so each time that it looks for them, and goes on: they may be there by then."""
    for number, kept in enumerate(settings.images):
        if kept.file is not None:
            yield from _told(("images", str(number)), _of_file(kept.file))


def _tls(tls: TLS) -> Iterator[Problem]:
    place = ("server", "tls")
    yield from _certificate_and_key((*place, "certificate"), (*place, "key"), (tls.certificate, tls.key))
    if tls.client_ca is not None:
        yield from _told((*place, "client_ca"), _no_certificate(tls.client_ca))


def _certificate_and_key(place: Place, key_place: Place, pair: tuple[Path | None, Path | None]) -> Iterator[Problem]:
    certificate, key = pair
    if certificate is None or key is None:
        return
    no_certificate, no_key = _no_certificate(certificate), _unreadable(key)
    yield from _told(place, no_certificate)
    yield from _told(key_place, no_key)
    if no_certificate is None and no_key is None:
        yield from _told(key_place, _no_key_of(certificate, key))


def _login(place: Place, upstream: Upstream) -> Iterator[Problem]:
    if upstream.password_file is not None:
        yield from _told((*place, "password_file"), _no_password(upstream.password_file))
    if upstream.docker_config is not None:
        yield from _told((*place, "docker_config"), _no_docker_config(upstream.docker_config))
    if upstream.credential_helper is not None:
        program = f"docker-credential-{upstream.credential_helper}"
        yield from _told((*place, "credential_helper"), _no_program(program))
    if upstream.credential_command:
        yield from _told((*place, "credential_command"), _no_program(upstream.credential_command[0]))


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


def _of_file(path: Path) -> str | None:
    problem = _unreadable(path)
    return None if problem is None else f"file {problem}"


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


def _no_docker_config(path: Path) -> str | None:
    try:
        content = _start(path, _DOCKER_CONFIG_SIZE + 1)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        document = None
    return None if isinstance(document, dict) else "is not a configuration of Docker's: it holds no JSON object"


def _no_program(name: str) -> str | None:
    if shutil.which(name) is not None:
        return None
    where = "there is no such file, or this user may not run it" if "/" in name else f"{name} is not on the PATH"
    return f"cannot be run: {where}"


def _told(place: Place, message: str | None) -> Iterator[Problem]:
    # A setting that is wrong by itself was left at its default, and what is said of that would only be an echo.
    if message is not None:
        yield Problem(place, message, involved=(place,))
