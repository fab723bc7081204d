"""The contract of the store about whatever lies in its directory: S8 of the design."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from mirror.oci.digest import Digest
from mirror.store.store import Store
from tests.support.caches import ENDLESS, blob, content, descriptors, flip, is_healed, path_of, store_at

DIGEST, DATA = blob(1, 5000)
OTHER, OTHER_DATA = blob(2, 5000)


@pytest.fixture
def heard() -> list[Digest]:
    """What the store has reported as corrupt."""
    return []


@pytest.fixture
async def store(tmp_path: Path, heard: list[Digest]) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path, ENDLESS)
    opened.blobs.on_corrupt = heard.append
    yield opened
    await opened.aclose()
    assert descriptors(tmp_path) == []


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as planted:
        planted.bind(os.path.relpath(path))


def _directory(path: Path) -> None:
    path.mkdir()
    (path / "inside").write_bytes(DATA)


PLANTS: dict[str, Callable[[Path], object]] = {
    "link to the very bytes": lambda path: path.symlink_to(_outside(path)),
    "dangling link": lambda path: path.symlink_to("/nonexistent"),
    "link to itself": lambda path: path.symlink_to(path.name),
    "fifo": os.mkfifo,
    "socket": _socket,
    "directory": _directory,
}


def _outside(path: Path) -> Path:
    outside = path.parents[2] / "outside"
    outside.write_bytes(DATA)
    return outside


@pytest.mark.parametrize("plant", PLANTS)
async def test_s8_what_is_no_regular_file_is_not_opened(
    store: Store, tmp_path: Path, heard: list[Digest], plant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path has to be short
    PLANTS[plant](path_of(tmp_path, DIGEST))
    await is_healed(store, DIGEST, DATA)
    assert heard == [DIGEST]


async def test_s8_a_hard_link_to_other_content_is_not_served_and_its_target_stays(store: Store, tmp_path: Path) -> None:
    await store.put(OTHER, OTHER_DATA)
    os.link(path_of(tmp_path, OTHER), path_of(tmp_path, DIGEST))
    await is_healed(store, DIGEST, DATA)
    assert await content(store, OTHER) == OTHER_DATA


async def test_s8_a_hard_link_through_which_somebody_writes_is_not_trusted(store: Store, tmp_path: Path) -> None:
    await store.put(DIGEST, DATA)
    os.link(path_of(tmp_path, DIGEST), tmp_path / "second")
    assert await content(store, DIGEST) == DATA
    flip(tmp_path / "second")
    await is_healed(store, DIGEST, DATA)


@pytest.mark.parametrize("suffix", [".gz", ".br", "-1"])
async def test_s8_a_sibling_is_neither_served_nor_touched(store: Store, tmp_path: Path, suffix: str) -> None:
    sibling = path_of(tmp_path, DIGEST).with_name(DIGEST.encoded + suffix)
    sibling.write_bytes(b"planted")
    assert await content(store, DIGEST) is None
    await store.put(DIGEST, DATA)
    assert await content(store, DIGEST) == DATA
    assert sibling.read_bytes() == b"planted"


async def test_s8_nobody_else_may_read_anything(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        async with store_at(tmp_path / "made" / "root") as store:
            await store.put(DIGEST, DATA)
            ingest = await store.begin(OTHER)
            await store.run(ingest.expect, len(OTHER_DATA))
            await store.run(ingest.append, OTHER_DATA[:10])
            await store.flush()
            modes = {
                path: stat.S_IMODE(path.lstat().st_mode)
                for path in [tmp_path / "made" / "root", *(tmp_path / "made" / "root").rglob("*")]
            }
            await store.leave(ingest)
    finally:
        os.umask(before)
    assert len(modes) > 15
    assert {path: mode for path, mode in modes.items() if mode != (0o700 if path.is_dir() else 0o600)} == {}
