"""The protocol of sd_notify(3), spoken to a real datagram socket."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from mirror.notify import Notifier
from mirror.tasks import end, spawn


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """The service manager's end of the line, at `notify` in the test's directory."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(tmp_path / "notify"))
        end.settimeout(10)
        yield end


@pytest.fixture
def environ(manager: socket.socket) -> dict[str, str]:
    return {"NOTIFY_SOCKET": manager.getsockname()}


def heard(manager: socket.socket) -> str:
    return manager.recv(4096).decode()


def silent(manager: socket.socket) -> bool:
    manager.setblocking(False)
    try:
        manager.recv(4096)
    except BlockingIOError:
        return True
    return False


def test_each_message_is_one_datagram_in_the_order_of_the_calls(
    manager: socket.socket, environ: dict[str, str]
) -> None:
    notifier = Notifier(environ)
    notifier.ready()
    notifier.status("serving 8 upstreams")
    notifier.alive()
    ready = f"READY=1\nMAINPID={os.getpid()}"
    assert [heard(manager) for _ in range(3)] == [ready, "STATUS=serving 8 upstreams", "WATCHDOG=1"]
    assert silent(manager)


def test_an_address_that_begins_with_an_at_sign_is_an_abstract_one(tmp_path: Path) -> None:
    name = f"mirror-test-{os.getpid()}-{tmp_path.name}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(b"\0" + name.encode())
        end.settimeout(10)
        Notifier({"NOTIFY_SOCKET": f"@{name}"}).ready()
        assert heard(end).startswith("READY=1\n")


def test_a_path_that_is_not_utf8_is_reached(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/not-\xff-utf8"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(path)
        end.settimeout(10)
        Notifier({"NOTIFY_SOCKET": os.fsdecode(path)}).ready()
        assert heard(end).startswith("READY=1\n")


def test_the_manager_is_asked_for_the_grace_period_and_the_time_to_close_after_it(
    manager: socket.socket, environ: dict[str, str]
) -> None:
    Notifier(environ).stopping(grace=30.5)
    assert heard(manager) == "STOPPING=1\nEXTEND_TIMEOUT_USEC=45500000"


@pytest.mark.parametrize("separator", ["\n", "\r\n", "\x00", "\x1b", "\u2028", "\ud800"])
def test_a_status_cannot_smuggle_in_another_assignment(
    manager: socket.socket, environ: dict[str, str], separator: str
) -> None:
    Notifier(environ).status(f"one{separator}READY=1")
    assert heard(manager) == f"STATUS=one{' ' * len(separator)}READY=1"


def test_a_long_status_is_cut_between_characters(manager: socket.socket, environ: dict[str, str]) -> None:
    Notifier(environ).status("x" + "é" * 5000)
    assert heard(manager) == "STATUS=x" + "é" * 255


@pytest.mark.parametrize("address", [None, "", "relative/path", "vsock:2:1234"])
def test_without_a_socket_of_this_protocol_nothing_is_sent_and_nothing_is_logged(address: str | None) -> None:
    environ = {"WATCHDOG_USEC": "1000000"}
    if address is not None:
        environ["NOTIFY_SOCKET"] = address
    notifier = Notifier(environ)
    with capture_logs() as logged:
        notifier.ready()
        notifier.status("text")
        notifier.alive()
        notifier.stopping(1.0)
    assert logged == []
    assert notifier.watchdog is None


@pytest.mark.parametrize("name", ["gone", "long" * 40])
def test_a_manager_that_cannot_be_reached_is_logged_and_does_no_harm(tmp_path: Path, name: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / name)})
    with capture_logs() as logged:
        notifier.ready()
    assert [(entry["log_level"], entry["message"]) for entry in logged] == [("warning", "READY")]


def test_a_manager_that_does_not_read_holds_nobody_up(manager: socket.socket, environ: dict[str, str]) -> None:
    notifier = Notifier(environ)
    with capture_logs() as logged:
        for _ in range(10_000):
            notifier.alive()
            if logged:
                break
        notifier.ready()
    assert [entry["message"] for entry in logged] == ["WATCHDOG", "READY"]


@pytest.mark.parametrize(
    ("variables", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": str(os.getpid())}, 0.5),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": str(os.getppid())}, None),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": ""}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-1"}, None),
        ({"WATCHDOG_USEC": "\uff11"}, None),
        ({"WATCHDOG_USEC": "9" * 5000}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_on_if_the_manager_means_this_process(
    environ: dict[str, str], variables: dict[str, str], seconds: float | None
) -> None:
    assert Notifier(environ | variables).watchdog == seconds


async def test_the_sign_of_life_is_repeated_until_the_task_is_cancelled(
    manager: socket.socket, environ: dict[str, str]
) -> None:
    task = spawn(Notifier(environ | {"WATCHDOG_USEC": "20000"}).keep_alive(), "watchdog")
    signs = await asyncio.to_thread(lambda: [heard(manager) for _ in range(3)])
    await end(task)
    assert signs == ["WATCHDOG=1"] * 3


async def test_without_a_watchdog_there_is_no_sign_of_life(manager: socket.socket, environ: dict[str, str]) -> None:
    await asyncio.wait_for(Notifier(environ).keep_alive(), 10)
    assert silent(manager)
