"""A supervisor with workers that do next to nothing, as a process of its own: who they are, and what they hear.

`python -m tests.support.crew '{"count": 2, …}'` prints the port that they listen on. To a line that a client sends, a
worker answers with a line, or does what it says.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mirror.config.addresses import ListenAddress
from mirror.config.settings import Log
from mirror.log.events import configure
from mirror.log.stream import stream_to
from mirror.notify import Notifier
from mirror.workers.channel import Channel
from mirror.workers.frames import STOP
from mirror.workers.post import Post
from mirror.workers.sockets import bind
from mirror.workers.supervisor import Supervisor, Terms
from tests.support.loops import LOOPS
from tests.support.processes import wait_until
from tests.support.raw_client import PATIENCE

_PROJECT = Path(__file__).parents[2]
_SUBJECT = "noted"


class Crew:
    """`log` is what it has logged; `pids` are asked of the workers themselves."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process = process
        self._log = log
        self._port = 0

    @property
    def log(self) -> list[dict[str, Any]]:
        whole = self._log.read_bytes().rpartition(b"\n")[0]
        return [json.loads(line) for line in whole.splitlines() if line.startswith(b"{")]

    @property
    def printed(self) -> str:
        return self._log.read_text()

    def events(self) -> list[str]:
        return [line["event"] for line in self.log]

    def begun(self) -> None:
        """Wait until all of them serve."""
        if self.process.stdout is None:
            raise RuntimeError("it has no output")
        self._port = int(self.process.stdout.readline())
        wait_until(lambda: "complete" in self.events(), "all workers serve")

    def connect(self) -> socket.socket:
        """A connection to one of them, which the caller closes."""
        return socket.create_connection(("127.0.0.1", self._port), PATIENCE)

    def to(self, number: int) -> socket.socket:
        """A connection to that one."""
        for _ in range(1000):
            client = self.connect()
            if said(client, "who")["number"] == number:
                return client
            client.close()
        raise AssertionError(f"worker {number} takes no connections")

    def pid(self, number: int) -> int:
        with self.to(number) as client:
            return int(said(client, "who")["pid"])

    def ended(self) -> int:
        return self.process.wait(PATIENCE)


def said(client: socket.socket, order: str) -> dict[str, Any]:
    """What the worker answers to this. Raises ConnectionError when it ends instead."""
    client.sendall(order.encode() + b"\n")
    with client.makefile("rb") as answers:
        line = answers.readline()
    if not line:
        raise ConnectionResetError("the worker has ended")
    answer: dict[str, Any] = json.loads(line)
    return answer


@contextmanager
def crew(home: Path, environ: Mapping[str, str] | None = None, **orders: Any) -> Iterator[Crew]:
    """`orders`: `count`, `loop`, the spans of `Terms`, and the number of a worker that cannot begin.

    That is `fails`, and `lacks` one whose successors cannot.
    """
    log = home / "crew.log"
    command = [sys.executable, "-m", "tests.support.crew", json.dumps(orders)]
    with (
        log.open("wb") as out,
        subprocess.Popen(
            command,
            cwd=_PROJECT,
            env={**os.environ, **(environ or {})},
            stdout=subprocess.PIPE,
            stderr=out,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield Crew(process, log)
        finally:
            if process.poll() is None:
                process.kill()  # its workers end with it


class _Worker:
    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._noted: list[object] = []
        channel.hear(_SUBJECT, self._noted.append)
        channel.hear("gone", lambda number: self._noted.append(f"gone {number}"))
        channel.hear("came", lambda number: self._noted.append(f"came {number}"))
        channel.hear("lost", lambda: self._noted.append("lost"))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(json.dumps(self._answer(*line.decode().split())).encode() + b"\n")
        writer.close()

    def _answer(self, order: str, *words: str) -> dict[str, Any]:
        match order:
            case "tell":
                self._channel.tell(_SUBJECT, *words)
            case "shout":
                for number in range(int(words[0])):
                    self._channel.tell(_SUBJECT, f"{number} {'x' * 10_000}")
            case "die":
                os._exit(int(words[0]))
            case "hang":
                time.sleep(PATIENCE)
        post = self._channel.post
        return {
            "number": post.number,
            "pid": os.getpid(),
            "begins": post.begins,
            "present": sorted(post.present),
            "noted": [str(one)[:20] for one in self._noted],
            "restarts": post.board.restarts,
            "descriptors": len(os.listdir("/proc/self/fd")),
        }


def _say_complete() -> None:
    os.write(2, b'{"event": "complete"}\n')


async def _work(post: Post) -> None:
    stop = asyncio.Event()
    async with Channel(post, stop.set) as channel:
        worker = _Worker(channel)
        channel.hear(STOP, stop.set)
        channel.hear("complete", _say_complete)
        server = await asyncio.start_server(worker.serve, sock=post.sockets.registry[0][0])
        channel.ready()
        await stop.wait()
        server.close()


def _main(count: int, loop: str = "asyncio", fails: int = -1, lacks: int = -1, **spans: float) -> int:
    configure(Log(format="json"), stream_to(2), {})
    local = [ListenAddress("127.0.0.1", 0)]
    sockets = bind(local, local, count)
    print(sockets.registry[0][0].getsockname()[1], flush=True)
    post = Supervisor(Terms(count, **{"grace": 1.0, **spans}), sockets, Notifier(os.environ)).run()
    if isinstance(post, int):
        return post
    if post.number == fails or (post.number == lacks and post.incarnation > count):
        print("cannot begin", file=sys.stderr)
        return 3
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(_work(post))
    return 0


if __name__ == "__main__":
    sys.exit(_main(**json.loads(sys.argv[1])))
