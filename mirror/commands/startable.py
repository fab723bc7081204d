"""What a mirror that was started here and now could not use: files, the directory as it would find it, its addresses.

Looks as `serve` does, and makes nothing. Addresses that a running mirror of this very configuration has are no fault.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass

from mirror.commands.admin_client import AdminClient
from mirror.config.problems import Problem
from mirror.config.settings import Settings
from mirror.config.surroundings import unusable
from mirror.errors import MirrorError
from mirror.healthcheck import admin_url
from mirror.store.signs import objection
from mirror.workers.sockets import bind

_ROOT = ("storage", "root")
_PATIENCE = 3.0  # seconds for each step of asking whether a mirror runs


@dataclass(frozen=True, slots=True)
class _Unbound:
    """An address, as messages have it, that the setting at `place` names and that cannot be listened on."""

    place: tuple[str, str]
    address: str
    message: str
    in_use: bool


def unusable_here(settings: Settings) -> Iterator[Problem]:
    """Everything of it. Asks the resolver for names that are to be listened on."""
    told = list(unusable(settings))
    yield from told
    if not any(problem.place == _ROOT for problem in told):
        yield from _root(settings)
    unbound = list(_unbound(settings))
    ours = _are_all_in_use(settings, unbound) and _mirror_runs(settings)
    for one in unbound:
        if not (ours and one.in_use):
            yield Problem(one.place, one.message, involved=(one.place,))


def in_use(settings: Settings) -> list[str]:
    """The addresses that somebody listens on: of settings without a problem, a running mirror."""
    return [one.address for one in _unbound(settings) if one.in_use]


def _root(settings: Settings) -> Iterator[Problem]:
    try:
        message = objection(settings.storage.root)
    except OSError as error:
        message = f"cannot be used: {error.strerror}"
    if message is not None:
        yield Problem(_ROOT, message, involved=(_ROOT,))


def _unbound(settings: Settings) -> Iterator[_Unbound]:
    for section, addresses in (("server", settings.server.listen), ("admin", settings.admin.listen)):
        for address in addresses:
            registry, admin = ([address], []) if section == "server" else ([], [address])
            try:
                bind(registry, admin, 1).close()
            except MirrorError as error:
                cause = error.__cause__
                taken = isinstance(cause, OSError) and cause.errno == errno.EADDRINUSE
                yield _Unbound((section, "listen"), str(address), str(error), taken)


def _are_all_in_use(settings: Settings, unbound: list[_Unbound]) -> bool:
    """Whether each address is, as it is while a mirror of this configuration runs, and not one of another's."""
    chosen = [address for address in (*settings.server.listen, *settings.admin.listen) if address.port]
    return bool(chosen) and sum(one.in_use for one in unbound) == len(chosen)


def _mirror_runs(settings: Settings) -> bool:
    """Whether one answers where this configuration's would."""
    try:
        AdminClient(admin_url(settings.admin.listen), _PATIENCE).get("/api/v1/state")
    except (MirrorError, OSError, ValueError):
        return False
    return True
