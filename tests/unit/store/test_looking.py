"""A cache that is looked into, whoever uses it: nothing is changed, and what is no cache is told so."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from mirror.errors import StoreFailed
from mirror.oci.digest import Digest
from mirror.store.looking import Looking
from tests.support.caches import blob, path_of, store_at
from tests.support.stocked import UPSTREAM

DIGEST, DATA = blob(1)


def _everything(root: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in root.rglob("*")}


async def test_what_a_running_mirror_holds_can_be_seen(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        await store.put(DIGEST, DATA)
        store.images.note(str(DIGEST), ["sha256:absent"])
        store.images.pulled((UPSTREAM, "app", str(DIGEST)), 5.0)
        await store.images.pin("*/kept")
        await store.flush()
        with Looking(tmp_path) as looking:
            assert [(one.repository, one.size, one.missing) for one in looking.images.list()] == [("app", 100, 1)]
            assert looking.images.pins() == ["*/kept"]
            found = looking.open_blob(DIGEST)
            assert found is not None
            with found:
                assert found.size == 100
            assert looking.open_blob(Digest.of(b"another")) is None
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                looking.index.write("DELETE FROM blobs", ())


async def test_looking_changes_nothing(tmp_path: Path) -> None:
    async with store_at(tmp_path) as store:
        await store.put(DIGEST, DATA)
        store.images.pulled((UPSTREAM, "app", str(DIGEST)), 5.0)
    before = _everything(tmp_path)
    with Looking(tmp_path) as looking:
        assert len(looking.images.list()) == 1
    assert _everything(tmp_path) == before


async def test_what_is_no_file_cannot_be_read(tmp_path: Path) -> None:
    async with store_at(tmp_path):
        path_of(tmp_path, DIGEST).symlink_to("/etc/hostname")
        with Looking(tmp_path) as looking, pytest.raises(StoreFailed, match="cannot be read"):
            looking.open_blob(DIGEST)


async def test_a_cache_of_an_earlier_build_is_told_so(tmp_path: Path) -> None:
    async with store_at(tmp_path):
        pass
    with sqlite3.connect(tmp_path / "index" / "index.db") as database:
        database.execute("DROP TABLE brought")
    database.close()
    with pytest.raises(StoreFailed, match="start the mirror on it once"), Looking(tmp_path):
        pass


@pytest.mark.parametrize("what", ["nothing", "an empty directory", "no database", "an old cache"])
async def test_what_is_no_cache_is_told(tmp_path: Path, what: str) -> None:
    root = tmp_path / "cache"
    if what != "nothing":
        root.mkdir()
    if what in ("no database", "an old cache"):
        (root / "index").mkdir()
        (root / "index" / "index.db").write_bytes(b"" if what == "an old cache" else b"x" * 5000)
    words = "start the mirror on it once" if what == "an old cache" else "cannot be looked into"
    with pytest.raises(StoreFailed, match=words), Looking(root):
        pass
    assert what != "nothing" or not root.exists()
