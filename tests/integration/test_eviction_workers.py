"""What any of several processes is sending to a client stays whichever of them makes room, and goes when it is sent."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from mirror.oci.digest import Digest
from tests.support.content import Image
from tests.support.program import Program
from tests.support.raw_client import request
from tests.support.registry import FakeRegistry
from tests.support.surface import noise

SIZE = 8 * 1024**2  # bytes: more than the kernel holds for a client that reads nothing
READ = 6  # blobs, each of one client: hardly ever are all clients of six with one worker of two
WINDOW = 64 * 1024
FIRST = 1000  # bytes of an answer that a client takes, before it takes nothing for a while


def layer_of(number: int) -> bytes:
    return noise(f"layer {number}", 4096) * (SIZE // 4096)


def test_what_any_worker_is_sending_stays_whichever_makes_room(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with FakeRegistry() as registry:
            images = [registry.push_image(f"team/app{number}", "v1", [layer_of(number)]) for number in range(READ)]
            images.append(registry.push_image("team/idle", "v1", [noise("idle", 4096)]))
            with Program(tmp_path, registry.url, {"SERVER__WORKERS": "2", "PREFETCH": "off"}) as program:
                await asyncio.to_thread(within, program, tmp_path, images)

    asyncio.run(scenario())


def within(program: Program, home: Path, images: list[Image]) -> None:
    for number, image in enumerate(images):
        repository = f"team/app{number}" if number < READ else "team/idle"
        with program.client() as client:
            for path in ("manifests/v1", f"blobs/{image.config_digest}", f"blobs/{image.layer_digests[0]}"):
                assert client.ask("GET", f"/v2/{repository}/{path}").status == 200
    with ExitStack() as stack:
        readers = [stack.enter_context(program.client(WINDOW)) for _ in range(READ)]
        for number, reader in enumerate(readers):
            reader.send(request("GET", f"/v2/team/app{number}/blobs/{images[number].layer_digests[0]}"))
            reader.take(FIRST)
        told = collected(program)
        assert [one["image"] for one in told["going"] if one["image"]] == ["docker.io/team/idle"]
        kept = {one["image"] for one in told["staying"] if one["why"] == "being pulled or read"}
        assert kept == {f"docker.io/team/app{number}" for number in range(READ)}
        for image in images[:READ]:
            assert is_there(home, image.layer_digests[0])
        for reader in readers:
            reader.take(SIZE - FIRST)
    gone: set[str] = set()
    deadline = time.monotonic() + 60
    while any(is_there(home, image.layer_digests[0]) for image in images) and time.monotonic() < deadline:
        # A client has its last byte before the worker that has sent it knows that nobody reads any more.
        gone |= {one["image"] for one in collected(program)["going"] if one["image"]}
    assert gone == kept
    assert not any(is_there(home, image.layer_digests[0]) for image in images)


def collected(program: Program) -> dict[str, Any]:
    """All goes that may."""
    body = json.dumps({"dry_run": False, "target": 0})
    with program.admin() as admin:
        head = f"POST /api/v1/gc HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
        admin.send(f"{head}Content-Type: application/json\r\n\r\n{body}".encode())
        answer = admin.answer("POST")
    assert answer.status == 200
    return dict(json.loads(answer.body))


def is_there(home: Path, digest: Digest) -> bool:
    return (home / "cache" / "blobs" / "sha256" / digest.encoded).exists()
