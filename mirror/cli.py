"""The command `mirror`. Exit codes: 0 done, 1 it did not work, 2 the command line or the configuration is wrong.

What a command does not need is not imported, so that `--help`, `version` and `healthcheck` answer at once.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mirror import __version__
from mirror.commands.invocation import INTERRUPTED, config_option, fail, load, misconfigured, words
from mirror.commands.table import Later, Table
from mirror.errors import ConfigurationError, MirrorError

if TYPE_CHECKING:
    import asyncio

    from mirror.config.settings import Settings

LATER = {
    "ls": Later("mirror.commands.ls", "List the images that are cached."),
    "show": Later("mirror.commands.show", "Show what is cached of an image."),
    "df": Later("mirror.commands.df", "Show how much room the cache takes, and what takes it."),
    "rm": Later("mirror.commands.rm", "Remove what is cached of an image, a repository or a registry."),
    "gc": Later("mirror.commands.gc", "Make room in the cache, or see what would go, and why."),
    "pin": Later("mirror.commands.pin", "Keep images from being evicted, or list which are."),
    "unpin": Later("mirror.commands.unpin", "Let go of what is pinned."),
    "stats": Later("mirror.commands.stats", "Show how much came from the cache, and what that saved."),
    "completion": Later("mirror.commands.completion", "Print what makes a shell complete these commands."),
    "explain": Later("mirror.commands.explain", "Tell what a pull of an image would do, and why."),
    "doctor": Later("mirror.commands.doctor", "Look for what keeps the mirror from reaching its upstreams."),
    "freeze": Later("mirror.commands.freeze", "Stop asking upstreams; serve what is cached."),
    "thaw": Later("mirror.commands.thaw", "Ask upstreams again."),
    "fsck": Later("mirror.commands.fsck", "Check a cache that no mirror uses, and mend it."),
    "budget": Later("mirror.commands.budget", "Show the pulls that upstreams' limits leave, and who used them."),
    "tags": Later("mirror.commands.tags", "Show where tags point, and where they have pointed."),
    "pin-tag": Later("mirror.commands.pin_tag", "Have a tag answered with one digest."),
    "unpin-tag": Later("mirror.commands.unpin_tag", "Have a tag answered as its upstream says again."),
    "rollback": Later("mirror.commands.rollback", "Have a tag answered with a digest that it had before."),
    "export": Later("mirror.commands.export", "Write images into a bundle, for a place without a network."),
    "import": Later("mirror.commands.import_bundle", "Take images in that were carried here: a bundle, or an archive."),
    "inventory": Later("mirror.commands.inventory", "Write what is here, for a mirror that sends what is not."),
    "pull": Later("mirror.commands.pull", "Have the mirror pull images, as docker pull would."),
    "warm": Later("mirror.commands.warm", "Bring the images now that are to be kept ready."),
    "rehearse": Later("mirror.commands.rehearse", "Tell which images would not survive an outage, and why."),
    "record": Later("mirror.commands.record", "Write a list of the images that were really pulled."),
}


SECTIONS = {
    "Serve": ("serve", "check", "healthcheck"),
    "Look at the cache, and make room": ("ls", "show", "df", "stats", "pin", "unpin", "rm", "gc"),
    "Bring images before they are asked for": ("pull", "warm", "record"),
    "Say where tags point": ("tags", "pin-tag", "unpin-tag", "rollback"),
    "Do without the network": ("rehearse", "freeze", "thaw", "export", "import", "inventory"),
    "When something is odd": ("explain", "doctor", "budget", "fsck"),
    "This program": ("completion", "version"),
}


@click.group(
    cls=Table,
    later=LATER,
    sections=SECTIONS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "-V", "--version", prog_name="mirror", message="%(prog)s %(version)s")
def main() -> None:
    """A pull-through caching mirror for container registries.

    Every setting can also be given in the environment: MIRROR_SECTION__KEY, for example MIRROR_STORAGE__ROOT or
    MIRROR_UPSTREAMS__DOCKER_IO__PASSWORD_FILE.
    """


@main.command()
@config_option
def serve(config: Path | None) -> None:
    """Serve the registry, until SIGTERM or Ctrl-C.

    Beside it the admin listener has the figures, and answers the other commands. Without a file the well-known
    registries are served on 127.0.0.1:5000.

    Example: mirror serve --config /etc/mirror/mirror.yml
    """
    from mirror.config.surroundings import unusable_files

    settings = load(config, unusable_files)
    from mirror.log.events import configure
    from mirror.log.stream import stream_to

    configure(settings.log, stream_to(sys.stderr.fileno()), os.environ)
    import structlog

    try:
        code = _run(settings)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except ConfigurationError as error:
        misconfigured(error)
    except (MirrorError, OSError) as error:
        structlog.get_logger("mirror").debug("serving ended with an error", exc_info=True)
        fail(f"mirror: {words(error)}")
    sys.exit(code)


@main.command()
@config_option
def check(config: Path | None) -> None:
    """Check the configuration, and show what it amounts to.

    Every mistake is told at once, one a line, with its place and the key that was probably meant. Files, the
    directory of the cache and the addresses to listen on are looked at as this user and from here; nothing is made,
    no upstream is asked, and no secret is shown. Addresses that a mirror of this configuration has are no mistake.

    Example: mirror check --config mirror.yml
    """
    from mirror.commands.startable import in_use, unusable_here
    from mirror.config.cautions import cautions
    from mirror.config.loading import find
    from mirror.config.summary import summarise

    settings = load(config, unusable_here)
    for caution in cautions(settings):
        click.echo(f"warning: {caution}", err=True)
    for address in in_use(settings):
        click.echo(f"note: {address} is in use: by a mirror that runs", err=True)
    file = find(config, os.environ)
    click.echo(f"ok: {file}" if file is not None else "ok: the defaults, without a file")
    for line in summarise(settings):
        click.echo(line)


@main.command()
@config_option
@click.option("--url", help="Ask this URL instead of /readyz on the configured admin listener.")
def healthcheck(config: Path | None, url: str | None) -> None:
    """Ask the running mirror whether it is ready.

    For container images and scripts: the exit code is 0 when it is, and 1 when it is not, with the reason.

    Example: mirror healthcheck && echo it is
    """
    from mirror.healthcheck import ask, readiness_url

    try:
        place = url if url is not None else readiness_url(load(config).admin.listen)
        answer = ask(place)
    except ValueError as error:
        fail(f"not ready: {words(error)}")
    except OSError as error:
        fail(f"not ready: {place}: {words(error)}")
    if not answer.ready:
        fail(f"not ready: {answer.words}")
    click.echo("ready")


@main.command()
def version() -> None:
    """Print the version."""
    click.echo(f"mirror {__version__}")


def _run(settings: Settings) -> int:
    from mirror.workers.cores import number_of

    count = number_of(settings.server.workers)
    return _run_workers(settings, count) if count > 1 else _run_alone(settings)


def _run_alone(settings: Settings) -> int:
    import asyncio

    from mirror.server.serving import serve as serve_until_stopped

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(serve_until_stopped(settings))
    return 0


def _run_workers(settings: Settings, count: int) -> int:
    """The exit code of the supervisor, and of each worker in a process of its own."""
    import asyncio

    from mirror.log.events import configure
    from mirror.log.stream import stream_to
    from mirror.notify import Notifier
    from mirror.server.listening import tls_context
    from mirror.server.serving import serve_beside  # with all that it needs, which the workers then have in common
    from mirror.workers.sockets import bind
    from mirror.workers.supervisor import Supervisor, Terms

    server = settings.server
    tls = tls_context(server.tls)
    sockets = bind(server.listen, settings.admin.listen, count)
    post = Supervisor(Terms(count, server.shutdown_grace), sockets, Notifier(os.environ)).run()
    if isinstance(post, int):
        return post
    configure(settings.log, stream_to(sys.stderr.fileno()), os.environ, post.number)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(serve_beside(settings, tls, post))
    return 0


def new_event_loop() -> asyncio.AbstractEventLoop:
    """uvloop's where it is installed, which is an extra of this package."""
    try:
        import uvloop
    except ImportError:
        import asyncio

        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
