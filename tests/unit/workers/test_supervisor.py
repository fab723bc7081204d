"""The one who forks: real processes, that do little, and really die."""

from __future__ import annotations

import os
import signal
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.crew import Crew, crew, said
from tests.support.loops import LOOPS
from tests.support.processes import wait_until
from tests.support.service_manager import ServiceManager

pytestmark = pytest.mark.usefixtures("heeds_hangups")

REPLACED = "a worker has ended, and is replaced"


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def replaced(one: Crew, times: int) -> None:
    wait_until(lambda: one.events().count("a worker serves again") == times, "the next one serves")


def kill(one: Crew, number: int) -> int:
    """Kill that worker, and wait for the next one; the pid of the old one."""
    pid, before = one.pid(number), one.events().count("a worker serves again")
    os.kill(pid, signal.SIGKILL)
    replaced(one, before + 1)
    return pid


@pytest.mark.parametrize("loop", LOOPS)
def test_all_workers_serve_on_one_port_and_number_0_begins(tmp_path: Path, loop: str) -> None:
    with crew(tmp_path, count=3, loop=loop) as one:
        one.begun()
        found = {}
        for number in range(3):
            with one.to(number) as client:
                found[number] = said(client, "who")
        assert len({answer["pid"] for answer in found.values()}) == 3
        assert [found[number]["begins"] for number in range(3)] == [True, False, False]
        assert 0 in found[1]["present"]
        with one.to(1) as client:  # a worker ends when its supervisor says so, and not before
            os.kill(found[1]["pid"], signal.SIGTERM)
            assert said(client, "who")["pid"] == found[1]["pid"]
        assert len(os.listdir(f"/proc/{one.process.pid}/task")) == 1
        one.process.send_signal(signal.SIGTERM)
        assert one.ended() == 0
        assert not any(is_alive(answer["pid"]) for answer in found.values())
        assert [event for event in one.events() if event.startswith("stop")] == [
            "stopping: no new requests; running ones may finish",
            "stopped",
        ]


def test_what_one_tells_all_the_others_hear(tmp_path: Path) -> None:
    with crew(tmp_path, count=3) as one:
        one.begun()
        with one.to(0) as zero, one.to(1) as first, one.to(2) as second:
            said(zero, "tell hello")
            for client in (first, second):
                wait_until(lambda client=client: "hello" in said(client, "who")["noted"], "it is heard")  # type: ignore[misc]
            assert "hello" not in said(zero, "who")["noted"]


def test_a_worker_that_dies_is_replaced_at_once_and_the_others_hear_of_it(tmp_path: Path) -> None:
    with crew(tmp_path, count=2) as one:
        one.begun()
        with one.to(1) as other:
            old = kill(one, 0)
            answer = said(other, "who")
            assert [word for word in answer["noted"] if "0" in word][-2:] == ["gone 0", "came 0"]
            assert answer["restarts"] == 1
        with one.to(0) as successor:
            answer = said(successor, "who")
            assert answer["pid"] != old
            assert (answer["begins"], answer["present"]) == (False, [1])
        (line,) = [line for line in one.log if line["event"] == REPLACED]
        assert (line["number"], line["pid"], line["signal"], line["again_in"]) == (0, old, signal.SIGKILL, 0)


def test_connections_that_wait_for_a_dead_worker_are_answered_by_its_successor(tmp_path: Path) -> None:
    with crew(tmp_path, count=2) as one:
        one.begun()
        pid = one.pid(0)
        os.kill(pid, signal.SIGSTOP)
        clients = [one.connect() for _ in range(100)]
        for client in clients:
            client.sendall(b"who\n")
        os.kill(pid, signal.SIGKILL)
        answers = [client.makefile("rb").readline() for client in clients]
        for client in clients:
            client.close()
        assert all(answers)
        assert sum(b'"number": 0' in answer for answer in answers) > 0


def test_nobody_waits_for_a_successor_that_does_not_come(tmp_path: Path) -> None:
    with crew(tmp_path, count=2, lacks=0) as one:
        one.begun()
        os.kill(one.pid(0), signal.SIGKILL)
        wait_until(lambda: one.events().count(REPLACED) == 2, "its successor has ended")
        clients = [one.connect() for _ in range(50)]  # each way of dealing them out would have some wait for number 0
        try:
            for client in clients:
                assert said(client, "who")["number"] == 1
        finally:
            for client in clients:
                client.close()


def test_one_that_ends_again_and_again_waits_ever_longer(tmp_path: Path) -> None:
    with crew(tmp_path, count=2) as one:
        one.begun()
        for times in range(1, 4):
            with one.to(1) as client, suppress(ConnectionError):
                said(client, "die 7")
            replaced(one, times)
        ends = [line for line in one.log if line["event"] == REPLACED]
        assert [line["again_in"] for line in ends] == [0, 0.1, 0.2]
        assert {line["code"] for line in ends} == {7}


def test_a_successor_has_no_more_open_than_the_first(tmp_path: Path) -> None:
    with crew(tmp_path, count=3) as one:
        one.begun()
        with one.to(1) as client:
            before = said(client, "who")["descriptors"]
        for _ in range(2):
            kill(one, 1)
        with one.to(1) as client:
            assert said(client, "who")["descriptors"] <= before


def test_workers_that_do_not_answer_are_killed_and_replaced(tmp_path: Path) -> None:
    with crew(tmp_path, count=3, patience=3) as one:
        one.begun()
        pids = [one.pid(number) for number in range(3)]
        with one.to(2) as client:
            client.sendall(b"hang\n")
            os.kill(pids[1], signal.SIGSTOP)
            replaced(one, 2)
        with one.to(0) as other:
            assert said(other, "who")["pid"] == pids[0]
            assert said(other, "who")["restarts"] == 2
        silent = [line for line in one.log if line["event"] == "a worker does not answer, and is killed"]
        assert sorted(line["number"] for line in silent) == [1, 2]


@pytest.mark.parametrize("number", [0, 1])
def test_a_worker_that_cannot_begin_ends_the_whole_with_its_code(tmp_path: Path, number: int) -> None:
    with crew(tmp_path, count=2, fails=number) as one:
        assert one.ended() == 3
        assert one.printed.count("cannot begin") == 1
        assert "a worker has ended" not in one.printed


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_all_of_them_ends_them_tidily(tmp_path: Path, number: signal.Signals) -> None:
    """As a terminal sends it, or a service manager."""
    with crew(tmp_path, count=2) as one:
        one.begun()
        os.killpg(one.process.pid, number)
        assert one.ended() == 0
        with pytest.raises(ConnectionRefusedError):
            one.connect()


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    with crew(tmp_path, count=2) as one:
        one.begun()
        pids = [one.pid(number) for number in range(2)]
        os.kill(pids[0], signal.SIGSTOP)
        one.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "stopping: no new requests; running ones may finish" in one.events(), "it is stopping")
        one.process.send_signal(signal.SIGTERM)
        assert one.ended() == 128 + signal.SIGTERM
        assert not any(map(is_alive, pids))


def test_a_terminal_that_closes_says_so_more_than_once_and_ends_nothing_at_once(tmp_path: Path) -> None:
    with crew(tmp_path, count=2) as one:
        one.begun()
        slow = one.pid(0)
        os.kill(slow, signal.SIGSTOP)
        os.killpg(one.process.pid, signal.SIGHUP)
        wait_until(lambda: "stopping: no new requests; running ones may finish" in one.events(), "it is stopping")
        os.killpg(one.process.pid, signal.SIGHUP)
        os.kill(slow, signal.SIGCONT)
        assert one.ended() == 0


def test_who_does_not_end_in_time_is_killed(tmp_path: Path) -> None:
    with crew(tmp_path, count=2, grace=0.2, closing=0.3) as one:
        one.begun()
        stuck = one.pid(0)
        os.kill(stuck, signal.SIGSTOP)
        one.process.send_signal(signal.SIGTERM)
        assert one.ended() == 1
        assert not is_alive(stuck)
        assert "workers have not ended in time, and are killed" in one.events()


def test_without_its_supervisor_no_worker_lives_on(tmp_path: Path) -> None:
    with crew(tmp_path, count=2) as one:
        one.begun()
        pids = [one.pid(number) for number in range(2)]
        one.process.kill()
        one.ended()
        wait_until(lambda: not any(map(is_alive, pids)), "they have ended")


def test_who_does_not_listen_for_a_while_hears_that_something_was_lost_and_holds_nobody_up(tmp_path: Path) -> None:
    with crew(tmp_path, count=3) as one:
        one.begun()
        deaf = one.pid(2)
        with one.to(0) as teller, one.to(1) as listener, one.to(2) as late:
            os.kill(deaf, signal.SIGSTOP)
            said(teller, "shout 500")
            said(teller, "tell after")
            wait_until(lambda: said(listener, "who")["noted"][-1] in ("after", "lost"), "the others go on hearing")
            os.kill(deaf, signal.SIGCONT)
            wait_until(lambda: "lost" in said(late, "who")["noted"], "it hears that something was lost")
            said(teller, "tell again")
            wait_until(lambda: "again" in said(late, "who")["noted"], "it hears what is told from then on")


def test_the_service_manager_hears_of_all_of_them_as_one(tmp_path: Path) -> None:
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    with manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        environ = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1000000"}
        with crew(tmp_path, environ, count=2, patience=60) as one:
            one.begun()
            assert manager.recv(4096).decode().split("\n") == ["READY=1", f"MAINPID={one.process.pid}"]
            for _ in range(3):
                assert manager.recv(4096) == b"WATCHDOG=1"
            one.process.send_signal(signal.SIGTERM)
            while (message := manager.recv(4096)) == b"WATCHDOG=1":
                pass
            assert message.startswith(b"STOPPING=1\n")
            assert one.ended() == 0


def test_a_manager_hears_nothing_before_all_of_them_serve(tmp_path: Path) -> None:
    manager = ServiceManager(tmp_path)
    try:
        environ = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        with crew(tmp_path, environ, count=2, fails=1) as one:
            assert one.ended() == 3
        assert "READY=1" not in manager.rest()
    finally:
        manager.close()
