"""An upstream, examined: each thing that can be wrong with it is told apart, and no secret with it."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mirror.config.settings import Limits, Upstream
from mirror.doctor.findings import Finding, Level
from mirror.doctor.upstream import PATIENCE, Examined, examine
from mirror.upstream.surroundings import Surroundings
from tests.support.faults import Fault
from tests.support.raw import RawUpstream, Until, answer
from tests.support.registry import FakeRegistry

LOGIN: dict[str, Any] = {"username": "alice", "password": "canary", "insecure": True}


@dataclass(frozen=True, slots=True)
class Around:
    ahead: float = 0.0  # of our clock
    environment: Mapping[str, str] = field(default_factory=dict)
    patience: float = PATIENCE


async def found(url: str, around: Around | None = None, **values: Any) -> dict[str, Finding]:
    """What is found of an upstream at `url`, by what was looked at."""
    upstream, around = Upstream.model_validate({"endpoints": url, **values}), around or Around()
    surroundings = Surroundings(environment=around.environment)
    one = Examined(
        "a.test", upstream, Limits(), surroundings, now=lambda: time.time() + around.ahead, patience=around.patience
    )
    findings = await examine(one)
    told = f"{findings}"
    assert "canary" not in told
    assert {finding.subject for finding in findings} == {"a.test"}
    return {finding.what: finding for finding in findings}


def level(findings: dict[str, Finding], what: str) -> Level:
    return findings[what].level


async def test_a_registry_for_everybody_is_well() -> None:
    async with FakeRegistry() as registry:
        findings = await found(registry.url)
        assert {what: finding.level for what, finding in findings.items()} == {
            "DNS": Level.OK,
            "TCP": Level.OK,
            "clock": Level.OK,
            "answer": Level.OK,
            "redirects": Level.SKIPPED,
        }
        assert [seen.path for seen in registry.requests] == ["/v2/"]


async def test_a_token_that_can_be_had_is_well() -> None:
    async with FakeRegistry() as registry:
        registry.require_bearer()
        findings = await found(registry.url)
        assert level(findings, "login") is Level.OK
        assert "gives a token (asked as anonymous)" in findings["login"].words


async def test_a_login_that_is_right_is_well_and_its_owner_named() -> None:
    async with FakeRegistry() as registry:
        for require in (registry.require_bearer, registry.require_basic):
            require("alice", "canary")
            findings = await found(registry.url, **LOGIN)
            assert level(findings, "login") is Level.OK, findings["login"]
            assert "alice" in findings["login"].words


async def test_a_login_that_is_wrong_is_told_with_its_owner() -> None:
    async with FakeRegistry() as registry:
        for require in (registry.require_bearer, registry.require_basic):
            require("alice", "another")
            findings = await found(registry.url, **LOGIN)
            assert level(findings, "login") is Level.BAD, findings["login"]
            assert "alice" in findings["login"].words
            assert findings["login"].advice


async def test_a_login_that_is_not_shown_over_plain_http_is_not_doubted() -> None:
    async with FakeRegistry() as registry:
        registry.require_basic("alice", "canary")
        finding = (await found(registry.url, **{**LOGIN, "insecure": False}))["login"]
        assert finding.level is Level.BAD
        assert "use https there" in finding.advice


async def test_a_registry_that_wants_a_login_where_there_is_none_is_a_warning() -> None:
    async with FakeRegistry() as registry:
        registry.require_basic("alice", "canary")
        findings = await found(registry.url)
        assert level(findings, "login") is Level.WARNING
        assert "username" in findings["login"].advice


async def test_a_password_file_that_is_missing_is_told(tmp_path: Path) -> None:
    async with FakeRegistry() as registry:
        registry.require_basic("alice", "canary")
        login: dict[str, Any] = {"username": "alice", "password_file": str(tmp_path / "none"), "insecure": True}
        findings = await found(registry.url, **login)
        assert level(findings, "login") is Level.BAD
        assert "password_file" in findings["login"].words


@pytest.mark.parametrize(
    ("status", "what", "words"),
    [
        (404, Level.BAD, "answers 404"),
        (503, Level.BAD, "trouble of its own"),
        (429, Level.WARNING, "limits our requests"),
        (302, Level.WARNING, "redirects its API"),
    ],
)
async def test_an_odd_answer_is_told_with_what_to_do(status: int, what: Level, words: str) -> None:
    async with FakeRegistry() as registry:
        registry.fail(Fault(status=status), times=None)
        finding = (await found(registry.url))["answer"]
        assert finding.level is what
        assert words in finding.words
        assert finding.advice


@pytest.mark.parametrize(
    ("ahead", "what", "words"),
    [
        (0, Level.OK, "ahead of"),
        (-60, Level.WARNING, "behind"),
        (90, Level.WARNING, "ahead of"),
        (3600, Level.BAD, "ahead of"),
    ],
)
async def test_the_clock_is_compared_with_the_registrys(ahead: float, what: Level, words: str) -> None:
    async with FakeRegistry() as registry:
        finding = (await found(registry.url, Around(ahead + 1)))["clock"]
        assert finding.level is what
        assert words in finding.words
        assert bool(finding.advice) is (what is not Level.OK)


@pytest.mark.parametrize("line", [[], ["Date: yesterday"], ["Date: " + "9" * 5000]])
async def test_a_registry_that_does_not_say_the_time_is_not_compared(line: list[str]) -> None:
    async with RawUpstream([answer("200 OK", [*line, "Content-Length: 0"])]) as upstream:
        assert level(await found(upstream.url), "clock") is Level.SKIPPED


async def test_an_endpoint_that_is_not_there_is_told_and_the_next_one_looked_at() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        async with FakeRegistry() as registry:
            gone = f"http://127.0.0.1:{closed.getsockname()[1]}"
            upstream = Upstream.model_validate({"endpoints": [gone, registry.url]})
            around = Surroundings(environment={})
            findings = await examine(Examined("a.test", upstream, Limits(), around))
    assert [finding.level for finding in findings if finding.what == "TCP"] == [Level.BAD, Level.OK]
    assert any(finding.what == "answer" and finding.level is Level.OK for finding in findings)


async def test_a_proxy_is_named_without_its_password_and_is_what_is_dialled() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        cases: list[tuple[dict[str, Any], dict[str, str]]] = [
            ({"proxy": f"http://u:canary@127.0.0.1:{port}"}, {}),
            ({}, {"https_proxy": f"http://u:canary@127.0.0.1:{port}"}),
        ]
        for settings, environment in cases:
            findings = await found("https://registry.test", Around(environment=environment), **settings)
            assert f"127.0.0.1:{port}" in findings["proxy"].words
            assert level(findings, "TCP") is Level.BAD


async def test_a_certificate_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    findings = await found("https://registry.test", ca_file=str(tmp_path / "none"))
    assert level(findings, "configuration") is Level.BAD


async def test_no_upstream_takes_longer_than_it_may() -> None:
    async with RawUpstream([Until(asyncio.Event())]) as upstream:
        findings = await found(upstream.url, Around(patience=1.0))
        assert level(findings, "time") is Level.BAD
        assert level(findings, "TCP") is Level.OK  # what was found before is not lost
