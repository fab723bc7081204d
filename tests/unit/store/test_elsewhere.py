"""What other processes are storing, as their locks tell."""

from __future__ import annotations

import os
from pathlib import Path

from mirror.store.elsewhere import Alongside, Coming, Elsewhere, look
from mirror.store.ingest import Ingest
from tests.support.caches import blob, layout_at

DIGEST, DATA = blob(1, 8192)
OTHER, _ = blob(2)


def test_what_somebody_is_storing_is_found_with_what_it_will_take(tmp_path: Path) -> None:
    with layout_at(tmp_path) as layout:
        assert look(layout, ()) == ()
        ingest = Ingest(layout, DIGEST, durable=False)
        ingest.expect(3 * len(DATA))
        ingest.append(DATA)
        (tmp_path / "ingest" / "not ours").mkdir()
        (coming,) = look(layout, ())
        assert (coming.digest, coming.total) == (DIGEST, 3 * len(DATA))
        assert look(layout, {DIGEST}) == ()
        ingest.leave()
        assert look(layout, ()) == ()  # nobody is at it


def test_it_counts_what_is_still_to_come_and_what_will_stay() -> None:
    found = Elsewhere([Coming(DIGEST, 100, 1000), Coming(OTHER, 50, None)])
    assert found.digests == {DIGEST, OTHER}
    assert found.outstanding == 900
    assert [found.whole(largest) for largest in (999, 1000)] == [0, 1000]


def test_a_growing_file_is_read_along(tmp_path: Path) -> None:
    with layout_at(tmp_path) as layout:
        alongside = Alongside(layout)
        assert alongside.open(DIGEST) is None
        ingest = Ingest(layout, DIGEST, durable=False)
        ingest.append(DATA)
        descriptor = alongside.open(DIGEST)
        assert descriptor is not None
        assert alongside.is_held(DIGEST, descriptor)
        ingest.leave()
        assert not alongside.is_held(DIGEST, descriptor)
        again = Ingest(layout, DIGEST, durable=False)
        assert alongside.is_held(DIGEST, descriptor)
        again.abort()
        assert not alongside.is_held(DIGEST, descriptor)
        assert os.pread(descriptor, len(DATA), 0) == DATA  # S5
        anew = Ingest(layout, DIGEST, durable=False)
        assert not alongside.is_held(DIGEST, descriptor)  # it is another file
        anew.abort()
        os.close(descriptor)


def test_what_is_no_file_of_ours_is_none(tmp_path: Path) -> None:
    with layout_at(tmp_path) as layout:
        place = tmp_path / "ingest" / f"{DIGEST.algorithm}-{DIGEST.encoded}"
        (place / "data").mkdir(parents=True)
        assert Alongside(layout).open(DIGEST) is None
        assert look(layout, ()) == ()
