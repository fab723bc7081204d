from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest
import structlog

from mirror.upstream.watched_file import Secret, WatchedFile


def _parse(content: bytes) -> list[str]:
    if content == b"bad":
        raise ValueError("is bad")
    return [content.decode()]


def _file(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def _watched(path: Path) -> WatchedFile[list[str]]:
    return WatchedFile("fake", path, Secret("password_file", 100, _parse))


async def test_a_file_is_read_again_when_it_changes_and_only_then(tmp_path: Path) -> None:
    file = _file(tmp_path / "secret", b"old")
    watched = _watched(file)
    first = await watched.current()
    assert first == ["old"]
    assert await watched.current() is first
    _file(tmp_path / "new", b"new")
    os.replace(tmp_path / "new", file)
    assert await watched.current() == ["new"]
    _file(file, b"won")
    os.utime(file, (1, 1))
    assert await watched.current() == ["won"]


@pytest.mark.parametrize(
    ("content", "why"), [(None, "cannot be read"), (b"bad", "is bad"), (b"x" * 101, "is too large to be one")]
)
async def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, content: bytes | None, why: str) -> None:
    if content is not None:
        _file(tmp_path / "secret", content)
    with pytest.raises(ValueError, match=f"^{why}$"):
        await _watched(tmp_path / "secret").current()


async def test_a_file_is_read_once_for_all_who_look_at_the_same_time(tmp_path: Path) -> None:
    gate = threading.Event()
    read: list[bytes] = []

    def parse(content: bytes) -> list[str]:
        read.append(content)
        if not gate.wait(10):
            raise ValueError("was held for too long")
        return [content.decode()]

    watched = WatchedFile("fake", _file(tmp_path / "secret", b"canary"), Secret("password_file", 100, parse))
    looking = [asyncio.ensure_future(watched.current()) for _ in range(20)]
    async with asyncio.timeout(10):
        while not read:  # noqa: ASYNC110  # a thread tells nobody
            await asyncio.sleep(0.001)
    # All the others' threads are free, whatever this file system does.
    assert await asyncio.to_thread(len, read) == 1
    looking[0].cancel()
    gate.set()
    found = await asyncio.gather(*looking[1:])
    assert read == [b"canary"]
    assert all(one is found[0] for one in found)


async def test_a_pipe_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "secret")
    with pytest.raises(ValueError, match="is not a regular file"):
        await _watched(tmp_path / "secret").current()


@pytest.mark.parametrize("content", [None, b"bad", b"x" * 101])
async def test_while_a_file_cannot_be_used_what_it_said_last_is(tmp_path: Path, content: bytes | None) -> None:
    file = _file(tmp_path / "secret", b"canary")
    watched = _watched(file)
    first = await watched.current()
    file.unlink()
    if content is not None:
        _file(file, content)
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            assert await watched.current() is first
    assert [(log["log_level"], log["upstream"]) for log in logs] == [("warning", "fake")]
    assert "canary" not in str(logs)
    _file(file, b"another")
    assert await watched.current() == ["another"]


@pytest.mark.parametrize(("mode", "warnings"), [(0o600, 0), (0o400, 0), (0o640, 1), (0o604, 1), (0o644, 1)])
async def test_a_file_that_others_can_open_earns_a_warning_each_time_it_is_read(
    tmp_path: Path, mode: int, warnings: int
) -> None:
    watched = _watched(_file(tmp_path / "secret", b"canary", mode))
    with structlog.testing.capture_logs() as logs:
        await watched.current()
        await watched.current()
    assert [log["log_level"] for log in logs] == ["warning"] * warnings
    assert "canary" not in str(logs)
