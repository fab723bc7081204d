"""The command `mirror`. Exit codes: 0 done, 1 it did not work, 2 the command line or the configuration is wrong.

What a command does not need is not imported, so that `--help`, `version` and `healthcheck` answer at once.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from mirror import __version__
from mirror.errors import ConfigurationError, MirrorError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable

    from mirror.config.problems import Problem
    from mirror.config.settings import Settings

FAILED = 1
MISCONFIGURED = 2
INTERRUPTED = 130  # as shells report SIGINT

_config = click.option(
    "--config",
    "-c",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PATH",
    help="Configuration file. Without it $MIRROR_CONFIG, else /etc/mirror/mirror.yml if it exists, else the defaults.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", prog_name="mirror", message="%(prog)s %(version)s")
def main() -> None:
    """A pull-through caching mirror for container registries.

    Every setting can also be given in the environment: MIRROR_SECTION__KEY, for example MIRROR_STORAGE__ROOT or
    MIRROR_UPSTREAMS__DOCKER_IO__PASSWORD_FILE.
    """


@main.command()
@_config
def serve(config: Path | None) -> None:
    """Serve the registry, and the admin listener beside it, until SIGTERM or Ctrl-C."""
    from mirror.config.surroundings import unusable_files

    settings = _load(config, unusable_files)
    from mirror.log.events import configure
    from mirror.log.stream import stream_to

    configure(settings.log, stream_to(sys.stderr.fileno()), os.environ)
    import structlog

    try:
        _run(settings)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except ConfigurationError as error:
        _misconfigured(error)
    except (MirrorError, OSError) as error:
        structlog.get_logger("mirror").debug("serving ended with an error", exc_info=True)
        _fail(f"mirror: {_words(error)}")


@main.command()
@_config
def check(config: Path | None) -> None:
    """Check the configuration and show what it amounts to, without secrets.

    Every mistake is told at once, one a line, with its place and the key that was probably meant. Files and the
    directory of the cache are looked at as this user and from here; nothing is made and nobody is asked.
    """
    from mirror.config.cautions import cautions
    from mirror.config.loading import find
    from mirror.config.summary import summarise
    from mirror.config.surroundings import unusable

    settings = _load(config, unusable)
    for caution in cautions(settings):
        click.echo(f"warning: {caution}", err=True)
    file = find(config, os.environ)
    click.echo(f"ok: {file}" if file is not None else "ok: the defaults, without a file")
    for line in summarise(settings):
        click.echo(line)


@main.command()
@_config
@click.option("--url", help="Ask this URL instead of /readyz on the configured admin listener.")
def healthcheck(config: Path | None, url: str | None) -> None:
    """Ask the running mirror whether it is ready; for container images and scripts."""
    from mirror.healthcheck import ask, readiness_url

    try:
        answer = ask(url if url is not None else readiness_url(_load(config, lambda _: ()).admin.listen))
    except (ValueError, OSError) as error:
        _fail(f"not ready: {_words(error)}")
    if not answer.ready:
        _fail(f"not ready: {answer.words}")
    click.echo("ready")


@main.command()
def version() -> None:
    """Print the version."""
    click.echo(f"mirror {__version__}")


def _load(config: Path | None, look: Callable[[Settings], Iterable[Problem]]) -> Settings:
    from mirror.config.loading import load

    try:
        return load(config, os.environ, look=look)
    except ConfigurationError as error:
        _misconfigured(error)


def _run(settings: Settings) -> None:
    import asyncio

    from mirror.server.app import serve as serve_until_stopped

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(serve_until_stopped(settings))


def new_event_loop() -> asyncio.AbstractEventLoop:
    """uvloop's where it is installed, which is an extra of this package."""
    try:
        import uvloop
    except ImportError:
        import asyncio

        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _words(error: Exception) -> str:
    """One line without the numbers and quotes that OSError puts around its words."""
    if isinstance(error, OSError) and error.strerror:
        words = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    else:
        words = str(error) or type(error).__name__
    return " ".join(words.split())


def _misconfigured(error: ConfigurationError) -> NoReturn:
    for problem in error.problems:
        click.echo(problem, err=True)
    sys.exit(MISCONFIGURED)


def _fail(message: str) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(FAILED)
