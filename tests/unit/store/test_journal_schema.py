"""The tables of the journal: made once, in an index of any age, and found by their keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirror.store.index import Index
from mirror.store.journal_schema import ALL_MOVES, LAST, LEFT, MOVES, PINNED_IMAGES, PUT_PIN, TABLES, TRIM_UPSTREAM


def test_the_tables_are_made_once(tmp_path: Path) -> None:
    for _ in range(2):
        index = Index(tmp_path)
        index.write(PUT_PIN, ("u", "r", "t", "d", 1.0, 0))
        assert [*index.read("SELECT count(*) FROM tag_pins")] == [(1,)]
        index.close()
    assert TABLES.count("IF NOT EXISTS") == TABLES.count("CREATE")


@pytest.mark.parametrize(
    ("query", "place"),
    [(LAST, ("u", "r", "t")), (MOVES, ("u", "r", "t", 9, 1)), (ALL_MOVES, ("u", "r", 9, 1)), (LEFT, ("u", "r", "d"))],
)
def test_no_question_goes_through_every_move(tmp_path: Path, query: str, place: tuple[object, ...]) -> None:
    index = Index(tmp_path)
    plan = " ".join(str(row[-1]) for row in index.read(f"EXPLAIN QUERY PLAN {query}", place))
    index.close()
    assert "moves_by_" in plan
    assert "SCAN" not in plan


def test_the_tags_that_have_left_a_digest_are_found_by_it_alone(tmp_path: Path) -> None:
    index = Index(tmp_path)
    plan = " ".join(str(row[-1]) for row in index.read(f"EXPLAIN QUERY PLAN {LEFT}", ("u", "r", "d")))
    index.close()
    assert "COVERING INDEX moves_by_former (upstream=? AND repository=? AND old=?)" in plan
    assert "TEMP B-TREE" not in plan


def test_the_oldest_of_an_upstream_are_found_without_gathering_all_of_its_moves(tmp_path: Path) -> None:
    index = Index(tmp_path)
    plan = " ".join(str(row[-1]) for row in index.read(f"EXPLAIN QUERY PLAN {TRIM_UPSTREAM}", ("u", 1)))
    index.close()
    assert "TEMP B-TREE" not in plan
    assert "moves_by_" not in plan


def test_a_pin_means_the_image_and_its_name_is_no_pattern(tmp_path: Path) -> None:
    index = Index(tmp_path)
    index.write(PUT_PIN, ("[::1]:5000", "a/b", "v1", "sha256:0", 1.0, 1))
    assert [*index.read(PINNED_IMAGES)] == [("[[]::1]:5000/a/b@sha256:0",)]
    index.close()
