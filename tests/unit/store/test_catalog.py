"""The catalog: text in, text out, whatever somebody has put into its file."""

from __future__ import annotations

import pickle
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.oci.digest import Digest
from mirror.store.catalog import Catalog, Key, Note, TagRecord, member_note, noted_member
from mirror.store.index import Member

KEY = Key("tag", "docker.io", "library/alpine", "latest")
DIGEST = str(Digest.of(b"manifest"))
FACT: dict[str, Any] = {"digest": DIGEST, "checked": 1.0, "failed": 0.0}


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    opened = Catalog(tmp_path)
    yield opened
    opened.close()


def _write(catalog: Catalog, *notes: Note) -> None:
    with catalog.transaction():
        for note in notes:
            catalog.write(note)


# facts


def test_a_fact_outlives_the_process(catalog: Catalog, tmp_path: Path) -> None:
    assert catalog.get(KEY) is None
    _write(catalog, Note(KEY, FACT))
    catalog.close()
    again = Catalog(tmp_path)
    assert again.get(KEY) == FACT
    assert list(again.facts()) == [(KEY, FACT)]
    again.close()


def test_a_fact_is_forgotten_when_it_is_noted_as_none(catalog: Catalog) -> None:
    _write(catalog, Note(KEY, FACT), Note(KEY, None))
    assert catalog.get(KEY) is None
    _write(catalog, Note(KEY, None))


def test_a_fact_runs_out(catalog: Catalog) -> None:
    _write(catalog, Note(KEY, FACT, -1.0), Note(Key("tag", "u", "r", "t"), FACT, 60.0))
    assert catalog.get(KEY) is None
    assert [key.upstream for key, _ in catalog.facts()] == ["u"]
    catalog.expire()
    assert catalog.get(Key("tag", "u", "r", "t")) == FACT


def test_what_was_just_noted_is_read_before_it_is_written(catalog: Catalog) -> None:
    note = Note(KEY, FACT)
    catalog.note(note)
    assert catalog.get(KEY) == FACT
    catalog.written(note)  # it was lost
    assert catalog.get(KEY) is None


def test_what_was_noted_later_stays_when_the_earlier_is_written(catalog: Catalog) -> None:
    first, second, third = Note(KEY, None), Note(KEY, FACT), Note(KEY, None)
    for note in (first, second, third):
        catalog.note(note)
    _write(catalog, first)
    catalog.written(first)
    _write(catalog, second)
    catalog.written(second)
    assert catalog.get(KEY) is None  # as the third says, although the second is in the file
    _write(catalog, third)
    catalog.written(third)
    assert catalog.get(KEY) is None


def test_a_transaction_is_done_wholly_or_not_at_all_and_another_can_begin(catalog: Catalog) -> None:
    def write_and_fail() -> None:
        with catalog.transaction():
            catalog.write(Note(KEY, FACT))
            raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        write_and_fail()
    assert catalog.get(KEY) is None
    _write(catalog, Note(KEY, FACT))
    assert catalog.get(KEY) == FACT


def test_a_commit_that_fails_does_not_keep_others_from_beginning(catalog: Catalog, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / Catalog.FILE, isolation_level=None)
    other.executescript(
        "CREATE TABLE parent (id PRIMARY KEY); CREATE TABLE child (id REFERENCES parent DEFERRABLE INITIALLY DEFERRED);"
        "CREATE TRIGGER spoil AFTER INSERT ON Cache BEGIN INSERT INTO child VALUES (1); END;"
        "INSERT INTO Settings VALUES ('sqlite_foreign_keys', 1)"  # for the next connection
    )
    catalog.close()
    with pytest.raises(sqlite3.IntegrityError):
        _write(catalog, Note(KEY, FACT))
    other.execute("DROP TRIGGER spoil")
    other.close()
    _write(catalog, Note(KEY, FACT))
    assert catalog.get(KEY) == FACT


names = st.text(st.characters(codec="ascii", exclude_characters="\x1f"), max_size=5)


@given(one=st.tuples(names, names, names, names, names), other=st.tuples(names, names, names, names, names))
def test_no_two_keys_are_the_same_in_the_file(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert (str(Key(*one)) == str(Key(*other))) is (one == other)


# what a fact may be


def test_a_tag_record_is_read_as_it_was_written() -> None:
    assert TagRecord.of(FACT) == TagRecord(DIGEST, 1.0)
    assert TagRecord.of({**FACT, "checked": 1}) == TagRecord(DIGEST, 1.0)
    assert TagRecord.of({**FACT, "lasting": True}) == TagRecord(DIGEST, 1.0, lasting=True)
    assert TagRecord.of({**FACT, "lasting": "yes"}) == TagRecord(DIGEST, 1.0)
    assert TagRecord.of({**FACT, "trouble": "deleted"}) == TagRecord(DIGEST, 1.0, trouble="deleted")
    for nothing in ({}, {"trouble": None}, {"trouble": 3}):  # the first versions wrote none
        assert TagRecord.of({**FACT, **nothing}) == TagRecord(DIGEST, 1.0)


def test_what_is_held_back_is_read_as_it_was_written_or_not_at_all() -> None:
    record = TagRecord(f"sha256:{'0' * 64}", 1.0, former=f"sha256:{'1' * 64}", since=2.0)
    assert TagRecord.of(asdict(record)) == record
    for change in ({"former": 5}, {"former": ""}, {"since": "then"}):
        found = TagRecord.of(asdict(record) | change)
        assert found is not None
        assert (found.former, found.since) == ("", 0.0)
    assert TagRecord.of(asdict(record) | {"former": "../x"}) is None


@pytest.mark.parametrize(
    "change",
    [{"digest": "sha256:short"}, {"digest": 5}, {"digest": None}, {"checked": "1"}, {"failed": [1]}, {"checked": None}],
)
def test_another_fact_is_no_tag_record(change: dict[str, object]) -> None:
    assert TagRecord.of({**FACT, **change}) is None


def test_a_fact_without_all_its_parts_is_no_tag_record() -> None:
    assert TagRecord.of({"digest": DIGEST}) is None


SOUND: dict[str, Any] = {"media_type": "type", "content": DIGEST, "since": 1.0}
UNSOUND = [
    SOUND | change for change in ({"media_type": "é"}, {"media_type": "a\nb"}, {"content": "../x"}, {"since": "1"})
]


@pytest.mark.parametrize("member", [Member("u", "r", DIGEST), Member("u", "r", DIGEST, "type", DIGEST)])
def test_a_membership_is_read_as_it_was_written(member: Member) -> None:
    note = member_note(member)
    assert note.fact is not None
    assert noted_member(note.key, note.fact) == member


@pytest.mark.parametrize(
    "fact", [{}, {"media_type": 1, "content": None}, {"media_type": None, "content": {}}, *UNSOUND]
)
def test_another_fact_is_no_membership(fact: dict[str, Any]) -> None:
    assert noted_member(Key("member", "u", "r", DIGEST), fact) is None


# forged rows: CVE-2025-69872 and its kin


class Trap:
    """What would run if anybody unpickled it."""

    sprung = False

    def __reduce__(self) -> tuple[Any, ...]:
        return setattr, (Trap, "sprung", True)


def _forge(directory: Path, columns: dict[str, object], name: str = str(KEY)) -> None:
    row = {"key": name, "raw": 1, "store_time": time.time(), "mode": 1, "value": None, **columns}
    connection = sqlite3.connect(directory / Catalog.FILE)
    with connection:
        query = f"INSERT INTO Cache ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"
        connection.execute(query, tuple(row.values()))
    connection.close()


PICKLE = pickle.dumps(Trap())
ROWS: dict[str, dict[str, object]] = {
    "pickle": {"mode": 4, "value": PICKLE},
    "pickle in a file": {"mode": 4, "filename": "../secret"},
    "binary file": {"mode": 2, "filename": "../secret"},
    "text file": {"mode": 3, "filename": "../secret"},
    "text with a file": {"mode": 1, "filename": "../secret", "value": "{}"},
    "unknown mode": {"mode": 99, "value": "{}"},
    "bytes": {"value": b"{}"},
    "number": {"value": 5},
    "nothing": {"value": None},
    "not JSON": {"value": "{"},
    "not an object": {"value": "[]"},
    "pickled key": {"key": PICKLE, "raw": 0, "value": "{}"},
    "text key that is not raw": {"raw": 0, "value": "{}"},
    "key of bytes": {"key": b"\x1f\x1f\x1f\x1f", "value": "{}"},
    "key of a number": {"key": 7, "value": "{}"},
}


@pytest.mark.parametrize("row", ROWS)
def test_a_forged_row_is_no_fact_and_harms_nobody(catalog: Catalog, tmp_path: Path, row: str) -> None:
    secret = tmp_path.parent / "secret"
    secret.write_bytes(PICKLE)
    _forge(tmp_path, ROWS[row])
    other = Key("tag", "zz", "after", "it")
    _write(catalog, Note(other, FACT))
    assert catalog.get(KEY) is None
    assert list(catalog.facts()) == [(other, FACT)]  # the listing goes on behind it
    _write(catalog, Note(KEY, FACT))  # written over, and removed
    assert catalog.get(KEY) == FACT
    _write(catalog, Note(KEY, None))
    catalog.expire()
    assert not Trap.sprung
    assert secret.read_bytes() == PICKLE  # the file that a row names is none of ours to remove


def test_a_forged_row_that_has_run_out_takes_no_file_with_it(catalog: Catalog, tmp_path: Path) -> None:
    secret = tmp_path.parent / "secret"
    secret.write_bytes(b"secret")
    _forge(tmp_path, {"mode": 2, "filename": "../secret", "expire_time": 1.0})
    catalog.expire()
    assert secret.read_bytes() == b"secret"


def test_the_trap_would_spring() -> None:
    pickle.loads(PICKLE)
    assert Trap.sprung
    Trap.sprung = False


def test_facts_are_forgotten_by_how_their_names_begin(catalog: Catalog) -> None:
    names = [
        ("tag", "one", "a/b", "v1", ""),
        ("tag", "one", "a/b", "v1", "0,2"),
        ("tag", "one", "a/b", "v10", ""),
        ("tag", "one", "a/bc", "v1", ""),
        ("tags", "one", "a/b", "", ""),
    ]
    keys = [Key(*name) for name in names]
    _write(catalog, *(Note(key, FACT) for key in keys))
    with catalog.transaction():
        catalog.forget_beginning_with(Key("tag", "one", "a/b", "v1"))
    assert [catalog.get(key) is None for key in keys] == [True, True, False, False, False]
    with catalog.transaction():
        catalog.forget_beginning_with(Key("tag", "one", "a/b", ""))
    assert [catalog.get(key) is None for key in keys] == [True, True, True, False, False]
