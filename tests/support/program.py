"""`mirror serve` as a process of its own, on ports that the kernel gives, in front of a registry of the test's."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from tests.support.processes import Daemon, environment, start, wait_until
from tests.support.raw_client import RawClient

PROJECT = Path(__file__).parents[2]
# Where uvloop is installed, the program takes it; here it may not.
_ASYNCIO = "import sys; sys.modules['uvloop'] = None; from mirror.cli import main; main()"
_RUN = {"asyncio": ["-c", _ASYNCIO], "uvloop": ["-m", "mirror"]}


class Program:
    """`with Program(tmp_path, registry.url) as program:` runs until it is left, over a cache that stays there.

    `settings` are in addition to those needed, by their names in the environment: `LIMITS__KEEPALIVE`. `under` is a
    command that runs another one, in the place of itself.
    """

    def __init__(
        self,
        home: Path,
        upstream: str,
        settings: Mapping[str, str] | None = None,
        loop: str = "asyncio",
        under: Sequence[str] = (),
    ) -> None:
        self._home = home
        self._command = [*under, sys.executable, *_RUN[loop], "serve"]
        values = {
            "SERVER__LISTEN": "127.0.0.1:0",
            "ADMIN__LISTEN": "127.0.0.1:0",
            "STORAGE__ROOT": str(home / "cache"),
            "STORAGE__MIN_FREE": "0",
            "UPSTREAMS__DOCKER_IO__ENDPOINTS": upstream,
            "LOG__FORMAT": "json",
            **(settings or {}),
        }
        self._settings = {f"MIRROR_{name}": value for name, value in values.items()}
        self._daemon: Daemon | None = None
        self._serving: dict[str, Any] = {}  # what it said when it began to

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._daemon is not None and self._daemon.process.poll() is None:
            self._daemon.stop(signal.SIGKILL)

    def start(self) -> None:
        """Start it, again after it has ended, and wait until it answers."""
        if self._daemon is not None and self._daemon.process.poll() is None:
            raise RuntimeError("it is running already")
        self._log.unlink(missing_ok=True)
        variables = environment(self._home) | {"PYTHONPATH": str(PROJECT)} | self._settings
        self._daemon = start("mirror", self._command, self._log, variables)
        self._daemon.wait_ready(lambda: bool(self._said("serving")))
        self._serving = self._said("serving")

    @property
    def pid(self) -> int:
        return self.daemon.process.pid

    @property
    def daemon(self) -> Daemon:
        if self._daemon is None:
            raise RuntimeError("it has not been started")
        return self._daemon

    @property
    def address(self) -> tuple[str, int]:
        """Where the registry is served."""
        return self._address("at")

    @property
    def log(self) -> list[dict[str, Any]]:
        """What it has logged since its start, line by line."""
        whole = self._log.read_bytes().rpartition(b"\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def client(self, window: int | None = None) -> RawClient:
        """A new connection to the registry, which the caller closes. Raises ConnectionError when nobody listens."""
        return RawClient(self._address("at"), window=window)

    def admin(self) -> RawClient:
        """The same to the admin listener."""
        return RawClient(self._address("admin"))

    def signal(self, number: signal.Signals) -> None:
        self.daemon.process.send_signal(number)

    def refuses(self) -> bool:
        """Whether nobody listens any more."""
        try:
            self.client().close()
        except ConnectionError:
            return True
        return False

    def refused(self) -> None:
        """Wait until nobody listens any more."""
        wait_until(self.refuses, "no more connections are taken")

    def ended(self, seconds: float = 20.0) -> int:
        """Wait until it is over; the exit code. Raises subprocess.TimeoutExpired."""
        return self.daemon.process.wait(seconds)

    @property
    def _log(self) -> Path:
        return self._home / "mirror.log"

    def _said(self, event: str) -> dict[str, Any]:
        return next((line for line in self.log if line.get("event") == event), {})

    def _address(self, of: str) -> tuple[str, int]:
        host, _, port = str(self._serving[of]).rpartition("/")[2].rpartition(":")
        return host, int(port)
