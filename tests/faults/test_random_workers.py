"""Anything is done at once to several processes on one directory: nothing is wrong, lost or sent twice (F20)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from mirror.oci.digest import Digest
from tests.support.caches import false_blobs, path_of, published
from tests.support.content import OCI_MANIFEST, manifest
from tests.support.figures import figure
from tests.support.killing import workers_of
from tests.support.measured import Row, Share, note
from tests.support.processes import wait_until
from tests.support.program import Program
from tests.support.raw_client import request
from tests.support.registry import FakeRegistry
from tests.support.surface import REPOSITORY
from tests.support.tiers import count

PROCESSES = count(2, 4)
EACH = count(500, 20_000)  # operations for each process
AT_ONCE = 8  # clients
BLOBS = [Random(number).randbytes(1000 + 17_000 * (number % 12)) for number in range(100)]
TAGS = ("v1", "v2", "v3")
# What is answered from memory would not show what became of its file.
SETTINGS = {
    "SERVER__WORKERS": str(PROCESSES),
    "LOG__ACCESS": "false",
    "LIMITS__MEMORY_CACHE": "0",
    "STORAGE__DURABILITY": "fast",  # nothing dies here
    "UPSTREAMS__DOCKER_IO__TAG_TTL": "0s",
}
ROOMY, NARROW = "1GiB", "5MiB"  # the second one holds about half of them


@dataclass(slots=True)
class Tally:
    """What was done, by all clients together."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    pulled: set[int] = field(default_factory=set)  # blobs that somebody had whole
    harms: Counter[int] = field(default_factory=Counter)  # how often the file of a blob was taken away or spoilt
    wrong: list[str] = field(default_factory=list)


class Clients:
    """Operations on one mirror, each by a connection of its own, and on its directory behind its back."""

    def __init__(self, program: Program, root: Path, tags: dict[str, list[bytes]]) -> None:
        self.tally = Tally()
        self._program = program
        self._root = root
        self._tags = tags

    def one(self, number: int) -> None:
        chance = Random(number)
        act: Callable[[Random, int], None] = chance.choices(
            [self.pull, self.look, self.range, self.leave, self.tag, self.remove, self.spoil], [8, 2, 3, 2, 3, 1, 1]
        )[0]
        act(chance, chance.randrange(len(BLOBS)))

    def pull(self, _: Random, which: int) -> None:
        with self._program.client() as client:
            answer = client.ask("GET", blob_path(which))
        self._judge(answer.status == 200 and answer.body == BLOBS[which], f"blob {which}: {answer.status}")
        with self.tally.lock:
            self.tally.pulled.add(which)

    def look(self, _: Random, which: int) -> None:
        with self._program.client() as client:
            answer = client.ask("HEAD", blob_path(which))
        self._judge(answer["Content-Length"] == str(len(BLOBS[which])), f"HEAD of blob {which}: {answer.status}")

    def range(self, chance: Random, which: int) -> None:
        first = chance.randrange(len(BLOBS[which]))
        last = chance.randrange(first, len(BLOBS[which]))
        with self._program.client() as client:
            answer = client.ask("GET", blob_path(which), f"Range: bytes={first}-{last}")
        is_right = answer.status == 206 and answer.body == BLOBS[which][first : last + 1]
        self._judge(is_right, f"{first}-{last} of blob {which}: {answer.status}")

    def leave(self, chance: Random, which: int) -> None:
        """Go away in the midst of an answer."""
        with self._program.client(window=4096) as client:
            client.send(request("GET", blob_path(which)))
            client.take(chance.randrange(1, 300))
            client.reset()

    def tag(self, chance: Random, _: int) -> None:
        tag = chance.choice(TAGS)
        with self._program.client() as client:
            answer = client.ask("GET", f"/v2/{REPOSITORY}/manifests/{tag}")
        is_right = answer.body in self._tags[tag] and answer["Docker-Content-Digest"] == str(Digest.of(answer.body))
        self._judge(answer.status == 200 and is_right, f"tag {tag}: {answer.status}")

    def remove(self, _: Random, which: int) -> None:
        with contextlib.suppress(FileNotFoundError):
            path_of(self._root, Digest.of(BLOBS[which])).unlink()
            self._harm(which)

    def spoil(self, chance: Random, which: int) -> None:
        """Something else in the place of the file; who has that one open has it still."""
        path = path_of(self._root, Digest.of(BLOBS[which]))
        if path.exists():
            false = self._root.with_name(f"false {threading.get_ident()}")
            false.write_bytes(chance.randbytes(chance.choice([0, 100, len(BLOBS[which])])))
            os.replace(false, path)
            self._harm(which)

    def _harm(self, which: int) -> None:
        with self.tally.lock:
            self.tally.harms[which] += 1

    def _judge(self, is_right: bool, what: str) -> None:
        if not is_right:
            self.tally.wrong.append(what)


def blob_path(which: int) -> str:
    return f"/v2/{REPOSITORY}/blobs/{Digest.of(BLOBS[which])}"


def told(program: Program, name: str) -> float:
    with program.admin() as admin:
        return figure(admin.ask("GET", "/metrics").body, name) or 0.0


def manifests() -> list[bytes]:
    """Enough of them for a tag to move often."""
    return [manifest(f"{number}".encode(), []) for number in range(40)]


@pytest.mark.timeout(count(120, 3600))
@pytest.mark.parametrize("room", [ROOMY, NARROW])
async def test_whatever_is_done_through_all_workers_at_once_nothing_is_wrong_lost_or_twice(
    tmp_path: Path, room: str
) -> None:
    here, root, choices = asyncio.get_running_loop(), tmp_path / "cache", manifests()
    tags = {tag: [choices[0]] for tag in TAGS}

    def move(number: int) -> None:
        tag, body = TAGS[number % len(TAGS)], choices[number % len(choices)]
        tags[tag].append(body)
        here.call_soon_threadsafe(registry.push_manifest, REPOSITORY, tag, body, OCI_MANIFEST)

    def scenario(program: Program) -> Tally:
        workers = workers_of(program)
        clients = Clients(program, root, tags)
        with ThreadPoolExecutor(AT_ONCE) as threads:
            for done, _ in enumerate(threads.map(clients.one, range(PROCESSES * EACH)), 1):
                if done % 100 == 0:
                    move(done // 100)
        settled(program)
        sent, evicted = registry.bytes_sent, told(program, "mirror_evicted_bytes_total")
        tally = clients.tally
        assert tally.wrong == []
        missed = sum(len(blob) * (1 + tally.harms[which]) for which, blob in enumerate(BLOBS)) + evicted
        asked = [registry.count("GET", blob_path(which)) for which in range(len(BLOBS))]
        again = sum(max(0, times - 1 - tally.harms[which]) for which, times in enumerate(asked))
        what = f"{PROCESSES} processes, {EACH} random operations each, room for {'all' if room == ROOMY else 'half'}"
        if room == ROOMY:
            note(Share("F20", f"{what}: downloads beyond one for each miss", again, sum(asked)))
            assert (evicted, again) == (0, 0)
        else:
            assert evicted > 0
        row = f"{len(tally.wrong)}; {sent / 1e6:.1f} MB of {missed / 1e6:.1f} that were new, harmed or evicted"
        note(Row("F20", f"{what}: wrong; bytes sent", "0; no more than were missing", row))
        assert sent <= missed
        for which in range(len(BLOBS)):
            clients.pull(Random(0), which)
        settled(program)
        assert tally.wrong == []
        assert workers_of(program) == workers
        return tally

    def settled(program: Program) -> None:
        wait_until(lambda: not list(root.glob("ingest/*/data")), "no download is under way")

    async with FakeRegistry() as registry:
        for blob in BLOBS:
            registry.push_blob(REPOSITORY, blob)
        for tag in TAGS:
            registry.push_manifest(REPOSITORY, tag, choices[0], OCI_MANIFEST)
        with Program(tmp_path, registry.url, {**SETTINGS, "STORAGE__MAX_SIZE": room}) as program:
            tally = await asyncio.to_thread(scenario, program)
    assert tally.harms
    assert false_blobs(root) == []
    if room == ROOMY:
        assert {str(Digest.of(blob)) for blob in BLOBS} <= set(published(root))
