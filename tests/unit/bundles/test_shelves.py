"""Where content is read from that goes into a bundle."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirror.bundles.directory import Directory
from mirror.bundles.layout import path_of
from mirror.bundles.shelves import CacheShelves, FileShelves
from mirror.errors import MirrorError
from mirror.oci.digest import Digest
from mirror.store.looking import Looking
from tests.support.bundles import written
from tests.support.caches import blob, store_at


async def test_a_cache_is_read_while_a_mirror_uses_it(tmp_path: Path) -> None:
    digest, data = blob(1, 3 * 1024 * 1024)
    async with store_at(tmp_path) as store:
        await store.put(digest, data)
        with Looking(tmp_path) as cache:
            shelves = CacheShelves(cache)
            assert shelves.size(digest) == len(data)
            assert b"".join(shelves.read(digest)) == data
            assert shelves.size(Digest.of(b"other")) is None


async def test_what_goes_while_it_is_exported_is_named(tmp_path: Path) -> None:
    async with store_at(tmp_path):
        with Looking(tmp_path) as cache, pytest.raises(MirrorError, match="evicted"):
            next(CacheShelves(cache).read(Digest.of(b"gone")))


def test_a_layout_is_read_by_digest(tmp_path: Path) -> None:
    digest, data = blob(1)
    files = Directory(written(tmp_path, {path_of(digest): data}))
    shelves = FileShelves(files)
    assert (shelves.size(digest), b"".join(shelves.read(digest))) == (len(data), data)
    assert shelves.size(Digest.of(b"other")) is None
    files.close()
