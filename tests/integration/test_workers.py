"""Several real processes on one port and one cache directory: they serve as one, and one of them may die."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from mirror.oci.digest import Digest
from tests.support.authority import Authority
from tests.support.faults import Fault, Gate
from tests.support.figures import figures
from tests.support.loops import LOOPS
from tests.support.processes import wait_until
from tests.support.program import Program
from tests.support.raw_client import Answer, Cut, RawClient, request
from tests.support.registry import FakeRegistry
from tests.support.surface import LARGE, LARGE_PATH, MANIFEST, REPOSITORY, SMALL, SMALL_PATH, TAG_PATH

aside = asyncio.to_thread  # what waits does so in a thread, while the registry goes on answering here
TWO = {"SERVER__WORKERS": "2", "SERVER__SHUTDOWN_GRACE": "10s"}
CLIENTS = 24  # the kernel deals them out by chance: none of two workers is without any of so many
SLOW = LARGE + b"slow"
SLOW_PATH = f"/v2/{REPOSITORY}/blobs/{Digest.of(SLOW)}"


@pytest.fixture
async def registry() -> AsyncIterator[FakeRegistry]:
    async with FakeRegistry() as registry:
        registry.push_image(REPOSITORY, "v1", [SMALL, LARGE])
        registry.push_blob(REPOSITORY, SLOW)
        yield registry


def children(program: Program) -> list[int]:
    """The workers, in the order of their beginning."""
    pid = program.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid: int) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def get(program: Program, path: str) -> Answer:
    with program.client() as client:
        return client.ask("GET", path)


def metrics(program: Program) -> Iterator[tuple[str, dict[str, str], float]]:
    with program.admin() as admin:
        told = figures(admin.ask("GET", "/metrics").body)
    return ((name, dict(labels), value) for (name, labels), value in told.items())


def requests(program: Program) -> float:
    """How many requests the mirror says that it has answered."""
    return sum(value for name, _, value in metrics(program) if name == "mirror_requests_total")


def is_ready(program: Program) -> bool:
    with program.admin() as admin:
        return admin.ask("GET", "/readyz").status == 200


def workers_of(program: Program, agents: set[str]) -> dict[str, int]:
    """By which worker each client was answered, by its name."""

    def told() -> dict[str, int]:
        lines = [line for line in program.log if line["event"] == "request"]
        return {line["user_agent"]: line["worker"] for line in lines if line["user_agent"] in agents}

    wait_until(lambda: told().keys() == agents, "all of them are in the log")
    return told()


def ask(client: RawClient, path: str, agent: str) -> Answer:
    return client.ask("GET", path, f"User-Agent: {agent}")


def several(program: Program, stack: ExitStack) -> tuple[dict[str, RawClient], dict[str, int]]:
    """Connections that stay, by the names of their clients, some with each worker; and with which."""
    clients = {f"client-{number}": stack.enter_context(program.client()) for number in range(CLIENTS)}
    for agent, client in clients.items():
        assert ask(client, TAG_PATH, agent).body == MANIFEST
    by = workers_of(program, set(clients))
    assert set(by.values()) == {0, 1}
    return clients, by


@pytest.mark.parametrize("loop", LOOPS)
async def test_two_workers_serve_as_one_and_end_as_one(tmp_path: Path, registry: FakeRegistry, loop: str) -> None:
    here, gate = asyncio.get_running_loop(), Gate()
    registry.fail(Fault(gate=gate), "GET", str(Digest.of(SLOW)))

    def scenario(program: Program) -> None:
        assert [line["event"] for line in program.log].count("serving") == 1
        wait_until(lambda: is_ready(program), "it is ready")
        workers = children(program)
        assert len(workers) == 2
        assert len(os.listdir(f"/proc/{program.pid}/task")) == 1  # so that it can be forked at any time
        with ExitStack() as stack, ThreadPoolExecutor(CLIENTS) as threads:
            clients, _ = several(program, stack)
            for path, body in ((SMALL_PATH, SMALL), (LARGE_PATH, LARGE)):
                assert all(client.ask("GET", path).body == body for client in clients.values())
            answers = [threads.submit(client.ask, "GET", SLOW_PATH) for client in clients.values()]
            wait_until(lambda: gate.arrived.is_set(), "the download has begun")
            program.signal(signal.SIGTERM)
            program.refused()
            here.call_soon_threadsafe(gate.open)
            assert all(answer.result().body == SLOW for answer in answers)
        assert program.ended() == 0
        assert not any(map(is_alive, workers))
        assert [line["event"] for line in program.log].count("stopped") == 1

    with Program(tmp_path, registry.url, TWO, loop) as program:
        await aside(scenario, program)


async def test_a_killed_worker_takes_its_own_connections_with_it_and_nothing_else(
    tmp_path: Path, registry: FakeRegistry
) -> None:
    def pull(program: Program) -> bytes:
        return get(program, LARGE_PATH).body

    def scenario(program: Program) -> None:
        with ExitStack() as stack, ThreadPoolExecutor(8) as threads:
            clients, by = several(program, stack)
            before = requests(program)
            assert before == len(clients)
            new = [threads.submit(pull, program) for _ in range(100)]
            victim = children(program)[0]
            for answer in new[:10]:
                answer.result()
            os.kill(victim, signal.SIGSTOP)  # so that nothing of what it answers is cut by the end of it
            wait_until(lambda: "T" in Path(f"/proc/{victim}/stat").read_text().rpartition(")")[2][:3], "it has stopped")
            os.kill(victim, signal.SIGKILL)
            new += [threads.submit(pull, program) for _ in range(200)]
            cut = 0
            for answer in new[:100]:
                try:
                    assert answer.result() == LARGE
                except (Cut, ConnectionError):
                    cut += 1
            assert cut <= 8  # one for each of those that were under way
            assert all(answer.result() == LARGE for answer in new[100:])
            for agent, client in clients.items():
                if by[agent] == 1:
                    assert ask(client, TAG_PATH, agent).body == MANIFEST
                else:
                    with pytest.raises((Cut, ConnectionError)):
                        ask(client, TAG_PATH, agent)
        wait_until(lambda: victim not in children(program) and len(children(program)) == 2, "there is a successor")
        wait_until(lambda: "a worker serves again" in [line["event"] for line in program.log], "it serves")
        with ExitStack() as stack:
            several(program, stack)
        wait_until(lambda: is_ready(program), "it is ready")

    with Program(tmp_path, registry.url, TWO) as program:
        await aside(scenario, program)


async def test_what_a_killed_worker_has_answered_stays_in_the_figures(tmp_path: Path, registry: FakeRegistry) -> None:
    def scenario(program: Program) -> None:
        made = 0
        for _ in range(3):
            with ExitStack() as stack:
                several(program, stack)
                made += CLIENTS
            wait_until(lambda made=made: requests(program) == made, "every request is counted")  # type: ignore[misc]
            os.kill(children(program)[0], signal.SIGKILL)
            again = made // CLIENTS
            wait_until(
                lambda again=again: [line["event"] for line in program.log].count("a worker serves again") == again,  # type: ignore[misc]
                "there is a successor",
            )
            for _ in range(4):
                assert requests(program) == made
        told = {name: value for name, labels, value in metrics(program) if not labels}
        assert (told["mirror_worker_restarts_total"], told["mirror_workers"]) == (3, 2)
        both = [{"worker": "0"}, {"worker": "1"}]
        wait_until(
            lambda: [labels for name, labels, _ in metrics(program) if name == "process_open_fds"] == both,
            "each process has its figures",
        )

    with Program(tmp_path, registry.url, TWO) as program:
        await aside(scenario, program)


async def test_without_the_supervisor_nothing_is_left_running(tmp_path: Path, registry: FakeRegistry) -> None:
    def scenario(program: Program) -> None:
        workers = children(program)
        program.signal(signal.SIGKILL)
        wait_until(lambda: not any(map(is_alive, workers)), "the workers have ended")
        program.refused()
        program.start()
        assert get(program, TAG_PATH).body == MANIFEST

    with Program(tmp_path, registry.url, TWO) as program:
        await aside(scenario, program)


async def test_what_one_worker_has_agreed_on_with_a_client_is_resumed_by_the_other(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.server_files("127.0.0.1")
    tls = {"SERVER__TLS__CERTIFICATE": str(certificate), "SERVER__TLS__KEY": str(key)}
    trusting = authority.client()

    def scenario(program: Program) -> None:
        with RawClient(program.address, trusting) as first:
            assert ask(first, "/v2/", "first").status == 200
            assert isinstance(first.socket, ssl.SSLSocket)
            session = first.socket.session
        agents = {f"again-{number}" for number in range(CLIENTS)}
        for agent in agents:
            with (
                socket.create_connection(program.address, 20) as plain,
                trusting.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as again,
            ):
                assert again.session_reused
                again.sendall(request("GET", "/v2/", f"User-Agent: {agent}"))
                assert again.recv(4096).startswith(b"HTTP/1.1 200 ")
        assert set(workers_of(program, agents).values()) == {0, 1}

    with Program(tmp_path, "http://127.0.0.1:1", TWO | tls) as program:
        await aside(scenario, program)
