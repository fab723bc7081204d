"""After a run that did not end tidily, what it cannot have synced is doubted: blobs of a fast one, parts of any."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirror.store.index import Index
from mirror.store.ingest import Ingest, Stamp
from mirror.store.layout import Layout
from mirror.store.recovery import FAST, SAFE, take_over
from tests.support.caches import blob, layout_at, under_way

OLD, YOUNG, STORED = blob(1)[0], blob(2)[0], blob(3)[0]
BOOTED = 1_000_000_000.0
STAMP = Stamp(100, 1, 1)


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    """One with a part from before the system was started and one from after that."""
    with layout_at(tmp_path) as opened:
        for digest, when in ((OLD, BOOTED - 1), (YOUNG, BOOTED + 1)):
            ingest = Ingest(opened, digest, durable=False)
            ingest.append(b"some")
            ingest.leave()
            os.utime(tmp_path / "ingest" / f"sha256-{digest.encoded}" / "data", (when, when))
        yield opened


@pytest.fixture
def index(layout: Layout) -> Iterator[Index]:
    index = Index(layout.index)
    index.put_blob(str(STORED), STAMP, 1.0)
    yield index
    index.close()


def _parts(root: Path) -> list[str]:
    return [name for name in under_way(root) if name.endswith("/data")]


def test_after_a_tidy_end_everything_is_believed(layout: Layout, index: Index, tmp_path: Path) -> None:
    take_over(layout, index, BOOTED)
    assert len(_parts(tmp_path)) == 2
    assert index.stamp(str(STORED)) == STAMP


def test_after_a_crash_parts_from_before_the_start_of_the_system_are_given_up(
    layout: Layout, index: Index, tmp_path: Path
) -> None:
    layout.begin(SAFE)
    take_over(layout, index, BOOTED)
    assert _parts(tmp_path) == [f"sha256-{YOUNG.encoded}/data"]
    assert index.stamp(str(STORED)) == STAMP


def test_after_a_crash_of_a_fast_run_every_blob_is_doubted_as_well(
    layout: Layout, index: Index, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    layout.begin(FAST)
    take_over(layout, index, BOOTED)
    assert _parts(tmp_path) == [f"sha256-{YOUNG.encoded}/data"]
    assert index.stamp(str(STORED)) is None
    assert "each blob is verified before it is served" in caplog.text
