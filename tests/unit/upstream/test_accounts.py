from __future__ import annotations

import pytest
from yarl import URL

from mirror.upstream.accounts import holders

HUB = "https://registry-1.docker.io"


@pytest.mark.parametrize(
    ("name", "endpoints", "shown"),
    [
        ("docker.io", [HUB], [HUB]),
        ("docker.io", ["https://mirror.gcr.io"], ["https://mirror.gcr.io"]),  # the only one there is
        ("docker.io", ["https://mirror.gcr.io", HUB], [HUB]),
        ("docker.io", [HUB, "https://mirror.gcr.io"], [HUB]),
        ("docker.io", ["http://10.0.0.1:5000", HUB, "https://index.docker.io"], [HUB, "https://index.docker.io"]),
        ("docker.io", ["https://a.corp.test", "https://mirror.gcr.io"], ["https://a.corp.test"]),
        ("docker.io", ["https://a.corp.test", "https://b.corp.test", "https://c.test"], ["a.corp", "b.corp"]),
        ("ghcr.io", ["https://mirror.test", "https://ghcr.io"], ["https://ghcr.io"]),
        ("registry.corp.test:5000", ["https://mirror.test", "https://eu.corp.test"], ["https://eu.corp.test"]),
        ("registry.co.uk", ["https://evil.co.uk", "https://registry.co.uk"], ["https://registry.co.uk"]),
        ("docker.io", ["https://docker.io.evil.test", "https://notdocker.io", HUB], [HUB]),
        ("corp", ["http://localhost:5000", "http://10.0.0.1"], ["http://localhost:5000"]),
        (
            "corp",
            ["http://10.0.0.1:5000", "http://10.0.0.1:5001", "http://10.0.0.2"],
            ["10.0.0.1:5000", "10.0.0.1:5001"],
        ),
        ("corp", ["http://10.0.0.1", "http://corp"], ["http://corp"]),
        ("10.0.0.1:5000", ["http://10.0.0.2", "http://10.0.0.1:5000"], ["http://10.0.0.1:5000"]),
    ],
)
def test_a_login_is_for_the_registrys_own_domain_or_else_for_the_first_endpoints(
    name: str, endpoints: list[str], shown: list[str]
) -> None:
    found = holders(name, [URL(endpoint) for endpoint in endpoints])
    expected = [endpoint for endpoint in endpoints if any(part in endpoint for part in shown)]
    assert found == {URL(endpoint) for endpoint in expected}
