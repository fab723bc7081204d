"""`mirror explain IMAGE`: the running mirror is asked, else its cache, else the configuration alone. No upstream is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mirror.commands.admin_client import AdminClient
from mirror.commands.explain_words import lines_of
from mirror.commands.invocation import answer_of, config_option, load, tell
from mirror.healthcheck import admin_url

if TYPE_CHECKING:
    from mirror.config.settings import Settings

PATH = "/api/v1/explain"
_NOT_RUNNING = "no mirror answers on the admin listener"
_WHOLE = "image"  # the platform of one that no index lists


@click.command()
@config_option
@click.option("--url", help="The admin listener to ask, such as http://127.0.0.1:5001, instead of the configured one.")
@click.option("--platform", metavar="OS/ARCH", help="Of the platforms of an index this one only: linux/arm64.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
@click.argument("image")
def command(config: Path | None, url: str | None, platform: str | None, as_json: bool, image: str) -> None:
    """Tell what a pull of IMAGE would do, and why.

    Which upstream it means and by which rule, whom that is asked as, whether it is cached for each platform, how old
    its tag is, when it is checked next, and what would be asked. No upstream is asked for this.

    IMAGE is a name as Docker takes it (ubuntu, ghcr.io/owner/name:tag, name@sha256:…), or one that begins with the
    address of this mirror.

    Example: mirror explain --platform linux/arm64 ghcr.io/owner/name:tag
    """
    if url is not None:
        document = answer_of(lambda: running(AdminClient(url), image))
    else:
        document = answer_of(lambda: explained(load(config), image))
    if platform is not None:
        document["images"] = _of_platform(document["images"], platform)
    if document["source"] != "mirror" and not as_json:
        click.echo(f"{_NOT_RUNNING}: this is what its {document['source']} says", err=True)
    tell(document, lines_of(document), as_json)


def explained(settings: Settings, image: str) -> dict[str, Any]:
    """The explanation, with its `source`: `mirror`, `cache` or `configuration`.

    Raises MirrorError for a name that leads nowhere, ConfigurationError when an upstream cannot be made.
    """
    try:
        return running(AdminClient(admin_url(settings.admin.listen)), image)
    except (OSError, ValueError):
        from mirror.commands.resting_explanation import explained_at_rest  # with all of the pull, which takes a second

        return explained_at_rest(settings, image, os.geteuid())


def running(client: AdminClient, image: str) -> dict[str, Any]:
    """What the mirror says that runs. Raises OSError when it does not answer, Refused when it says no, ValueError."""
    return {"source": "mirror", **client.get(PATH, {"image": image})}


def _of_platform(images: list[dict[str, Any]] | None, platform: str) -> list[dict[str, Any]] | None:
    """`linux/arm64` is `linux/arm64/v8` too. An image that no index lists does not say what it is for, and stays."""
    return images and [one for one in images if f"{one['platform']}/".startswith((f"{platform}/", f"{_WHOLE}/"))]
