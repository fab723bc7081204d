from __future__ import annotations

from bench.machine import described


def test_it_says_where_it_was_measured_and_what() -> None:
    said = described()
    assert {"machine", "python", "aiohttp", "nginx", "docker-registry"} <= set(said)
    assert all(said.values())
