"""What the process tells the service manager that started it: ready, stopping, alive, and a line for `status`.

The protocol of sd_notify(3): datagrams of `NAME=value` lines to the socket named in `NOTIFY_SOCKET`. Knows nothing
of what the process serves. Where there is no such socket (a container, a terminal), every call does nothing.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
from collections.abc import Mapping

import structlog

_STATUS_BYTES = 512  # the manager drops a datagram that is larger than a page
_PATIENCE = 0.5  # seconds that the two messages which must arrive may wait for room in the manager's queue
_GIVE_UP = 0.0  # the others are sent again or do not matter: they never hold up the event loop
_CLOSING = 15.0  # seconds to write down what the memory holds, once nobody is served any more

_log = structlog.get_logger(__name__)


class Notifier:
    """A one-way line to the service manager. It holds no descriptor, so there is nothing to close.

    No method raises: a manager that cannot be reached is logged, and is no reason to stop serving.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        # Seconds within which the manager wants to hear from us; None if it does not watch.
        self.watchdog = _watchdog(environ) if self._address else None

    def ready(self) -> None:
        """The listeners accept connections: units ordered after this one may start. It is this process that matters."""
        self._send(f"READY=1\nMAINPID={os.getpid()}", _PATIENCE)

    def stopping(self, grace: float) -> None:
        """The end has begun. Running answers may take `grace` seconds, also where the unit's TimeoutStopSec= is less;
        what remains to be closed after them gets its time too."""
        self._send(f"STOPPING=1\nEXTEND_TIMEOUT_USEC={int((grace + _CLOSING) * 1_000_000)}", _PATIENCE)

    def status(self, text: str) -> None:
        """One line for `systemctl status`. Control characters become spaces, since a line end would begin a new
        assignment; what is longer than half a kilobyte is cut."""
        line = "".join(character if character.isprintable() else " " for character in text)
        self._send("STATUS=" + line.encode()[:_STATUS_BYTES].decode(errors="ignore"), _GIVE_UP)

    def alive(self) -> None:
        """The sign of life that the manager's watchdog waits for."""
        self._send("WATCHDOG=1", _GIVE_UP)

    async def keep_alive(self) -> None:
        """Gives the sign of life at twice the pace that is asked for, until cancelled; returns if nobody watches.

        It has to run in the loop that serves: a loop that hangs falls silent, and the manager then restarts us.
        """
        while self.watchdog is not None:
            self.alive()
            await asyncio.sleep(self.watchdog / 2)

    def _send(self, message: str, patience: float) -> None:
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
                line.settimeout(patience)
                line.sendto(message.encode(), self._address)
        except OSError as error:
            name = message.partition("=")[0]
            _log.warning("the service manager cannot be told", message=name, error=error.strerror or str(error))


def _address(name: str) -> bytes | None:
    """`/path`, or `@name` in the abstract namespace of Linux; None for what this protocol does not name."""
    path = os.fsencode(name)
    if path.startswith(b"@"):
        return b"\0" + path[1:]
    return path if path.startswith(b"/") else None


def _watchdog(environ: Mapping[str, str]) -> float | None:
    """sd_watchdog_enabled(3): the variables reach children too, so WATCHDOG_PID says whom they mean."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    microseconds = environ.get("WATCHDOG_USEC", "")
    if re.fullmatch("[0-9]{1,18}", microseconds) is None:
        return None
    return int(microseconds) / 1_000_000 or None
