"""The way to a host: each step that fails has its own words, and ends it."""

from __future__ import annotations

import asyncio
import datetime
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from mirror.doctor.connection import STEP, Way, addresses, walk
from mirror.doctor.findings import Finding, Level
from mirror.tasks import end, spawn
from tests.support.authority import Authority
from tests.support.listener import Listener

NAME = "localhost"


async def taken(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


@asynccontextmanager
async def listening(tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    async with Listener(taken, "127.0.0.1", tls=tls) as listener:
        yield listener.port


async def local(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


def way(port: int, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", step: float = STEP) -> Way:
    return Way("a.test", host, port, tls, time.time(), step)


def last(findings: list[Finding]) -> tuple[Level, str]:
    return findings[-1].level, findings[-1].what


async def test_a_host_that_can_be_reached_is_well() -> None:
    async with listening() as port:
        findings = await walk(way(port))
    assert [(finding.level, finding.what) for finding in findings] == [(Level.OK, "DNS"), (Level.OK, "TCP")]
    assert findings[0].words == "127.0.0.1 is at 127.0.0.1"


async def test_a_name_that_has_no_address_ends_it() -> None:
    findings = await walk(way(1, host="nowhere.invalid"))
    assert [(finding.level, finding.what) for finding in findings] == [(Level.BAD, "DNS")]
    assert "nowhere.invalid has no address" in findings[0].words
    assert findings[0].advice


async def test_name_servers_that_do_not_answer_are_not_waited_for() -> None:
    async def silent(_host: str, _port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    (finding,) = await walk(way(1, host="slow.test", step=0.01), silent)
    assert (finding.level, finding.what) == (Level.BAD, "DNS")
    assert "nobody says" in finding.words


async def test_many_addresses_are_not_all_told() -> None:
    async def many(_host: str, _port: int) -> list[str]:
        return [f"127.0.0.{number}" for number in range(1, 6)]

    async with listening() as port:
        findings = await walk(way(port), many)
    assert findings[0].words == "127.0.0.1 is at 127.0.0.1, 127.0.0.2, 127.0.0.3, and 2 more"


async def test_a_port_on_which_nobody_listens_is_told() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        findings = await walk(way(closed.getsockname()[1]))
    assert last(findings) == (Level.BAD, "TCP")
    assert "refused" in findings[-1].words


async def test_a_certificate_that_is_trusted_is_told_with_its_end(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with listening(authority.server(NAME)) as port:
        findings = await walk(way(port, authority.client(), NAME), local)
        assert last(findings) == (Level.OK, "TLS")
        assert "days more" in findings[-1].words


def issued(begin: datetime.datetime | None, end: datetime.datetime) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a server, whose certificate holds for so long, and of a client that trusts it."""
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert(NAME, not_before=begin, not_after=end).configure_cert(server)
    authority.configure_trust(client)
    return server, client


async def test_a_certificate_that_ends_soon_is_a_warning() -> None:
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=3)
    server, client = issued(None, end)
    async with listening(server) as port:
        findings = await walk(way(port, client, NAME), local)
    assert last(findings) == (Level.WARNING, "TLS")


async def test_a_certificate_that_has_ended_is_told_as_such() -> None:
    begin = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=9)
    server, client = issued(begin, begin + datetime.timedelta(days=1))
    async with listening(server) as port:
        findings = await walk(way(port, client, NAME), local)
    assert last(findings) == (Level.BAD, "TLS")
    assert "has expired" in findings[-1].words
    assert "clock" in findings[-1].advice


async def test_an_authority_that_is_not_trusted_is_told_with_what_to_do(tmp_path: Path) -> None:
    async with listening(Authority(tmp_path).server(NAME)) as port:
        findings = await walk(way(port, ssl.create_default_context(), NAME), local)
    assert last(findings) == (Level.BAD, "TLS")
    assert "authority that is not trusted here" in findings[-1].words
    assert "ca_file" in findings[-1].advice


async def test_a_certificate_for_another_name_is_told_as_such(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with listening(authority.server("other.test")) as port:
        findings = await walk(way(port, authority.client(), NAME), local)
    assert last(findings) == (Level.BAD, "TLS")
    assert "for another name" in findings[-1].words


async def test_a_server_without_tls_is_told_as_such(tmp_path: Path) -> None:
    async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with Listener(plain, "127.0.0.1") as listener:
        findings = await walk(way(listener.port, Authority(tmp_path).client(), NAME), local)
    assert last(findings) == (Level.BAD, "TLS")
    assert "http://" in findings[-1].advice


async def test_a_host_that_takes_connections_and_says_nothing_is_not_waited_for(tmp_path: Path) -> None:
    async with listening() as port:
        findings = await walk(way(port, Authority(tmp_path).client(), NAME, 0.2), local)
    assert last(findings) == (Level.BAD, "TLS")
    assert "does not answer within" in findings[-1].words


async def test_the_system_is_asked_for_addresses() -> None:
    assert await addresses("127.0.0.1", 80) == ["127.0.0.1"]
    for name in ("nowhere.invalid", f"{'a' * 64}.test"):
        with pytest.raises((OSError, UnicodeError)):
            await addresses(name, 80)


async def test_what_comes_when_nobody_waits_any_more_is_nobodys_trouble() -> None:
    task = spawn(addresses("127.0.0.1", 80), "resolve")
    await end(task)
    assert task.cancelled()
    assert await addresses("127.0.0.1", 80)
