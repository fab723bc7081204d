"""The other end of NOTIFY_SOCKET, for a mirror that runs as a process of its own."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.processes import Daemon, start


class ServiceManager:
    """Starts a program as a service manager does, and hears what it says. Whoever makes it calls `close`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._line.bind(str(directory / "notify"))
        self._line.settimeout(0.1)  # then look whether the process is still there

    def run(self, command: Sequence[str], environment: Mapping[str, str], watchdog: float = 60.0) -> Daemon:
        """Start the program, which has to give a sign of life every `watchdog` seconds. The caller stops it."""
        mine = {"NOTIFY_SOCKET": self._line.getsockname(), "WATCHDOG_USEC": str(int(watchdog * 1_000_000))}
        return start("mirror", command, self._directory / "mirror.log", {**environment, **mine})

    def wait_for(self, message: str, process: Daemon) -> None:
        """Until the process has said so, whatever it says before. Raises AssertionError with its log if it does not."""
        process.wait_ready(lambda: message in self._next())

    def rest(self) -> list[str]:
        """What was said and not yet read. Call it when the process has ended."""
        said = []
        while lines := self._next():
            said += lines
        return said

    def close(self) -> None:
        self._line.close()

    def _next(self) -> list[str]:
        try:
            return self._line.recv(4096).decode().split("\n")
        except TimeoutError:
            return []
