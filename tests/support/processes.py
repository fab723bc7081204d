"""Programs and daemons that tests start: found or named as missing, bounded in time, stopped by pid, heard on failure.

Knows nothing of registries. Everything runs inside a `Sealed` place, so no program can reach another machine.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

# Debian's own programs come before what somebody put beside them: client and daemon of one package fit together.
SEARCH_PATH = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"
PACKAGES = Path(__file__).parents[1] / "system-packages.txt"
LOG_TAIL = 5_000  # characters of a daemon's log that a failure shows


class ProgramMissing(AssertionError):
    """A program that these tests need is not installed; the message names the package."""


class CommandFailed(AssertionError):
    """A client ended with another exit code than 0; the message holds what it printed."""


def program(name: str) -> str:
    """The full path of a program. Raises ProgramMissing: a test that cannot run has failed, it is not skipped."""
    found = shutil.which(name, path=SEARCH_PATH)
    if found is None:
        raise ProgramMissing(f"{name} is not installed: `make test` installs it, or apt-get install {package_of(name)}")
    return found


def package_of(name: str) -> str:
    """The Debian package that brings a program, by the list that the installer reads too."""
    rows = (line.split() for line in PACKAGES.read_text().splitlines() if not line.startswith("#"))
    return next((package for listed, package in rows if listed == name), "the package that has it")


def wait_until(true: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Poll a condition of another process, which has no event to wait for. Raises AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.02)


def checked(name: str, done: subprocess.CompletedProcess[bytes]) -> bytes:
    """What the program printed to standard output. Raises CommandFailed with both outputs if it failed."""
    if done.returncode != 0:
        said = (done.stdout + done.stderr).decode(errors="replace")[-LOG_TAIL:]
        raise CommandFailed(f"{name} ended with {done.returncode}:\n{said}")
    return done.stdout


@dataclass(slots=True)
class Daemon:
    """A running process with its log. Whoever made it calls `stop`."""

    name: str
    log: Path
    process: subprocess.Popen[bytes] = field(repr=False)

    def wait_ready(self, ready: Callable[[], bool], seconds: float = 30.0) -> None:
        """Wait until `ready` says so. Raises AssertionError with the log when the process ends or time runs out."""

        def ready_or_ended() -> bool:
            return self.process.poll() is not None or ready()

        try:
            wait_until(ready_or_ended, f"{self.name} is ready", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.tail()}") from None
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended with {self.process.returncode} at its start:\n{self.tail()}")

    def stop(self, with_signal: signal.Signals = signal.SIGTERM, seconds: float = 30.0) -> int:
        """End it and return its exit code, as subprocess counts. Raises AssertionError if it had to be killed."""
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(seconds)
            raise AssertionError(f"{self.name} did not stop within {seconds:g} s:\n{self.tail()}") from None

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-LOG_TAIL:]


def start(name: str, argv: Sequence[str], log: Path, environment: Mapping[str, str]) -> Daemon:
    """Start a daemon in a session of its own, its output appended to `log`."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=dict(environment), start_new_session=True
        )
    return Daemon(name, log, process)


def environment(home: Path) -> dict[str, str]:
    """What every program here gets: no proxies, no credentials, no configuration of the person who runs the tests."""
    temporary = home / "tmp"
    temporary.mkdir(exist_ok=True)
    found = {"PATH": SEARCH_PATH, "HOME": str(home), "TMPDIR": str(temporary), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    # As root, in somebody else's checkout, nothing is to be left that they cannot remove.
    return found | ({"PYTHONDONTWRITEBYTECODE": "1"} if sys.dont_write_bytecode else {})
