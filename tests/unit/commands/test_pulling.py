"""Pulls as they are shown: in a pipe, on a terminal, to programs; and what an interrupt ends."""

from __future__ import annotations

import http.server
import io
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from mirror.commands.ordering import Ordering
from mirror.commands.pulling import Bars, Documents, Lines, Wanted, pull_all, shown_on
from mirror.config.addresses import ListenAddress
from mirror.jobs.job import State
from tests.support.faults import Fault, Gate
from tests.support.mirror_thread import MirrorThread
from tests.support.processes import wait_until
from tests.support.screen import shown

APP = "library/app"
LARGE = os.urandom(300_000)


def wanted(image: str = "docker.io/app:v1") -> list[Wanted]:
    return [Wanted(image, "docker.io", lambda: {"image": image})]


def url_of(served: MirrorThread) -> str:
    return f"http://{ListenAddress(*served.admin_address)}"


@contextmanager
def held(tmp_path: Path) -> Iterator[tuple[MirrorThread, Gate]]:
    """A mirror whose upstream sends the large layer of app:v1 only when it is let."""
    with MirrorThread(tmp_path) as served:
        gate = served.call(Gate)

        def push() -> None:
            image = served.registry.push_image(APP, "v1", [LARGE, b"small"])
            served.registry.fail(Fault(gate=gate), "GET", str(image.layer_digests[0]))

        served.call(push)
        try:
            yield served, gate
        finally:
            served.call(gate.open)


def command(served: MirrorThread, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "mirror", "pull", "--no-login", "--url", url_of(served), *arguments]


def started(tmp_path: Path, served: MirrorThread, *arguments: str) -> subprocess.Popen[str]:
    pipe, known = subprocess.PIPE, environment(tmp_path)
    return subprocess.Popen(command(served, *arguments), stdout=pipe, stderr=pipe, text=True, env=known)


def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "empty.yml").touch()
    return {**os.environ, "MIRROR_CONFIG": str(tmp_path / "empty.yml"), "PYTHONUNBUFFERED": "1", "COLUMNS": "100"}


def test_how_it_is_shown_depends_on_where() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    assert isinstance(shown_on(io.StringIO(), as_json=False), Lines)
    assert isinstance(shown_on(Terminal(), as_json=False), Bars)
    assert isinstance(shown_on(Terminal(), as_json=True), Documents)


def test_what_the_mirror_itself_does_not_take_is_not_mended_by_a_login(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    denying = {"upstreams": {"docker.io": {"deny": ["secret/*"]}}}
    with MirrorThread(tmp_path, lambda _: denying) as served, closing(Ordering(url_of(served))) as ordering:
        both = [*wanted("docker.io/secret/a"), *wanted("docker.io/NO")]
        with pytest.raises(SystemExit):
            pull_all(ordering, both, Lines(), cancel=False)
    said = capfd.readouterr().err
    assert "docker.io/secret/a: this mirror does not serve that repository\n" in said
    assert "docker login" not in said


class _Ending(http.server.BaseHTTPRequestHandler):
    """A mirror that takes an order, and ends before the pull does."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"id": "1", "image": "docker.io/library/app:v1", "joined": false}'
        self.wfile.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    def do_GET(self) -> None:
        self.wfile.write(b'HTTP/1.1 200 OK\r\n\r\n{"event": "job", "state": "running"}\n')
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nobody wants to know."""


def test_of_a_pull_that_the_mirror_left_in_the_middle_it_is_said_that_it_can_be_gone_on_with(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Ending) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_address[1]}"
            with closing(Ordering(url)) as ordering, pytest.raises(SystemExit) as ended:
                pull_all(ordering, wanted(), Lines(), cancel=False)
        finally:
            server.shutdown()
            thread.join()
    captured = capfd.readouterr()
    assert ended.value.code == 1
    assert captured.out.endswith("docker.io/library/app:v1: the mirror said no more\n")
    assert captured.err == "once it answers again, the same pull goes on where this one ended\n"


def test_two_at_once_are_one_fetch_and_the_second_says_that_it_waits(tmp_path: Path) -> None:
    with held(tmp_path) as (served, gate):
        first = started(tmp_path, served, "app:v1")
        assert first.stdout is not None
        assert first.stdout.readline() == "docker.io/library/app:v1: pulling\n"
        second = started(tmp_path, served, "docker.io/library/app:v1")
        assert second.stdout is not None
        assert second.stdout.readline() == "docker.io/library/app:v1: already being pulled; waiting\n"
        wait_until(lambda: gate.arrived.is_set(), "the layer is asked for")
        served.call(gate.open)
        outputs = [process.communicate(timeout=30)[0].splitlines() for process in (first, second)]
        assert (first.returncode, second.returncode) == (0, 0)
        assert served.registry.count("GET", "/blobs/") == 3
        for output in outputs:
            assert re.fullmatch(r"docker.io/library/app:v1: sha256:[0-9a-f]{64}, 3 of 3 blobs new \(.*\)", output[-1])
            assert not any("\x1b" in line for line in output)


def test_on_a_terminal_each_blob_has_a_bar(tmp_path: Path) -> None:
    with held(tmp_path) as (served, gate):
        terminal, slave = pty.openpty()
        process = subprocess.Popen(command(served, "app:v1"), stdout=slave, stderr=slave, env=environment(tmp_path))
        os.close(slave)
        written = ""

        def read() -> bool:
            nonlocal written
            try:
                written += os.read(terminal, 65536).decode()
            except OSError:  # the other end is closed
                return True
            return False

        while "fetching" not in written:
            wait_until(lambda: gate.arrived.is_set(), "the layer is asked for")
            served.call(gate.release)
            assert not read()
        screen = shown(written.replace("\r\n", "\n\r"))
        assert screen[0] == "docker.io/library/app:v1: pulling"
        assert any(re.match(r"[0-9a-f]{12}  fetching      \[=*>? *\]  .* of 293.0 KiB", line) for line in screen)
        served.call(gate.open)
        while not read():
            pass
        os.close(terminal)
        assert process.wait(30) == 0
        screen = shown(written.replace("\r\n", "\n\r"))
        assert len(screen) == 2
        assert re.fullmatch(r"docker.io/library/app:v1: sha256:[0-9a-f]{64}, 3 of 3 blobs new \(.*\)", screen[1])


@pytest.mark.parametrize("arguments", [(), ("--cancel",)])
def test_an_interrupt_ends_the_looking_on_and_with_cancel_the_pull(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    with held(tmp_path) as (served, gate):
        process = subprocess.Popen(
            command(served, "app:v1", *arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(tmp_path),
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "docker.io/library/app:v1: pulling\n"
        assert process.stdout.readline().endswith("B)\n")  # by now it looks on
        wait_until(lambda: gate.arrived.is_set(), "the layer is asked for")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        (job,) = served.call(lambda: list(served.mirror.mirror.orders.jobs))
        if arguments:
            assert (process.returncode, job.state) == (130, State.CANCELLED)
            assert "cancelled" in errors
        else:
            assert (process.returncode, job.state) == (130, State.RUNNING)
            assert "goes on in the mirror" in errors
            served.call(gate.open)
            wait_until(lambda: job.state is State.DONE, "the pull has ended")


def test_one_that_fails_keeps_no_other_from_being_pulled(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with MirrorThread(tmp_path) as served, closing(Ordering(url_of(served))) as ordering:
        served.call(lambda: served.registry.push_image(APP, "v1", [b"small"]))
        with pytest.raises(SystemExit) as ended:
            pull_all(ordering, [*wanted("docker.io/none:v1"), *wanted()], Documents(), cancel=False)
        assert ended.value.code == 1
        captured = capfd.readouterr()
        assert '"state": "failed"' in captured.out
        assert '"state": "done"' in captured.out


def test_of_what_is_not_there_and_of_what_cannot_be_reached_it_is_said_what_to_do(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with MirrorThread(tmp_path) as served, closing(Ordering(url_of(served))) as ordering:
        with pytest.raises(SystemExit):
            pull_all(ordering, wanted("docker.io/none:v1"), Documents(), cancel=False)
        assert "name and tag are written" in capfd.readouterr().err
        served.do(served.registry.stop)
        with pytest.raises(SystemExit):
            pull_all(ordering, wanted("docker.io/other:v1"), Documents(), cancel=False)
        assert "`mirror doctor` looks for" in capfd.readouterr().err
