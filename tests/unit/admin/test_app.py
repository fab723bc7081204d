"""The operator's listener."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mirror.admin.app import admin_app
from mirror.config.addresses import ListenAddress
from mirror.metrics import Metrics
from mirror.server.footing import OwnFigures
from mirror.server.operating import listen_admin
from tests.support.figures import figure, figures
from tests.support.mirror import MirrorUnderTest
from tests.support.raw_client import Answer, RawClient
from tests.support.registry import FakeRegistry
from tests.support.surface import REPOSITORY, SMALL, TAG_PATH


class Admin:
    """An admin listener by itself; `unready` is what it says of readiness."""

    def __init__(self) -> None:
        self.unready: str | None = None
        self._address = ("", 0)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        app = admin_app(OwnFigures(Metrics("1.2.3")).render, lambda: self.unready)
        runner = await listen_admin(app, [ListenAddress("127.0.0.1", 0)])
        try:
            self._address = runner.addresses[0][:2]
            yield
        finally:
            await runner.cleanup()

    async def ask(self, method: str, path: str) -> Answer:
        return await asyncio.to_thread(ask, self._address, method, path)


def ask(address: tuple[str, int], method: str, path: str) -> Answer:
    with RawClient(address) as client:
        return client.ask(method, path)


@pytest.fixture
async def admin() -> AsyncIterator[Admin]:
    admin = Admin()
    async with admin.listening():
        yield admin


@pytest.mark.parametrize("path", ["/livez", "/healthz", "/readyz"])
async def test_it_is_well(admin: Admin, path: str) -> None:
    assert [(await admin.ask(method, path)).status for method in ("GET", "HEAD")] == [200, 200]
    assert (await admin.ask("GET", path)).body == b"ok\n"


async def test_unready_is_not_dead(admin: Admin) -> None:
    for reason in ("starting", "stopping"):
        admin.unready = reason
        answer = await admin.ask("GET", "/readyz")
        assert (answer.status, answer.body) == (503, f"{reason}\n".encode())
        assert (await admin.ask("GET", "/livez")).status == 200
    admin.unready = None
    assert (await admin.ask("GET", "/readyz")).status == 200


async def test_the_figures_can_be_read(admin: Admin) -> None:
    answer = await admin.ask("GET", "/metrics")
    assert answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert figure(answer.body, "mirror_build_info", version="1.2.3") == 1


async def test_it_does_not_say_what_it_is_made_of(admin: Admin) -> None:
    for path in ("/livez", "/metrics", "/nothing"):
        assert (await admin.ask("GET", path))["Server"] == "mirror"


async def test_it_says_what_it_has(admin: Admin) -> None:
    index = (await admin.ask("GET", "/")).body.decode()
    for path in ("/metrics", "/livez", "/readyz"):
        assert path in index.split()
        assert (await admin.ask("GET", path)).status == 200


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/v2/", 404), ("POST", "/livez", 405), ("GET", "/x", 404)]
)
async def test_it_has_nothing_else(admin: Admin, method: str, path: str, status: int) -> None:
    assert (await admin.ask(method, path)).status == status


async def test_no_upstream_makes_it_unready_and_no_repository_is_named(tmp_path: Path) -> None:
    async with FakeRegistry() as registry:
        registry.push_image(REPOSITORY, "v1", [SMALL])
        async with MirrorUnderTest(tmp_path, registry.url) as mirror:
            address = mirror.mirror.admin.addresses[0][:2]
            assert (await mirror.get(TAG_PATH))[0].status == 200
            await registry.stop()
            for number in range(20):
                assert (await mirror.get(f"/v2/canary/app{number}/manifests/v1?canary"))[0].status == 503
            for path in ("/readyz", "/livez"):
                assert (await asyncio.to_thread(ask, address, "GET", path)).status == 200
            text = (await asyncio.to_thread(ask, address, "GET", "/metrics")).body
            assert b"canary" not in text
            assert REPOSITORY.encode() not in text
            kinds = {dict(labels)["kind"] for name, labels in figures(text) if name == "mirror_requests_total"}
            assert kinds == {"manifest"}
