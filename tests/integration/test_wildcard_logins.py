"""Each host that a pattern stands for has a login of its own, from a helper that is asked by the host's name."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirror.upstream.surroundings import Surroundings
from tests.support import scripts
from tests.support.authority import Authority
from tests.support.mirror import MirrorUnderTest
from tests.support.names import Names
from tests.support.registry import FakeRegistry

ONE, OTHER = "111111111111.dkr.ecr.eu-west-1.test.example", "222222222222.dkr.ecr.us-east-1.test.example"


@pytest.mark.parametrize("scheme", ["basic", "bearer"])
async def test_a_helper_is_asked_by_the_name_of_the_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    helper = scripts.helper(tmp_path, "canary", scripts.printing("AWS", "canary"))
    monkeypatch.setenv("PATH", scripts.environment(tmp_path)["PATH"])
    authority = Authority(tmp_path)
    async with FakeRegistry(tls=authority.server(ONE, OTHER)) as registry:
        port = registry.url.rpartition(":")[2]
        registry.realm = f"https://{ONE}:{port}/token"
        if scheme == "basic":
            registry.require_basic("AWS", "canary")
        else:
            registry.require_bearer("AWS", "canary")
        pattern = {
            "credential_helper": "canary",
            "ca_file": str(authority.ca_file),
            "allow_private_addresses": True,
            "realms": [ONE],
        }
        names = Surroundings(resolver=Names({host: ["127.0.0.1"] for host in (ONE, OTHER)}))
        overrides = {"upstreams": {f"*.dkr.ecr.*.test.example:{port}": pattern}}
        async with MirrorUnderTest(tmp_path, registry.url, overrides, names) as mirror:
            image = registry.push_image("team/app", "v1", [b"layer"])
            for host in (ONE, OTHER, ONE):
                response, body = await mirror.get(f"/v2/team/app/manifests/{image.digest}?ns={host}:{port}")
                assert (response.status, body) == (200, image.manifest_body)
    assert helper.inputs == [f"{ONE}:{port}", f"{OTHER}:{port}"]
