"""`mirror rollback`: have a tag answered with a digest that it had before."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from mirror.commands.invocation import config_option
from mirror.commands.tag_ordering import carry_out
from mirror.commands.where import where_options


@click.command()
@config_option
@where_options
@click.option("--to", metavar="DIGEST", help="The digest, which the tag must have had: see `mirror tags --history`.")
@click.option("--before", metavar="DATE", help="What the tag pointed to before then: 2026-01-31, or with T12:00.")
@click.argument("image", metavar="IMAGE:TAG")
def command(
    config: Path | None, url: str | None, as_json: bool, to: str | None, before: str | None, image: str
) -> None:
    """Have IMAGE:TAG answered with a digest that it had before: the last one, or the one that is chosen.

    That is a pin: clients get it at once, and are told by a Warning, until `mirror unpin-tag`. The digest has to be
    cached whole, or still to be had from the upstream, and is not evicted. A DATE without an offset is local time.

    Example: mirror rollback --before 2026-01-31T12:00 ghcr.io/owner/name:prod
    """
    if to is not None and before is not None:
        raise click.UsageError("--to and --before exclude each other: give one of them")
    terms = {} if to is None else {"to": to}
    if before is not None:
        terms = {"before": _moment(before)}
    carry_out(config, url, lambda tags: tags.roll_back(image, terms), as_json)


def _moment(text: str) -> str:
    try:
        return datetime.fromisoformat(text).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        raise click.BadParameter(
            "a date is written as 2026-01-31, 2026-01-31T12:00 or 2026-01-31T12:00:00Z", param_hint="--before"
        ) from None
