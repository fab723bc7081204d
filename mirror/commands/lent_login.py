"""The login that Docker's `config.json` has for an image's registry, to be lent to one pull."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from mirror.log.events import errors_alone
from mirror.pull.lending import written
from mirror.upstream.docker_login import DockerLogin
from mirror.upstream.program_login import Running

_LIFETIME = 60.0  # seconds; it is asked for once


def docker_config(environment: Mapping[str, str], home: Path) -> Path:
    """Where Docker looks for it."""
    directory = environment.get("DOCKER_CONFIG")
    return (Path(directory) if directory else home / ".docker") / "config.json"


def lent_login(file: Path, registry: str, environment: Mapping[str, str]) -> Mapping[str, str] | None:
    """The login for an order, None where there is no file, or nothing in it for this registry.

    Raises MirrorError when the file or a credential helper cannot be used.
    """
    if not file.exists():
        return None
    with errors_alone():
        return asyncio.run(_asked(file, registry, environment))


async def _asked(file: Path, registry: str, environment: Mapping[str, str]) -> Mapping[str, str] | None:
    source = DockerLogin(file, (registry,), Running(registry, environment, _LIFETIME))
    try:
        login = await source.get()
    finally:
        await source.aclose()
    return None if login is None else written(login)
