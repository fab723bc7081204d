"""Whose bytes go through which limits."""

from __future__ import annotations

import gc

from mirror.allowance import OPEN
from mirror.config.bandwidth import Window
from mirror.config.settings import Limits
from mirror.server.uploads import Uploads

RATE = (Window(1e6),)
OTHER = (Window(5e5),)


def test_without_limits_everything_is_open() -> None:
    uploads = Uploads.configured(Limits())
    assert not uploads.limited
    assert uploads.of("192.0.2.1") == OPEN


def test_the_whole_is_one_limit_for_all() -> None:
    uploads = Uploads.configured(Limits.model_validate({"upload": "1MB/s"}))
    assert uploads.limited
    first, second = uploads.of("192.0.2.1"), uploads.of("192.0.2.2")
    assert first.allowances == second.allowances
    assert len(first.allowances) == 1


def test_each_client_has_its_own_and_shares_the_whole() -> None:
    uploads = Uploads.configured(Limits.model_validate({"upload": "1MB/s", "upload_per_client": "500kB/s"}))
    assert uploads.limited
    (own, whole), (other, same) = uploads.of("192.0.2.1").allowances, uploads.of("192.0.2.2").allowances
    assert own is not other
    assert whole is same
    assert (own.portion(10**9), whole.portion(10**9)) == (62_500, 125_000)


def test_a_client_has_one_limit_on_all_its_connections() -> None:
    uploads = Uploads(each=RATE)
    assert uploads.of("192.0.2.1").allowances == uploads.of("192.0.2.1").allowances
    assert uploads.of("2001:db8:1:2::1").allowances == uploads.of("2001:db8:1:2:f::9").allowances
    assert uploads.of("2001:db8:1:2::1").allowances != uploads.of("2001:db8:1:3::1").allowances


def test_a_limit_in_use_is_kept_however_many_others_come() -> None:
    uploads = Uploads(each=RATE)
    held = uploads.of("192.0.2.1")
    for number in range(5000):
        uploads.of(f"198.51.{number // 250}.{number % 250}")
    gc.collect()
    assert uploads.of("192.0.2.1").allowances == held.allowances


def test_those_of_clients_that_are_gone_do_not_pile_up() -> None:
    uploads = Uploads(each=RATE)
    first = id(uploads.of("192.0.2.1").allowances[0])
    kept = {id(uploads.of(f"198.51.{number // 250}.{number % 250}").allowances[0]) for number in range(5000)}
    gc.collect()
    assert len(kept | {first}) < 5000  # their places have been used again


def test_limits_of_other_sizes_are_other_limits() -> None:
    assert Uploads(RATE).of("a").allowances != Uploads(OTHER).of("a").allowances
