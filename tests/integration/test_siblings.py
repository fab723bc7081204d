"""Several real processes on one cache directory are one mirror: to upstreams, to clients, and to the operator."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

from mirror.oci.digest import Digest
from tests.support.faults import Fault
from tests.support.measured import Row, note
from tests.support.processes import wait_until
from tests.support.program import Program
from tests.support.raw_client import Answer, RawClient
from tests.support.registry import FakeRegistry

DATA = Random(64).randbytes(4 * 1024 * 1024)
REPOSITORY = "library/app"
BLOB = f"/v2/{REPOSITORY}/blobs/{Digest.of(DATA)}"
TAG = f"/v2/{REPOSITORY}/manifests/v1"
HERD = 64
SETTINGS = {"SERVER__WORKERS": "4", "SERVER__SHUTDOWN_GRACE": "5s", "UPSTREAMS__DOCKER_IO__TAG_TTL": "1h"}


def at_once(clients: list[RawClient], path: str) -> list[Answer]:
    """What all of them are answered who ask at the same time."""
    with ThreadPoolExecutor(len(clients)) as threads:
        return list(threads.map(lambda client: client.ask("GET", path), clients))


def asked(program: Program, method: str, path: str) -> dict[str, Any]:
    """What the operator is answered, by whichever worker."""
    with program.admin() as admin:
        admin.send(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n".encode())
        told: dict[str, Any] = json.loads(admin.answer().body)
        return told


async def _run(tmp_path: Path, registry: FakeRegistry, scenario: Callable[[Program, list[RawClient]], None]) -> None:
    def run(program: Program) -> None:
        with ExitStack() as stack:
            scenario(program, [stack.enter_context(program.client()) for _ in range(HERD)])

    with Program(tmp_path, registry.url, SETTINGS) as program:
        await asyncio.to_thread(run, program)


async def test_a_herd_over_all_workers_is_one_get(tmp_path: Path) -> None:
    def scenario(_: Program, clients: list[RawClient]) -> None:
        assert {answer.body for answer in at_once(clients, TAG)} == {image.manifest_body}
        assert {answer.body for answer in at_once(clients, BLOB)} == {DATA}

    async with FakeRegistry() as registry:
        image = registry.push_image(REPOSITORY, "v1", [DATA])
        await _run(tmp_path, registry, scenario)
        assert registry.count("", TAG) == 1
        sent = [seen.sent for seen in registry.seen("GET", BLOB)]
    told = f"{len(sent)} GET, {sum(sent) / len(DATA):.2f}x bytes"
    note(Row("F20", f"herd of {HERD} over 4 workers on a cold blob", "1 GET, 1.00x bytes", told))
    assert sent == [len(DATA)]


async def test_what_one_worker_is_told_all_of_them_know(tmp_path: Path) -> None:
    """The operator's word, and that of an upstream which counts pulls."""
    cold = [Random(number).randbytes(2000) for number in range(HERD)]
    headers = {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "42;w=21600"}

    def pulls_left(program: Program) -> tuple[object, object, object]:
        (told,) = asked(program, "GET", "/api/v1/budget?upstream=docker.io")["upstreams"]
        return told["limit"], told["remaining"], told["spent"]

    def is_frozen(program: Program) -> bool:
        return asked(program, "GET", "/api/v1/state")["frozen"] is True

    def scenario(program: Program, clients: list[RawClient]) -> None:
        assert {answer.status for answer in at_once(clients, TAG)} == {200}
        for _ in range(16):  # whichever of them answers
            wait_until(lambda: pulls_left(program) == (100, 42, 1), "all of them know")
        asked(program, "POST", "/api/v1/freeze")
        for _ in range(16):
            wait_until(lambda: is_frozen(program), "all of them are frozen")
        before = registry.count()
        paths = [f"/v2/{REPOSITORY}/blobs/{Digest.of(data)}" for data in cold]
        answers = [client.ask("GET", path) for client, path in zip(clients, paths, strict=True)]
        assert {answer.status for answer in answers} == {503}
        assert registry.count() == before
        asked(program, "POST", "/api/v1/thaw")
        for _ in range(16):
            wait_until(lambda: not is_frozen(program), "none of them is")
        assert [client.ask("GET", path).body for client, path in zip(clients, paths, strict=True)] == cold

    async with FakeRegistry() as registry:
        registry.push_image(REPOSITORY, "v1", [b"layer"])
        registry.fail(Fault(headers=headers), "", "/manifests/", times=None)
        for data in cold:
            registry.push_blob(REPOSITORY, data)
        await _run(tmp_path, registry, scenario)
