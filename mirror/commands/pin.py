"""`mirror pin [NAME…]`: keeps images from being evicted, or tells which are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from operator import methodcaller
from pathlib import Path
from typing import Any

import click

from mirror.amounts import number, size
from mirror.commands.columns import columns
from mirror.commands.invocation import config_option
from mirror.commands.naming_images import image_argument
from mirror.commands.stock_asking import ask
from mirror.commands.where import where_options


@click.command()
@config_option
@where_options
@image_argument("names", nargs=-1, metavar="[NAME]...")
def command(config: Path | None, url: str | None, as_json: bool, names: tuple[str, ...]) -> None:
    """Keep what NAME means from being evicted and removed; without one, list what is pinned.

    NAME is an image (ubuntu:22.04, name@sha256:…), a repository (ubuntu), a registry (ghcr.io), a digest, or a pattern
    with `*` in it ('ghcr.io/owner/*:v1*'). It holds for what is cached now and for what will be, until `mirror unpin`.

    Example: mirror pin ubuntu:22.04 'registry.k8s.io/*'
    """
    if names:
        pins = [ask(config, url, methodcaller("pin", name)) for name in names]
        tell(pins, "pinned", as_json)
        return
    document = ask(config, url, lambda stock: stock.pins())
    if as_json:
        click.echo(json.dumps(document, indent=2))
        return
    for line in _listed(document["pins"]):
        click.echo(line)
    if not document["pins"]:
        click.echo("nothing is pinned", err=True)


def tell(pins: list[dict[str, Any]], done: str, as_json: bool) -> None:
    """What became of pins: `done` to each."""
    if as_json:
        click.echo(json.dumps({"pins": pins}, indent=2))
        return
    for pin in pins:
        click.echo(f"{done} {pin['pin']}: {_images(pin)}, {_size(pin)}")


def _listed(pins: list[dict[str, Any]]) -> Iterator[str]:
    if pins:
        rows = [(pin["pin"], str(pin["images"]), _size(pin)) for pin in pins]
        yield from columns([("PIN", "IMAGES", "SIZE"), *rows], right={1, 2})


def _size(pin: dict[str, Any]) -> str:
    return f"at least {size(pin['size'])}" if pin["uncounted"] else size(pin["size"])


def _images(pin: dict[str, Any]) -> str:
    return number(pin["images"], "cached image")
