"""A program of the operator's, run to its end: fixed arguments, no shell, bounded in time and output. Knows no logins.

What it writes to its standard error goes nowhere: it may hold what nobody is to see. Whoever runs it by hand sees it.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from subprocess import DEVNULL, PIPE
from typing import cast
from weakref import WeakKeyDictionary

_PATIENCE = 10.0  # seconds
_GRACE = 1.0  # seconds for a killed one to end
_OUTPUT = 64 * 1024  # bytes
_AT_ONCE = 4  # clients choose among the hosts that a pattern stands for, each of which has its program run
# Our own configuration may hold other upstreams' passwords, and the service manager listens to us alone.
_OURS = ("MIRROR_", "NOTIFY_SOCKET", "WATCHDOG_", "LISTEN_")

# A semaphore is of one loop.
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: its exit status, and its whole standard output, of at most 64 KiB."""

    status: int
    output: bytes = field(repr=False)


async def run(argv: Sequence[str], given: bytes, environment: Mapping[str, str], patience: float = _PATIENCE) -> Ended:
    """How `argv` ended, which was given this standard input and `environment` without what is meant for the mirror.

    ValueError, a predicate, if it cannot be started, takes longer than `patience` (seconds) or prints too much, or if
    its turn takes as long to come: few run at a time. When that happens, and when cancelled, it is killed with all that
    it has started.
    """
    turns = _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(_AT_ONCE))
    try:
        async with asyncio.timeout(patience):
            await turns.acquire()
    except TimeoutError:
        raise ValueError(f"did not get its turn within {patience:g} s: too many programs run already") from None
    try:
        return await _run(argv, given, environment, patience)
    finally:
        turns.release()


async def _run(argv: Sequence[str], given: bytes, environment: Mapping[str, str], patience: float) -> Ended:
    inherited = {name: value for name, value in environment.items() if not name.startswith(_OURS)}
    loop = asyncio.get_running_loop()
    try:
        transport, running = await loop.subprocess_exec(
            _Running, *argv, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=inherited, start_new_session=True
        )
    except (OSError, ValueError):  # ValueError: a null byte
        raise ValueError("cannot be started") from None
    try:
        _feed(transport, given)
        async with asyncio.timeout(patience):
            await running.over.wait()
    except TimeoutError:
        raise ValueError(f"did not end within {patience:g} s") from None
    finally:
        await _ended(transport, running)
    if running.excessive:
        raise ValueError(f"prints more than {_OUTPUT} bytes")
    return Ended(transport.get_returncode() or 0, bytes(running.output))


class _Running(asyncio.SubprocessProtocol):
    """`over` is set when the program has ended and closed its output, or when it has printed too much."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.ended = asyncio.Event()
        self.output = bytearray()

    @property
    def excessive(self) -> bool:
        return len(self.output) > _OUTPUT

    def pipe_data_received(self, _fd: int, data: bytes) -> None:
        self.output += data[: _OUTPUT + 1 - len(self.output)]
        if self.excessive:
            self.over.set()

    def process_exited(self) -> None:
        self.ended.set()

    def connection_lost(self, _exc: Exception | None) -> None:
        self.over.set()


def _feed(transport: asyncio.SubprocessTransport, given: bytes) -> None:
    """Short enough for the pipe's own buffer; a program that does not read it may end all the same."""
    pipe = cast("asyncio.WriteTransport", transport.get_pipe_transport(0))  # uvloop's are of a class of their own
    pipe.write(given)
    pipe.close()


async def _ended(transport: asyncio.SubprocessTransport, running: _Running) -> None:
    """Kills what still runs. Who hangs in the kernel, on a file system that does not answer, is not waited for long."""
    try:
        if not running.over.is_set() or running.excessive:
            _kill(transport.get_pid())
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE):
                await running.ended.wait()
    finally:
        transport.close()


def _kill(pid: int) -> None:
    """Its whole group, of which it was made the leader: it may have started others, and have ended before them."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
