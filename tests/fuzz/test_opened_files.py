"""Which files the kernel is asked for while nonsense is requested, as heard from outside, databases included (F17)."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from pathlib import Path

import pytest

from tests.fuzz.test_requests import everything, fill, judged
from tests.support.measured import Share, note
from tests.support.processes import program as installed
from tests.support.program import Program
from tests.support.registry import FakeRegistry
from tests.support.surface import LARGE_DIGEST
from tests.support.tiers import LONG

_IMPATIENT = {"LIMITS__KEEPALIVE": "300ms"}
_WHEN = re.compile(r"[0-9]+ +([0-9]+\.[0-9]+) ")
# A name, and the directory that it is relative to, where it is. None at all stands for that directory, which is open.
_NAMED = re.compile(r'(?:(?:AT_FDCWD|[0-9]+)<([^>]*)>, )?"([^"]+)"')


def traced(trace: Path) -> list[str]:
    """The command that runs another one in its place, and has all calls written down that name a file."""
    options = ["-D", "-f", "-qq", "-y", "-ttt", "-s", "4096", "-e", "trace=%file,openat2", "-o", str(trace)]
    return [installed("strace"), *options]


def named(trace: Path, since: float, until: float) -> list[str]:
    """Where each file lies that was named between these two moments."""
    lines = trace.read_text(errors="surrogateescape").splitlines()
    asked = [line for line in lines if (when := _WHEN.match(line)) is not None and since <= float(when[1]) <= until]
    found = [one for line in asked for one in _NAMED.findall(line.partition("(")[2])]
    return [os.path.normpath(os.path.join(at or "/", name)) for at, name in found]


def test_names_are_read_from_a_trace(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    trace.write_text(
        '7  1.5 openat(9</c/blobs>, "ab", O_RDONLY) = 3</c/blobs/ab>\n'
        '7  2.5 openat(9</c/blobs>, "../../etc/x", O_RDONLY <unfinished ...>\n'
        "8  2.6 <... openat resumed>) = 3</etc/x>\n"
        '7  2.7 newfstatat(2</log>, "", {st_mode=S_IFREG|0644}, AT_EMPTY_PATH) = 0\n'
        '7  2.8 linkat(5</c/ingest/x>, "data", 9</c/blobs>, "cd", 0) = 0\n'
        '7  2.9 openat(AT_FDCWD</home>, "/etc/y", O_RDONLY) = -1 ENOENT (No such file or directory)\n'
        '7  3.5 unlink("/late") = 0\n'
    )
    assert named(trace, 2.0, 3.0) == ["/etc/x", "/c/ingest/x/data", "/c/blobs/cd", "/etc/y"]


if LONG:

    @pytest.mark.timeout(900)
    async def test_nothing_outside_the_cache_is_named_to_the_kernel(tmp_path: Path) -> None:
        trace, root, requests = tmp_path / "trace", tmp_path / "cache", everything()
        async with FakeRegistry() as registry:
            fill(registry)
            with Program(tmp_path, registry.url, _IMPATIENT, under=traced(trace)) as program:
                await asyncio.to_thread(judged, program.client, requests[::10])  # what is imported late is by then
                began = time.time()
                await asyncio.to_thread(judged, program.client, requests)
                ended = time.time()
                program.signal(signal.SIGTERM)
                assert await asyncio.to_thread(program.ended) == 0
        names = named(trace, began, ended)
        strange = [name for name in names if not Path(name).is_relative_to(root)]
        what = f"files named to the kernel during {len(requests)} requests, heard by strace: outside of the cache"
        note(Share("F17", what, len(strange), len(names)))
        assert str(root / "blobs" / "sha256" / LARGE_DIGEST.encoded) in names
        assert strange == []
