"""Under which names a mirror is asked, and what is explained where there is no cache to look at."""

from __future__ import annotations

import pytest

from mirror.config.settings import Settings
from mirror.pull.configured import Making
from mirror.pull.explaining import explanations, is_own
from mirror.upstream.contact import Contact
from mirror.upstream.surroundings import Surroundings
from mirror.upstream.transport import unobserved

SETTINGS = Settings.model_validate(
    {"server": {"listen": [":5000", "10.0.0.1:6000"]}, "upstreams": {"ghcr.io": {"hosts": ["gh.lan"]}}}
)


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("gh.lan", True),
        ("gh.lan:1", True),
        ("127.0.0.1:5000", True),
        ("localhost:5000", True),
        ("10.0.0.1:6000", True),
        ("127.0.0.1:5001", False),
        ("10.0.0.2:5000", False),
        ("registry.test:5000", False),
        ("registry.test", False),
        ("", False),
    ],
)
def test_a_mirror_is_asked_at_its_hosts_and_where_it_listens(host: str, own: bool) -> None:
    assert is_own(SETTINGS, host) is own


async def test_without_a_cache_there_is_the_route_alone() -> None:
    contact = Contact(frozen=True)
    making = Making(SETTINGS, unobserved, Surroundings(contact=contact))
    try:
        found = await explanations(SETTINGS, await making.make(), contact, None).explain("localhost:5000/ghcr.io/a/b:1")
    finally:
        await making.aclose()
    assert (found.image, found.frozen, found.images, found.asks) == ("ghcr.io/a/b:1", True, None, None)
