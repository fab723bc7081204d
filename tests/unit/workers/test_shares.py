"""What of the limits each process has."""

from __future__ import annotations

import pytest

from mirror.config.settings import Settings
from mirror.workers.shares import share_of

SETTINGS = Settings.model_validate(
    {
        "server": {"workers": 3},
        "limits": {
            "connections": 100,
            "connections_per_client": 2,
            "memory_cache": "3MiB",
            "download": "30MB/s",
            "upload": "60MB/s",
            "upload_per_client": [{"rate": "9MB/s", "from": "08:00", "to": "18:00"}],
        },
        "upstreams": {"docker.io": {"request_rate": "6/s", "download": "12MB/s"}, "ghcr.io": {"tag_ttl": "1m"}},
    }
)


def test_together_they_have_what_is_said_of_the_mirror() -> None:
    limits = share_of(SETTINGS, 3).limits
    assert limits.connections == 34
    assert limits.connections_per_client == 1
    assert limits.memory_cache == 1024**2
    assert [window.rate for window in (*limits.download, *limits.upload, *limits.upload_per_client)] == [
        pytest.approx(10_000_000),
        pytest.approx(20_000_000),
        pytest.approx(3_000_000),
    ]


def test_so_it_is_with_what_is_said_of_an_upstream() -> None:
    upstreams = share_of(SETTINGS, 3).upstreams
    assert [window.rate for window in upstreams["docker.io"].download] == [pytest.approx(4_000_000)]
    assert upstreams["ghcr.io"] == SETTINGS.upstreams["ghcr.io"]


def test_everything_else_is_as_it_was() -> None:
    share = share_of(SETTINGS, 3)
    assert (share.server, share.storage, share.log) == (SETTINGS.server, SETTINGS.storage, SETTINGS.log)
    assert share.limits.fetch_wait == SETTINGS.limits.fetch_wait


def test_one_alone_has_all() -> None:
    assert share_of(SETTINGS, 1) == SETTINGS
