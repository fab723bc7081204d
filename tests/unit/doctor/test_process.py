"""Open files, ports and proxy variables."""

from __future__ import annotations

import asyncio
import resource
import socket
from pathlib import Path
from typing import Any

import pytest

from mirror.config.settings import Settings
from mirror.doctor.findings import Finding, Level
from mirror.doctor.process import descriptors, examine, proxies
from tests.support.listener import Listener
from tests.support.mirror import MirrorUnderTest
from tests.support.registry import FakeRegistry


@pytest.mark.parametrize(
    ("hard", "level"), [(resource.RLIM_INFINITY, Level.OK), (65_536, Level.OK), (1024, Level.WARNING), (127, Level.BAD)]
)
def test_a_process_may_open_what_its_clients_need(hard: int, level: Level) -> None:
    assert descriptors(4096, hard).level is level


async def test_several_processes_open_what_each_of_them_needs() -> None:
    found = {}
    for workers in (1, 4):
        settings = Settings.model_validate({"server": {"listen": ":0", "workers": workers}, "admin": {"listen": ":0"}})
        (files, *_) = await examine(settings, {})
        found[workers] = int(files.words.split()[2])
    assert found[1] - found[4] == 3 * (4096 - 1024)


def test_the_variables_are_named_and_what_they_say_is_not() -> None:
    (finding,) = proxies({"HTTPS_PROXY": "http://u:canary@proxy.test", "no_proxy": "canary.test", "http_proxy": " "})
    assert finding.words.startswith("HTTPS_PROXY, no_proxy set")
    assert "canary" not in finding.words
    assert list(proxies({})) == []


async def ports(listen: str, **values: Any) -> list[Finding]:
    settings = Settings.model_validate({"server": {"listen": listen, **values}, "admin": {"listen": "127.0.0.1:0"}})
    return [finding for finding in await examine(settings, {}) if finding.what == "port"]


async def test_a_port_that_is_free_is_well_and_one_of_the_kernels_is_not_looked_at() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        registry, admin = await ports(f"127.0.0.1:{closed.getsockname()[1]}")
    assert (registry.level, admin.level) == (Level.OK, Level.SKIPPED)
    assert "nobody listens" in registry.words


async def test_a_port_on_which_a_mirror_answers_is_well(tmp_path: Path) -> None:
    async with FakeRegistry() as upstream, MirrorUnderTest(tmp_path, upstream.url) as mirror:
        registry, _ = await ports(str(mirror.mirror.listeners.bound[0]))
        assert (registry.level, "a mirror answers" in registry.words) == (Level.OK, True)
        host, port = mirror.mirror.admin.addresses[0][:2]
        assert "a mirror answers" in (await ports(f"{host}:{port}"))[0].words


async def test_a_port_that_another_program_has_is_a_warning() -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"220 mail.test ESMTP\r\n")

    async with Listener(other, "127.0.0.1") as listener:
        registry, _ = await ports(f"127.0.0.1:{listener.port}")
        assert registry.level is Level.WARNING
        assert registry.advice
        tls = {"certificate": "c.pem", "key": "k.pem"}
        assert (await ports(f"127.0.0.1:{listener.port}", tls=tls))[0].level is Level.SKIPPED
