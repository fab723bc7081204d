from __future__ import annotations

import pytest

from bench.bucket import Bucket


def test_a_full_bucket_lets_its_burst_out_at_once() -> None:
    bucket = Bucket(rate=1000.0, burst=0.5)
    assert bucket.take(500, now=10.0) == 0.0
    assert bucket.take(100, now=10.0) == pytest.approx(0.1)


def test_what_is_taken_goes_at_the_rate_in_the_long_run() -> None:
    bucket, now = Bucket(rate=1000.0, burst=0.01), 0.0
    for _ in range(100):
        now += bucket.take(50, now)
    assert now == pytest.approx(100 * 50 / 1000.0 - 0.01)


def test_a_rest_saves_up_no_more_than_the_burst() -> None:
    bucket = Bucket(rate=1000.0, burst=0.1)
    bucket.take(100, now=0.0)
    assert bucket.take(200, now=3600.0) == pytest.approx(0.1)


def test_what_somebody_takes_the_next_one_waits_for() -> None:
    bucket = Bucket(rate=1000.0, burst=0.0)
    assert [bucket.take(100, now=5.0) for _ in range(3)] == pytest.approx([0.1, 0.2, 0.3])
