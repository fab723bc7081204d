"""Arguments that name images, which the shell completes with the names of those that are cached."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import click

from mirror.commands.admin_client import AdminClient
from mirror.errors import MirrorError
from mirror.healthcheck import admin_url

_PATIENCE = 1.0  # seconds that somebody who has pressed a key waits
_MOST = 200

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def image_argument(name: str, **options: Any) -> Decorator:
    """An argument that is an image's name, or has to do with one."""
    return click.argument(name, shell_complete=complete, **options)


def complete(context: click.Context, _: click.Parameter, begun: str) -> list[str]:
    """The names of cached images that begin so: of the mirror that runs, and none when it does not answer at once."""
    try:
        url = context.params.get("url") or _configured(context)
        return offered(AdminClient(url, _PATIENCE), begun)
    except (MirrorError, OSError, ValueError, LookupError, TypeError):
        return []


def offered(client: AdminClient, begun: str) -> list[str]:
    """The names of what this mirror has cached that begin so. Raises as `AdminClient.get`."""
    found = client.get("/api/v1/images", {"sort": "name"})["images"]
    return sorted({name for image in found for name in _names(image) if name.startswith(begun)})[:_MOST]


def _configured(context: click.Context) -> str:
    from mirror.config.loading import load

    return admin_url(load(context.params.get("config"), os.environ).admin.listen)


def _names(image: dict[str, Any]) -> list[str]:
    name = f"{image['upstream']}/{image['repository']}"
    return [f"{name}:{tag}" for tag in image["tags"]] or [f"{name}@{image['digest']}"]
