"""Broken databases are found and made anew; an index that is behind the files is a note: the next start sees to it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mirror.store.catalog import Catalog
from mirror.store.database_check import look_at_databases
from mirror.store.findings import Finding, Severity
from mirror.store.index import Index, Member
from mirror.store.recovery import open_database
from tests.support.caches import blob, content, descriptors, layout_at, path_of, store_at

DIGEST, DATA = blob(1)


async def _filled(root: Path) -> None:
    async with store_at(root) as store:
        await store.put(DIGEST, DATA)
        store.facts.prove(Member("u", "r", str(DIGEST)))


def _look(root: Path, *, mend: bool = False) -> list[Finding]:
    found = []
    with layout_at(root) as layout:
        before = len(descriptors(root))
        for finding in look_at_databases(layout):
            found.append(finding)
            if mend and finding.mend is not None:
                finding.mend()
        assert len(descriptors(root)) == before
    return found


async def test_sound_databases_have_nothing_found(tmp_path: Path) -> None:
    await _filled(tmp_path)
    assert _look(tmp_path) == []


@pytest.mark.parametrize("name", ["index/index.db", "catalog/cache.db"])
async def test_a_broken_database_is_found_and_made_anew(tmp_path: Path, name: str) -> None:
    await _filled(tmp_path)
    (tmp_path / name).write_bytes(b"garbage" * 1000)
    found = _look(tmp_path)
    assert [(one.kind, one.name, one.severity) for one in found] == [("database", name, Severity.PROBLEM)]
    _look(tmp_path, mend=True)
    assert all(one.severity is Severity.NOTE for one in _look(tmp_path))
    assert (tmp_path / f"{name.partition('/')[0]}.broken").is_dir()
    async with store_at(tmp_path) as store:
        assert await content(store, DIGEST) == DATA
        assert store.facts.member("u", "r", str(DIGEST)) is not None  # the other one knew it


async def test_pages_that_are_damaged_within_are_found(tmp_path: Path) -> None:
    await _filled(tmp_path)
    path = tmp_path / "index/index.db"
    data = bytearray(path.read_bytes())
    data[4096:8192] = bytes(4096)  # the second page: a table's, with its type and its counts
    path.write_bytes(data)
    assert ("database", "index/index.db") in [(one.kind, one.name) for one in _look(tmp_path)]


async def test_a_database_that_is_gone_is_a_note(tmp_path: Path) -> None:
    await _filled(tmp_path)
    shutil.rmtree(tmp_path / "index")
    (found,) = _look(tmp_path)
    assert (found.severity, found.name) == (Severity.NOTE, "index/index.db")


async def test_an_index_that_is_not_in_line_with_the_files_is_a_note_and_can_be_brought_in_line(tmp_path: Path) -> None:
    await _filled(tmp_path)
    path_of(tmp_path, DIGEST).unlink()
    for number in (2, 3):
        digest, data = blob(number)
        path_of(tmp_path, digest).write_bytes(data)
    found = _look(tmp_path, mend=True)
    assert [(one.kind, one.severity) for one in found] == [("index", Severity.NOTE), ("members", Severity.NOTE)]
    assert found[0].words == "1 blob is noted and not there, 2 blobs are there and not noted"
    assert found[1].words.startswith("1 member is known of repositories whose content is not here")
    assert [one.kind for one in _look(tmp_path)] == ["members"]  # proofs outlive what was evicted
    with layout_at(tmp_path) as layout:
        index = open_database(Index, layout.index)
        assert index.size() == 200
        index.close()
        open_database(Catalog, layout.catalog).close()
