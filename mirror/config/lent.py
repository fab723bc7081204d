"""An upstream's settings with a login that somebody lends in place of the operator's own. Values only."""

from __future__ import annotations

from pydantic import SecretStr

from mirror.config.settings import Upstream

_NOBODYS = {
    "password_file": None,
    "password_env": None,
    "docker_config": None,
    "credential_helper": None,
    "credential_command": (),
}


def lent(upstream: Upstream, username: str, password: str) -> Upstream:
    """The same settings, but asked as this user: the login stands in the value alone, where `repr` does not show it."""
    return upstream.model_copy(update={**_NOBODYS, "username": username, "password": SecretStr(password)})
