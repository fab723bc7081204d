"""The program under test as its users run it: `mirror serve --config …` as a process, stopped by SIGTERM."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

from tests.support.figures import Figures, figures
from tests.support.origin import answers
from tests.support.processes import Daemon, checked
from tests.support.sealed import Sealed

PROJECT = Path(__file__).parents[2]
# The limits are generous: tests count what the registry is asked, and one that a loaded machine holds up is neither to
# be asked twice, nor to be answered for out of the cache.
_CONFIGURATION = """\
server:
  listen: 127.0.0.1:{port}
admin:
  listen: 127.0.0.1:{admin_port}
storage:
  root: {root}
  max_size: 2GiB
  min_free: 0%
limits:
  connect_timeout: 30s
  first_byte_timeout: 60s
  answer_timeout: 75s
upstreams:
  docker.io:
    endpoints: ["{upstream}"]
    tag_ttl: {tag_ttl}
    not_found_ttl: 1h
  {other}:
    endpoints: ["{other_upstream}"]
  {with_port}:
    endpoints: ["{upstream}"]
"""
# What `tag_ttl` makes of a tag that was pulled in the same test run.
FRESH, DUE = "1h", "0s"
# Two more registries. Both are the same origin, in which they find what has one component, which docker.io cannot name,
# unless `OTHER` has been given one of its own.
OTHER = "registry.test"
WITH_PORT = "registry.test:5443"


@dataclass(slots=True)
class MirrorProcess:
    """One cache directory and one pair of ports; the process over them may be stopped and started again.

    `settings` are in addition to the file, from the next start on, by their names in the environment:
    `LIMITS__KEEPALIVE`.
    """

    sealed: Sealed
    upstream: str
    port: int
    admin_port: int
    daemon: Daemon | None = None
    tag_ttl: str = ""
    other_upstream: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def before(cls, sealed: Sealed, upstream: str) -> MirrorProcess:
        return cls(sealed, upstream, sealed.free_port(), sealed.free_port())

    @property
    def host(self) -> str:
        """`address:port`, as clients are configured with it."""
        return f"127.0.0.1:{self.port}"

    @property
    def root(self) -> Path:
        return self.sealed.home / "cache"

    @property
    def _environment(self) -> dict[str, str]:
        return {"PYTHONPATH": str(PROJECT)} | {f"MIRROR_{name}": value for name, value in self.settings.items()}

    def start(self, tag_ttl: str = FRESH) -> Daemon:
        """Start it and wait until it is ready. A tag is asked for again when it is older than `tag_ttl`."""
        self.tag_ttl = tag_ttl
        configuration = self.sealed.home / "mirror.yml"
        configuration.write_text(
            _CONFIGURATION.format(
                port=self.port,
                admin_port=self.admin_port,
                root=self.root,
                upstream=self.upstream,
                tag_ttl=tag_ttl,
                other=OTHER,
                other_upstream=self.other_upstream or self.upstream,
                with_port=WITH_PORT,
            )
        )
        command = [sys.executable, "-m", "mirror", "serve", "--config", str(configuration)]
        self.daemon = self.sealed.start("mirror", command, self._environment)
        ready = f"http://127.0.0.1:{self.admin_port}/readyz"
        self.daemon.wait_ready(lambda: self.sealed.call(lambda: answers(ready)))
        return self.daemon

    def with_tag_ttl(self, tag_ttl: str) -> None:
        """Let it run with this `tag_ttl`, over the same cache; it is restarted if it ran with another."""
        if self.daemon is None or self.tag_ttl != tag_ttl:
            self.stop()
            self.start(tag_ttl)

    def command(self, *arguments: str) -> bytes:
        """What `mirror …` prints that is run beside it, with the same configuration. Raises CommandFailed."""
        command = [sys.executable, "-m", "mirror", *arguments, "--config", str(self.sealed.home / "mirror.yml")]
        return checked("mirror", self.sealed.run(*command, more=self._environment))

    def figures(self) -> Figures:
        """What it publishes for monitoring."""
        url = f"http://127.0.0.1:{self.admin_port}/metrics"
        return figures(self.sealed.call(lambda: urlopen(url, timeout=30).read()))

    def stop(self) -> None:
        """SIGTERM, as service managers do. Raises AssertionError unless it ends with 0."""
        if self.daemon is None:
            return
        daemon, self.daemon = self.daemon, None
        code = daemon.stop()
        if code != 0:
            raise AssertionError(f"mirror ended with {code} on SIGTERM:\n{daemon.tail()}")

    def kill(self) -> None:
        """SIGKILL, as the kernel does when memory runs out."""
        if self.daemon is not None:
            daemon, self.daemon = self.daemon, None
            daemon.stop(signal.SIGKILL)
