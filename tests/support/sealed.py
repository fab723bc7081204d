"""A place of its own for daemons and clients: a network with nothing but loopback, and mounts that nobody else sees.

A client that leaves the mirror for the registry behind it finds no network there, so it cannot pass a test by accident;
and what daemons mount or write under /run and /etc is gone with the place. Linux, and root.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from tests.support.processes import Daemon, environment, program, start

T = TypeVar("T")

_CLONE_NEWNET = 0x40000000
_FIRST_PORT = 20_000
# Outgoing connections get ports from 40000 on, so none of them ever sits on one that a daemon is started on again.
# The upper layer over /etc lies on the private /run: dockerd writes a key there, and containers a resolv.conf.
_PREPARE = """
set -e
ip link set lo up
echo 40000 60999 > /proc/sys/net/ipv4/ip_local_port_range
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/etc /run/etc/upper /run/etc/work
mount -t overlay -o lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work overlay /etc
printf '127.0.0.1 localhost\\n' > /etc/hosts
echo ready
read -r _ || true
"""


class Sealed:
    """Namespaces held open by one small process, which ends when this object is closed or its owner dies."""

    def __init__(self, home: Path) -> None:
        if os.geteuid() != 0:
            raise AssertionError("real container daemons need root: run these tests as root (`make test` uses sudo)")
        self.home = home
        self._environment = environment(home)
        self._ports = itertools.count(_FIRST_PORT)
        argv = [program("unshare"), "--net", "--mount", "sh", "-c", _PREPARE]
        for needed in ("ip", "mount"):
            program(needed)
        self._holder = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environment,
            start_new_session=True,
        )
        self._expect_ready()
        self._network = os.open(f"/proc/{self._holder.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    def _expect_ready(self) -> None:
        if self._holder.stdout is None:
            raise AssertionError("unshare has no output")
        said = self._holder.stdout.readline()
        if said != b"ready\n":
            self._holder.kill()
            rest, _ = self._holder.communicate(timeout=10)
            raise AssertionError(f"no namespaces for the tests: {(said + rest).decode(errors='replace')}")

    def argv(self, *command: str) -> list[str]:
        """The command, to be run inside by the very process that is started; that process dies with its parent."""
        inside = [f"--{kind}=/proc/{self._holder.pid}/ns/{name}" for kind, name in (("net", "net"), ("mount", "mnt"))]
        enter = [program("nsenter"), *inside, f"--wd={self.home}", "--"]
        return [program("setpriv"), "--pdeathsig", "TERM", *enter, program(command[0]), *command[1:]]

    def run(
        self, *command: str, timeout: float = 90.0, more: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a program inside to its end and return what came of it. Raises subprocess.TimeoutExpired."""
        return subprocess.run(
            self.argv(*command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=self._environment | dict(more or {}),
            timeout=timeout,
            check=False,
        )

    def start(self, name: str, command: Sequence[str], more: Mapping[str, str] | None = None) -> Daemon:
        """Start a daemon inside, with its log beside the others. Whoever calls stops it."""
        log = self.home / f"{name}.log"
        return start(name, self.argv(*command), log, self._environment | dict(more or {}))

    def call(self, work: Callable[[], T]) -> T:
        """Run `work` in a thread that is inside this network, and return or raise what it does."""
        with ThreadPoolExecutor(1, "sealed", initializer=self.enter) as inside:
            return inside.submit(work).result()

    def enter(self) -> None:
        """Move the calling thread, and the threads that it starts from now on, into this network for good."""
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(self._network, _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")

    def free_port(self) -> int:
        """A port that nobody else inside has been given."""
        return next(self._ports)

    def close(self) -> None:
        """Let the namespaces go. Daemons inside have been stopped before."""
        os.close(self._network)
        self._holder.communicate(timeout=10)
