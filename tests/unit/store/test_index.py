"""The index: blobs by last use, membership and tags."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirror.store.choice import larger_than
from mirror.store.index import DatabaseError, Index, Member, TagRow
from mirror.store.ingest import Stamp
from tests.support.stocked import least_used

STAMP = Stamp(size=10, mtime_ns=1_700_000_000_123_456_789, inode=42)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    opened = Index(tmp_path)
    yield opened
    opened.close()


# blobs


def test_a_verified_blob_has_a_stamp_and_a_found_one_has_none(index: Index) -> None:
    index.put_blob("verified", STAMP, 1.0)
    index.find_blobs([("found", 20, 2.0)])
    assert index.stamp("verified") == STAMP
    assert index.stamp("found") is None
    assert index.stamp("unknown") is None
    assert index.size() == 30


def test_finding_what_is_known_changes_nothing(index: Index) -> None:
    index.put_blob("blob", STAMP, 5.0)
    index.find_blobs([("blob", 999, 1.0)])
    assert index.stamp("blob") == STAMP
    assert least_used(index) == [("blob", 10)]


def test_verifying_anew_keeps_the_last_use_and_the_pin(index: Index) -> None:
    index.find_blobs([("old", 10, 1.0)])
    index.find_blobs([("new", 10, 2.0)])
    index.put_blob("old", STAMP, 3.0)
    assert [digest for digest, _ in least_used(index)] == ["old", "new"]
    index.write("UPDATE blobs SET pinned = 1 WHERE digest = ?", ("old",))
    index.put_blob("old", STAMP, 4.0)
    assert [digest for digest, _ in least_used(index)] == ["new"]


def test_the_longest_unused_come_first_and_pinned_ones_not_at_all(index: Index) -> None:
    for number, digest in enumerate(["a", "b", "c", "d"]):
        index.find_blobs([(digest, number, float(number))])
    index.touch({"a": 10.0, "unknown": 11.0})
    index.write("UPDATE blobs SET pinned = 1 WHERE digest = ?", ("c",))
    assert least_used(index) == [("b", 1), ("d", 3), ("a", 0)]
    index.write("UPDATE blobs SET pinned = 0 WHERE digest = ?", ("c",))
    assert least_used(index) == [("b", 1), ("c", 2), ("d", 3), ("a", 0)]


def test_a_use_is_never_moved_back(index: Index) -> None:
    index.find_blobs([("a", 1, 10.0)])
    index.find_blobs([("b", 1, 5.0)])
    index.touch({"a": 1.0})
    assert [digest for digest, _ in least_used(index)] == ["b", "a"]


def test_a_forgotten_blob_is_gone(index: Index) -> None:
    index.put_blob("blob", STAMP, 1.0)
    index.forget_blob("blob")
    index.forget_blob("blob")
    assert index.stamp("blob") is None
    assert index.size() == 0


def test_distrust_leaves_no_stamp_and_no_log_that_a_power_failure_could_undo(index: Index, tmp_path: Path) -> None:
    index.put_blob("blob", STAMP, 1.0)
    index.distrust()
    assert index.stamp("blob") is None
    assert index.size() == 10
    assert (tmp_path / "index.db-wal").stat().st_size == 0  # all of it is in the file, and that was synced


def test_digests_come_in_pages(index: Index) -> None:
    for number in range(5):
        index.find_blobs([(f"{number}", 1, 0.0)])
    assert index.digests("", 2) == ["0", "1"]
    assert index.digests("1", 2) == ["2", "3"]
    assert index.digests("3", 2) == ["4"]
    assert index.digests("4", 2) == []


# membership and tags


def test_membership_is_of_one_repository_of_one_upstream(index: Index) -> None:
    member = Member("docker.io", "library/alpine", "sha256:1", "type", f"sha256:{0:064}")
    index.put_members([member])
    assert index.member("docker.io", "library/alpine", "sha256:1") == member
    assert index.member("docker.io", "library/alpin", "esha256:1") is None
    assert index.member("ghcr.io", "library/alpine", "sha256:1") is None
    assert list(index.members()) == [member]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("media_type", "é"),
        ("media_type", "a\nb"),
        ("media_type", b"type"),
        ("media_type", "a" * 256),
        ("content", "../../etc"),
        ("content", ""),
        ("content", b"sha256:"),
        ("since", "long ago"),
    ],
)
def test_a_member_of_which_no_such_row_can_have_been_noted_is_lost(index: Index, column: str, value: object) -> None:
    whole = Member("u", "r", "whole", "type")
    index.put_members([whole, Member("u", "r", "spoilt", "type")])
    index._connection.execute(f"UPDATE members SET {column} = ? WHERE digest = 'spoilt'", (value,))
    assert index.member("u", "r", "spoilt") is None
    assert index.member("u", "r", "whole") == whole
    assert list(index.members()) == [whole]


def test_the_largest_are_told_and_what_is_pinned_is_not(index: Index) -> None:
    index.find_blobs([("a", 10, 0.0), ("b", 11, 0.0), ("c", 13, 0.0), ("d", 12, 0.0)])
    index.write("UPDATE blobs SET pinned = 1 WHERE digest = ?", ("d",))
    assert larger_than(index, 10) == [("c", 13), ("b", 11)]


def test_a_type_once_known_stays(index: Index) -> None:
    for media_type in (None, "first", "second", None):
        index.put_members([Member("u", "r", "d", media_type)])
    assert index.member("u", "r", "d") == Member("u", "r", "d", "first")


def test_a_tag_moves_and_is_forgotten(index: Index) -> None:
    rows = [TagRow("u", "r", "b", "d1", 1.0), TagRow("u", "r", "a", "d1", 1.0), TagRow("u", "other", "c", "d1", 1.0)]
    index.put_tags(rows)
    index.put_tags([TagRow("u", "r", "b", "d2", 2.0)])
    assert index.tag_names("u", "r") == ["a", "b"]
    assert TagRow("u", "r", "b", "d2", 2.0) in list(index.tags())
    index.forget_tag("u", "r", "b")
    assert index.tag_names("u", "r") == ["a"]


# transactions


def test_a_transaction_is_done_wholly_or_not_at_all(index: Index) -> None:
    def begin_and_fail() -> None:
        with index:
            index.find_blobs([("blob", 1, 0.0)])
            raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        begin_and_fail()
    assert index.size() == 0
    with index:
        index.find_blobs([("blob", 1, 0.0)])
    assert index.size() == 1


def test_a_commit_that_fails_leaves_no_transaction_open(index: Index, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "index.db", isolation_level=None)
    other.executescript(
        "CREATE TABLE parent (id PRIMARY KEY); CREATE TABLE child (id REFERENCES parent DEFERRABLE"
        " INITIALLY DEFERRED); PRAGMA foreign_keys = on"
    )
    index._connection.execute("PRAGMA foreign_keys = on")
    with pytest.raises(DatabaseError), index:
        index._connection.execute("INSERT INTO child VALUES (1)")  # is found out by the commit alone
    other.close()
    with index:
        index.find_blobs([("blob", 1, 0.0)])
    assert index.size() == 1


def test_a_reader_sees_what_another_connection_has_committed(index: Index, tmp_path: Path) -> None:
    writer = Index(tmp_path)
    with writer:
        writer.find_blobs([("blob", 1, 0.0)])
        assert index.size() == 0
    assert index.size() == 1
    writer.close()
