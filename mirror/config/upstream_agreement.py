"""Whether the keys of one upstream go together. Pure: looks at values, and at no file, program or other upstream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mirror.config.conflicts import Conflict, Place

if TYPE_CHECKING:
    from mirror.config.settings import Upstream

PASSWORDS = ("password", "password_file", "password_env")
OTHER_LOGINS = ("docker_config", "credential_helper", "credential_command")

_LOGIN: tuple[Place, ...] = (("username",), *((key,) for key in (*PASSWORDS, *OTHER_LOGINS)))
_FOR_ONE_HOST = ("endpoints", "hosts", "search")


def login_key(upstream: Upstream) -> str | None:
    """The key under which an operator finds the login that there is; None where there is none."""
    others = _given(upstream, OTHER_LOGINS)
    return others[0] if others else ("username" if upstream.username is not None else None)


def disagreements_within(upstream: Upstream) -> Iterator[Conflict]:
    """All of them, each at the key that the operator is most likely to change."""
    yield from _login(upstream)
    yield from _lifetime(upstream)
    yield from _client_certificate(upstream)
    if upstream.search is not None and upstream.search.startswith("http://") and not upstream.insecure:
        place = ("search",)
        yield Conflict(place, "is not https: that takes `insecure: true`", (place, ("insecure",)))


def meaningless_for_a_pattern(upstream: Upstream) -> Iterator[str]:
    """The keys that an upstream which stands for many hosts cannot have."""
    return (key for key in _FOR_ONE_HOST if getattr(upstream, key))


def _login(upstream: Upstream) -> Iterator[Conflict]:
    passwords, others = _given(upstream, PASSWORDS), _given(upstream, OTHER_LOGINS)
    if len(others) > 1 or (others and passwords):
        given = [*passwords, *others]
        message = f"is one source of a login too many: keep one of {', '.join(given)}"
        yield Conflict((given[-1],), message, _LOGIN)
    elif others:
        if upstream.username is not None and others != ["credential_command"]:
            yield Conflict(("username",), f"has no meaning with {others[0]}, which names the user itself", _LOGIN)
    elif upstream.username is None and passwords:
        yield Conflict((passwords[0],), "has no meaning without username", _LOGIN)
    elif upstream.username is not None and len(passwords) != 1:
        what = "several passwords" if passwords else "no password"
        yield Conflict(("username",), f"comes with {what}: give one of {', '.join(PASSWORDS)}", _LOGIN)


def _lifetime(upstream: Upstream) -> Iterator[Conflict]:
    place = ("credential_lifetime",)
    default = type(upstream).model_fields["credential_lifetime"].default
    if upstream.credential_lifetime != default and not _given(upstream, OTHER_LOGINS):
        others = tuple((key,) for key in OTHER_LOGINS)
        yield Conflict(place, f"has no meaning without one of {', '.join(OTHER_LOGINS)}", (place, *others))


def _client_certificate(upstream: Upstream) -> Iterator[Conflict]:
    if (upstream.client_certificate is None) != (upstream.client_key is None):
        missing = "client_certificate" if upstream.client_certificate is None else "client_key"
        message = "is missing: client_certificate and client_key go together"
        yield Conflict((missing,), message, (("client_certificate",), ("client_key",)))


def _given(upstream: Upstream, keys: tuple[str, ...]) -> list[str]:
    return [key for key in keys if getattr(upstream, key)]
