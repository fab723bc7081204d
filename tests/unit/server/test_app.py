"""The whole, put together and taken apart: nothing is left, and what went wrong is said."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from mirror.config.settings import Settings
from mirror.errors import ConfigurationError, MirrorError, StoreBusy
from mirror.server.app import Mirror
from tests.support.authority import Authority
from tests.support.faults import Fault
from tests.support.figures import becomes
from tests.support.loops import LOOPS, run_on
from tests.support.mirror import MirrorUnderTest
from tests.support.registry import FakeRegistry
from tests.support.surface import LARGE, LARGE_DIGEST, LARGE_PATH, MANIFEST, REPOSITORY, SMALL, SMALL_PATH, TAG_PATH


def settings(root: Path, **sections: Any) -> Settings:
    values: dict[str, Any] = {
        "server": {"listen": "127.0.0.1:0", "shutdown_grace": "1s"},
        "admin": {"listen": "127.0.0.1:0"},
        "storage": {"root": str(root / "cache"), "min_free": "0"},
        "log": {"access": False},
    }
    return Settings.model_validate(values | sections)


@pytest.mark.parametrize("loop", LOOPS)
def test_nothing_is_left_when_it_has_ended(tmp_path: Path, loop: str) -> None:
    async def once() -> None:
        async with FakeRegistry() as registry:
            registry.push_image(REPOSITORY, "v1", [SMALL, LARGE])
            async with MirrorUnderTest(tmp_path, registry.url) as mirror:
                for path in (TAG_PATH, SMALL_PATH, LARGE_PATH):
                    assert (await mirror.get(path))[0].status == 200

    async def scenario() -> None:
        await once()
        before = sorted(os.listdir("/proc/self/fd"))
        await once()
        assert {task.get_name() for task in asyncio.all_tasks()} == {asyncio.current_task().get_name()}  # type: ignore[union-attr]
        assert sorted(os.listdir("/proc/self/fd")) == before

    run_on(loop, scenario())


async def test_an_address_that_is_taken_ends_it_and_lets_the_cache_go(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for section in ("server", "admin"):
            with pytest.raises(MirrorError, match=f"cannot listen on {address}"):
                await Mirror(settings(tmp_path, **{section: {"listen": address}})).__aenter__()
    async with Mirror(settings(tmp_path)) as mirror:
        assert len(mirror.listeners.bound) == 1


async def test_a_cache_that_is_in_use_ends_it(tmp_path: Path) -> None:
    async with Mirror(settings(tmp_path)):
        with pytest.raises(StoreBusy):
            await Mirror(settings(tmp_path)).__aenter__()


async def test_a_certificate_that_cannot_be_used_ends_it_before_anything_is_made(tmp_path: Path) -> None:
    tls = {"certificate": str(tmp_path / "none"), "key": str(tmp_path / "none")}
    with pytest.raises(ConfigurationError):
        await Mirror(settings(tmp_path, server={"listen": "127.0.0.1:0", "tls": tls})).__aenter__()
    assert not (tmp_path / "cache").exists()


async def test_it_says_what_it_serves(tmp_path: Path) -> None:
    async with Mirror(settings(tmp_path)) as mirror:
        with capture_logs() as said:
            mirror.announce()
        assert said[0]["at"] == f"http://127.0.0.1:{mirror.listeners.bound[0].port}"
        assert said[0]["admin"] == f"http://127.0.0.1:{mirror.admin.addresses[0][1]}"
        assert said[0]["cached_bytes"] == 0


async def test_over_tls_it_says_https(tmp_path: Path) -> None:
    certificate, key = Authority(tmp_path).server_files("127.0.0.1")
    tls = {"certificate": str(certificate), "key": str(key)}
    async with Mirror(settings(tmp_path, server={"listen": "127.0.0.1:0", "tls": tls})) as mirror:
        with capture_logs() as said:
            mirror.announce()
        assert said[0]["at"].startswith("https://127.0.0.1:")


async def test_the_figures_are_those_of_its_parts(tmp_path: Path) -> None:
    async with FakeRegistry() as registry:
        registry.push_image(REPOSITORY, "v1", [SMALL, LARGE])
        async with MirrorUnderTest(
            tmp_path, registry.url, {"storage": {"max_size": "1GiB"}, "prefetch": "off"}
        ) as mirror:
            render = mirror.mirror.metrics.render
            for _ in range(2):
                for path in (TAG_PATH, LARGE_PATH):
                    assert (await mirror.get(path))[0].status == 200
                await becomes(render, 0, "mirror_fills_in_flight")
            for result in ("hit", "miss"):
                of = {"kind": "blob", "result": result, "upstream": "docker.io"}
                await becomes(render, 1, "mirror_requests_total", **of)
                await becomes(render, len(LARGE), "mirror_served_bytes_total", **of)
            await becomes(render, 1, "mirror_fills_total")
            await becomes(render, 1024**3, "mirror_cache_limit_bytes")
            await becomes(render, len(LARGE) + len(MANIFEST), "mirror_cache_bytes")
            await becomes(render, len(LARGE) + len(MANIFEST), "mirror_upstream_bytes_total", upstream="docker.io")


async def test_bytes_that_are_not_what_they_should_be_are_counted_and_told(tmp_path: Path) -> None:
    async with FakeRegistry() as registry:
        registry.push_image(REPOSITORY, "v1", [SMALL, LARGE])
        async with MirrorUnderTest(tmp_path, registry.url) as mirror:
            registry.fail(Fault(flip_at=100), "GET", str(LARGE_DIGEST))
            with capture_logs() as said:
                response = await mirror.session.get(mirror.url + LARGE_PATH)
                response.close()
                await becomes(mirror.mirror.metrics.render, 1, "mirror_integrity_failures_total", where="upstream")
            (error,) = [line for line in said if line["log_level"] == "error"]
            assert error["digest"] == str(LARGE_DIGEST)


async def test_a_file_that_has_changed_is_counted(tmp_path: Path) -> None:
    async with FakeRegistry() as registry:
        registry.push_image(REPOSITORY, "v1", [SMALL, LARGE])
        async with MirrorUnderTest(tmp_path, registry.url) as mirror:
            render = mirror.mirror.metrics.render
            assert (await mirror.get(LARGE_PATH))[1] == LARGE
            await becomes(render, 0, "mirror_fills_in_flight")
            (file,) = (tmp_path / "cache").rglob(LARGE_DIGEST.encoded)
            os.truncate(file, 1000)
            assert (await mirror.get(LARGE_PATH))[1] == LARGE
            await becomes(render, 1, "mirror_integrity_failures_total", where="store")


async def test_each_request_is_a_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async with FakeRegistry() as registry:
        log = {"log": {"access": True, "format": "json"}}
        async with MirrorUnderTest(tmp_path, registry.url, log) as mirror:
            await mirror.get("/v2/?secret=canary")
            await mirror.get("/nowhere", Authorization="Bearer canary")
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    assert [(line["path"], line["status"]) for line in lines] == [("/v2/", 200), ("/nowhere", 404)]
    assert "canary" not in str(lines)
