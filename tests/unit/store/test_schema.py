"""The tables and queries of the index: they go from name to name, whatever a repository holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mirror.store.index import Index, Member
from mirror.store.ingest import Stamp
from mirror.store.schema import REPOSITORIES, UPSTREAMS

STAMP = Stamp(size=10, mtime_ns=1, inode=42)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    opened = Index(tmp_path)
    yield opened
    opened.close()


def test_nothing_has_no_names(index: Index) -> None:
    assert index.upstreams() == []
    assert index.repositories("u", "", 10) == []


def test_each_upstream_and_repository_is_named_once_in_order(index: Index) -> None:
    for upstream, repository in (("b", "z"), ("a", "y"), ("a", "x"), ("a", "x-y"), ("a", "x/y"), ("a", "X")):
        index.put_members([Member(upstream, repository, f"digest {number}", "type") for number in range(20)])
    index.put_blob("digest 7", STAMP, 1.0)
    assert index.upstreams() == ["a", "b"]
    assert [name for name, _ in index.repositories("a", "", 10)] == ["X", "x", "x-y", "x/y", "y"]
    assert [name for name, _ in index.repositories("a", "x", 2)] == ["x-y", "x/y"]
    assert index.repositories("a", "y", 10) == []
    assert index.repositories("b", "", 1) == [("z", True)]


def test_a_manifest_is_held_when_its_bytes_are(index: Index) -> None:
    index.put_members(
        [
            Member("u", "a-manifest", "one", "type"),
            Member("u", "b-evicted", "gone", "type"),
            Member("u", "c-blob", "one"),
            Member("u", "d-signed", "payload", "type", "one"),
        ]
    )
    index.put_blob("one", STAMP, 1.0)
    held = [("a-manifest", True), ("b-evicted", False), ("c-blob", False), ("d-signed", True)]
    assert index.repositories("u", "", 10) == held


@pytest.mark.parametrize("query", [UPSTREAMS, REPOSITORIES])
def test_no_query_reads_the_whole_table(index: Index, query: str) -> None:
    parameters = {"upstream": "u", "after": "", "limit": 1}
    plan = index._connection.execute(f"EXPLAIN QUERY PLAN {query}", parameters).fetchall()
    steps = [step for *_, step in plan]
    assert any("members" in step for step in steps)
    assert [step for step in steps if step.startswith("SCAN members")] == []
