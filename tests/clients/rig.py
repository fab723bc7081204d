"""One client, one mirror with an empty cache, and one counted way to the origin: what every test works on."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.clients.client import Client
from tests.clients.containerd import CANARY
from tests.support.gallery import Published
from tests.support.mirror_process import MirrorProcess
from tests.support.origin import Origin
from tests.support.processes import Daemon, checked
from tests.support.sealed import Sealed
from tests.support.tap import Tap

PULL_TIMEOUT = 90.0  # seconds; a pull takes less than one
ClientFactory = Callable[[Sealed, MirrorProcess], Client]


@dataclass(frozen=True, slots=True)
class Filled:
    """A directory that a docker-registry serves, and what lies in it."""

    directory: Path
    gallery: dict[str, Published]


class Rig:
    """Used in a `with`, which starts everything in the order of its making and stops it in the reverse."""

    def __init__(self, filled: Filled, client: ClientFactory) -> None:
        # A short path: the sockets below it may have 107 bytes, and dockerd dies of longer ones without saying why.
        self.home = Path(tempfile.mkdtemp(prefix="m-", dir="/tmp"))
        self.gallery = filled.gallery
        self.sealed = Sealed(self.home)
        self.origin = Origin(self.sealed, "origin", filled.directory)
        self.tap = Tap(self.sealed, self.origin.url)
        self.mirror = MirrorProcess.before(self.sealed, self.tap.url)
        self.client = client(self.sealed, self.mirror)

    def __enter__(self) -> Self:
        try:
            self.origin.start()
            self.tap.start()
            self.mirror.start()
            self.client.start()
        except BaseException:
            self._take_down()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        said = self._take_down()
        assert "Traceback" not in said, said
        assert CANARY not in said, "the mirror's log holds a client's credential"

    def _take_down(self) -> str:
        """Stop everything, the last line first, whatever one of them raises; returns what the mirror has logged."""
        logged: list[str] = []
        with ExitStack() as steps:
            steps.callback(shutil.rmtree, self.home)
            steps.callback(lambda: logged.append(self.mirror_log()))
            steps.callback(self.sealed.close)
            steps.callback(self.origin.stop)
            steps.callback(self.tap.close)
            steps.callback(self.mirror.stop)
            steps.callback(self.client.stop)
        return logged[0]

    def mirror_log(self) -> str:
        """What the mirror has logged so far, over all its starts."""
        log = self.home / "mirror.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def pull(self, reference: str) -> None:
        """Pull to the end. Raises CommandFailed with what the client said."""
        command = self.client.pull_command(reference)
        checked(self.client.name, self.sealed.run(*command, timeout=PULL_TIMEOUT))

    def refused(self, reference: str) -> str:
        """What the client says to somebody who pulls what is not there. Raises AssertionError if it pulls."""
        done = self.sealed.run(*self.client.pull_command(reference), timeout=PULL_TIMEOUT)
        assert done.returncode != 0, f"{reference} was pulled"
        return (done.stdout + done.stderr).decode(errors="replace")

    def pulling(self, reference: str) -> Daemon:
        """Start to pull. The caller waits for the end of the process, or makes it."""
        return self.sealed.start("pull", self.client.pull_command(reference))

    @contextmanager
    def origin_stopped(self) -> Iterator[None]:
        """For a while there is no registry behind the mirror: nobody listens, at the proxy and behind it."""
        self.tap.stop()
        self.origin.stop()
        try:
            yield
        finally:
            self.origin.start()
            self.tap.start()
