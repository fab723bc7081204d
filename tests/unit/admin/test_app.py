"""The operator's listener: health, readiness and figures, whatever the upstreams do."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from mirror.admin.app import admin_app
from mirror.metrics import CONTENT_TYPE, Metrics


class Readiness:
    """Why requests should go elsewhere, as a test has set it."""

    reason: str | None = None

    def __call__(self) -> str | None:
        return self.reason


@pytest.fixture
def readiness() -> Readiness:
    return Readiness()


@pytest.fixture
async def admin(readiness: Readiness) -> AsyncIterator[TestClient[Request, Application]]:
    async with TestClient(TestServer(admin_app(Metrics("1"), readiness))) as client:
        yield client


@pytest.mark.parametrize("path", ["/livez", "/healthz", "/readyz"])
async def test_health_is_one_word(admin: TestClient[Request, Application], path: str) -> None:
    answer = await admin.get(path)
    assert (answer.status, await answer.text()) == (200, "ok\n")


async def test_a_mirror_that_is_not_ready_says_why_and_is_alive(
    admin: TestClient[Request, Application], readiness: Readiness
) -> None:
    readiness.reason = "stopping"
    answer = await admin.get("/readyz")
    assert (answer.status, await answer.text()) == (503, "stopping\n")
    assert (await admin.get("/livez")).status == 200


async def test_the_figures_are_in_the_format_of_prometheus(admin: TestClient[Request, Application]) -> None:
    answer = await admin.get("/metrics")
    assert answer.headers["Content-Type"] == CONTENT_TYPE
    assert "mirror_build_info" in await answer.text()


async def test_the_root_names_what_there_is(admin: TestClient[Request, Application]) -> None:
    text = await (await admin.get("/")).text()
    for path in text.removeprefix("mirror: ").split():
        assert (await admin.get(path)).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_nothing_can_be_changed_here(admin: TestClient[Request, Application], method: str) -> None:
    assert (await admin.request(method, "/metrics")).status == 405
