"""What downloads are yet to take is counted as it shrinks, and forgotten when they are over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mirror.store.ingest import Ingest
from mirror.store.layout import Layout
from mirror.store.reservations import Reservations
from tests.support.caches import blob, layout_at


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    with layout_at(tmp_path) as opened:
        yield opened


def _ingest(layout: Layout, number: int, size: int) -> Ingest:
    ingest = Ingest(layout, blob(number, size)[0], durable=False)
    ingest.expect(size)
    return ingest


def test_what_is_written_is_no_longer_outstanding(layout: Layout) -> None:
    reservations = Reservations()
    one, two = _ingest(layout, 1, 100), _ingest(layout, 2, 50)
    reservations.hold(one)
    reservations.hold(two)
    assert reservations.outstanding == 150
    one.append(blob(1, 100)[1][:30])
    assert reservations.outstanding == 120
    reservations.release(one.digest)
    reservations.release(one.digest)
    assert reservations.outstanding == 50
    for ingest in (one, two):
        ingest.abort()


def test_an_ingest_of_unknown_size_counts_for_nothing(layout: Layout) -> None:
    reservations = Reservations()
    ingest = Ingest(layout, blob(1)[0], durable=False)
    reservations.hold(ingest)
    ingest.append(b"1:1:")
    assert (reservations.outstanding, reservations.whole(1000)) == (0, 0)
    ingest.abort()


def test_what_is_too_large_to_stay_is_outstanding_but_will_not_be_stored(layout: Layout) -> None:
    reservations = Reservations()
    one, two = _ingest(layout, 1, 100), _ingest(layout, 2, 50)
    reservations.hold(one)
    reservations.hold(two)
    one.append(blob(1, 100)[1])
    assert (reservations.outstanding, reservations.whole(99)) == (50, 50)
    assert reservations.whole(100) == 150
    for ingest in (one, two):
        ingest.abort()
