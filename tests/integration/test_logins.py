"""Logins as operators configure them, through a whole mirror: rotated while it runs, refused, and out of order."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

from tests.support.authority import Authority
from tests.support.logins import basic
from tests.support.mirror import MirrorUnderTest
from tests.support.registry import FakeRegistry
from tests.support.scripts import Script, failing, printing

LAYER = bytes(range(256)) * 1024


def _hub(**keys: Any) -> Mapping[str, Any]:
    return {"upstreams": {"docker.io": {"insecure": True, "tag_ttl": "0s", **keys}}}


def _config(directory: Path, pair: str) -> Path:
    auth = base64.b64encode(pair.encode()).decode()
    draft = directory / "config.draft"
    draft.write_text(json.dumps({"auths": {"https://index.docker.io/v1/": {"auth": auth}}}))
    draft.chmod(0o600)
    os.replace(draft, directory / "config.json")
    return directory / "config.json"


async def test_who_logs_in_with_docker_is_logged_in_here_without_a_restart(tmp_path: Path) -> None:
    async with FakeRegistry() as hub:
        image = hub.push_image("library/app", "v1", [LAYER])
        hub.require_bearer("alice", "canary-one")
        keys = _hub(docker_config=str(_config(tmp_path, "alice:canary-wrong")))
        async with MirrorUnderTest(tmp_path, hub.url, keys) as mirror:
            refused, body = await mirror.get("/v2/library/app/manifests/v1")
            assert refused.status == 403
            assert b"canary" not in body
            _config(tmp_path, "alice:canary-one")
            with structlog.testing.capture_logs() as logs:
                answer, body = await mirror.get("/v2/library/app/manifests/v1")
            assert answer.status == 200
            assert image.digest.verifies(body)
            layer, body = await mirror.get(f"/v2/library/app/blobs/{image.layer_digests[0]}")
            assert (layer.status, body) == (200, LAYER)
        assert [log["source"] for log in logs if log["event"] == "a login has changed"] == ["docker_config"]
        assert "canary" not in str(logs)


async def test_a_hundred_clients_and_a_wrong_password_are_one_failed_login(tmp_path: Path) -> None:
    async with FakeRegistry() as hub:
        hub.require_basic("alice", "canary")
        script = Script(tmp_path, "login", printing("alice", "canary-wrong"))
        async with MirrorUnderTest(tmp_path, hub.url, _hub(credential_command=[str(script.path)])) as mirror:
            paths = [f"/v2/library/app{number}/manifests/v1" for number in range(100)]
            answers = await asyncio.gather(*map(mirror.get, paths))
        assert {answer.status for answer, _ in answers} == {403}
        shown = [seen.headers.get("authorization") for seen in hub.requests]
        assert shown.count(basic("alice", "canary-wrong")) == 1
        assert script.inputs == ["docker.io"]


async def test_a_helper_out_of_order_is_our_own_trouble_and_what_is_cached_is_served(tmp_path: Path) -> None:
    async with FakeRegistry() as hub:
        image = hub.push_image("library/app", "v1", [LAYER])
        hub.require_basic("alice", "canary")
        script = Script(tmp_path, "login", printing("alice", "canary"))
        keys = _hub(credential_command=[str(script.path)])
        async with MirrorUnderTest(tmp_path, hub.url, keys) as mirror:
            assert (await mirror.get("/v2/library/app/manifests/v1"))[0].status == 200
        script.does(failing("canary"))
        async with MirrorUnderTest(tmp_path, hub.url, keys) as mirror:
            stale, body = await mirror.get("/v2/library/app/manifests/v1")
            assert stale.status == 200
            assert image.digest.verifies(body)
            assert "Warning" in stale.headers
            missing, body = await mirror.get("/v2/library/other/manifests/v1")
            assert missing.status == 503
            assert b"canary" not in body


async def test_a_registry_that_wants_a_client_certificate_is_shown_ours(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.server_files("client.test")
    tls = authority.server("127.0.0.1")
    tls.load_verify_locations(authority.ca_file)
    tls.verify_mode = ssl.CERT_REQUIRED
    async with FakeRegistry(tls=tls) as hub:
        image = hub.push_image("library/app", "v1", [LAYER])
        keys = {"ca_file": str(authority.ca_file)}
        async with MirrorUnderTest(tmp_path, hub.url, {"upstreams": {"docker.io": keys}}) as mirror:
            assert (await mirror.get("/v2/library/app/manifests/v1"))[0].status == 503
        keys |= {"client_certificate": str(certificate), "client_key": str(key)}
        async with MirrorUnderTest(tmp_path, hub.url, {"upstreams": {"docker.io": keys}}) as mirror:
            answer, body = await mirror.get("/v2/library/app/manifests/v1")
            assert answer.status == 200
            assert image.digest.verifies(body)
