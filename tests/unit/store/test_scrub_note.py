"""How far the scrub has come outlives the process; a note that makes no sense is the beginning."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirror.store.scrub_note import Progress, read_progress, write_progress
from tests.support.caches import layout_at

PROGRESS = Progress("sha256:00", done=3, found=1, began=20.0, finished=10.0)


def test_what_is_noted_is_found_by_the_next_process(tmp_path: Path) -> None:
    with layout_at(tmp_path) as layout:
        assert read_progress(layout) == Progress()
        write_progress(layout, PROGRESS)
    with layout_at(tmp_path) as layout:
        assert read_progress(layout) == PROGRESS


@pytest.mark.parametrize(
    "note", [b"", b"\0" * 50, b"[]", b"{}", b'{"after":', b'{"after":"","done":-1,"found":0,"began":0,"finished":0}']
)
def test_a_note_that_makes_no_sense_is_the_beginning(tmp_path: Path, note: bytes) -> None:
    with layout_at(tmp_path) as layout:
        write_progress(layout, PROGRESS)
        (tmp_path / "scrub").write_bytes(note)
        assert read_progress(layout) == Progress()
