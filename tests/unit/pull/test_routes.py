"""What is said of a route: the upstream, the rule, whom it is asked as, and how its endpoints stand."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from mirror.config.settings import Settings
from mirror.errors import Code, Malformed, Refused
from mirror.oci.image_name import ImageName
from mirror.pull.configured import Making
from mirror.pull.routes import Routes
from mirror.upstream.surroundings import Surroundings
from mirror.upstream.transport import unobserved

SETTINGS = Settings.model_validate(
    {
        "upstreams": {
            "docker.io": {"username": "alice", "password": "canary", "allow": "library/*"},
            "ghcr.io": {"endpoints": ["https://one.test", "https://two.test:8443"], "hosts": "gh.lan"},
        }
    }
)


@pytest_asyncio.fixture
async def routes() -> AsyncIterator[Routes]:
    making = Making(SETTINGS, unobserved, Surroundings())
    try:
        yield Routes(await making.make(), lambda host: host in ("127.0.0.1:5000", "gh.lan"))
    finally:
        await making.aclose()


def test_a_route_names_whom_it_is_asked_as_and_no_secret(routes: Routes) -> None:
    _, route = routes.find(ImageName.parse("ubuntu"))
    assert (route.upstream, route.repository, route.reference) == ("docker.io", "library/ubuntu", "latest")
    assert "alice" in route.credential
    assert "canary" not in repr(route)
    assert route.admitted
    assert not routes.find(ImageName.parse("team/app"))[1].admitted


def test_every_endpoint_is_told_in_its_order(routes: Routes) -> None:
    _, route = routes.find(ImageName.parse("ghcr.io/a/b"))
    assert [(one.place, one.state, one.probe_in, one.throttled_for) for one in route.endpoints] == [
        ("one.test", "closed", 0, 0),
        ("two.test:8443", "closed", 0, 0),
    ]


@pytest.mark.parametrize(
    ("name", "upstream", "repository"),
    [
        ("127.0.0.1:5000/ubuntu", "docker.io", "library/ubuntu"),
        ("127.0.0.1:5000/ghcr.io/a/b", "ghcr.io", "a/b"),
        ("gh.lan/a/b", "ghcr.io", "a/b"),
        ("GH.lan/a/b", "ghcr.io", "a/b"),
    ],
)
def test_behind_an_address_of_this_mirror_stands_what_it_is_asked_for(
    routes: Routes, name: str, upstream: str, repository: str
) -> None:
    target, route = routes.find(ImageName.parse(name))
    assert (route.upstream, route.repository) == (target.name, target.repository) == (upstream, repository)


def test_a_registry_that_is_not_served_has_no_route(routes: Routes) -> None:
    for name in ("registry.test/a/b", "127.0.0.1:5001/a/b", "127.0.0.1:5000/registry.test/a/b"):
        with pytest.raises((Refused, Malformed)) as refusal:
            routes.find(ImageName.parse(name))
        assert refusal.value.code is Code.NAME_UNKNOWN
