from __future__ import annotations

import pytest
from yarl import URL

from mirror.upstream import realms


@pytest.mark.parametrize(
    ("endpoint", "realm"),
    [
        ("https://registry.test", "https://registry.test/token"),
        ("https://registry.test:5000", "https://registry.test:5000/token"),
        ("https://registry-1.hub.example.com", "https://auth.hub.example.com/token"),
        ("https://hub.example.com", "https://example.com/token"),
        ("https://hub.example.co.uk", "https://auth.example.co.uk/token"),
        ("https://hub.example.com:5000", "https://auth.example.com/token"),
        ("http://registry.test:5000", "http://registry.test:5000/token"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000/token"),
        ("https://[2606::1]:5000", "https://[2606::1]:5000/token"),
        ("https://localhost:5000", "https://localhost:5000/token"),
    ],
)
def test_a_realm_on_the_endpoints_host_or_domain_is_asked(endpoint: str, realm: str) -> None:
    assert realms.refusal(URL(realm), URL(endpoint), frozenset()) is None


@pytest.mark.parametrize(
    ("endpoint", "realm"),
    [
        ("https://registry.test", "https://evil.test/token"),
        ("https://registry.test", "https://registry.test.evil.example/token"),
        ("https://hub.example.com", "https://hub.example.org/token"),
        ("https://one.co.uk", "https://two.co.uk/token"),
        ("https://alice.github.io", "https://mallory.github.io/token"),
        ("https://registry", "https://auth/token"),
        ("https://127.0.0.1:5000", "https://127.0.0.1:5001/token"),
        ("https://10.0.3.4", "https://10.9.3.4/token"),
        ("https://localhost:5000", "https://localhost:5001/token"),
        ("https://a.localhost", "https://b.localhost/token"),
        ("https://[2606::1]", "https://[2606::2]/token"),
    ],
)
def test_a_realm_elsewhere_is_refused_unless_it_is_listed(endpoint: str, realm: str) -> None:
    refusal = realms.refusal(URL(realm), URL(endpoint), frozenset())
    assert refusal is not None
    assert "`realms`" in refusal
    assert "/token" not in refusal
    host = realm.removeprefix("https://").removesuffix("/token")
    assert host in refusal
    assert realms.refusal(URL(realm), URL(endpoint), frozenset({host})) is None


@pytest.mark.parametrize(
    ("endpoint", "realm"),
    [
        ("https://registry.test", "http://registry.test/token"),
        ("https://registry.example.com", "http://auth.example.com/token"),
        ("http://registry.example.com", "http://auth.example.com/token"),
    ],
)
def test_plain_http_is_for_a_plain_http_endpoints_own_host_alone(endpoint: str, realm: str) -> None:
    listed = frozenset({"registry.test", "auth.example.com"})
    refusal = realms.refusal(URL(realm), URL(endpoint), listed)
    assert refusal is not None
    assert "without https" in refusal


def test_another_port_of_a_plain_http_endpoint_is_refused() -> None:
    endpoint, realm = URL("http://registry.example.com:5000"), URL("http://registry.example.com:6000/token")
    refusal = realms.refusal(realm, endpoint, frozenset())
    assert refusal is not None
    assert "registry.example.com:6000" in refusal


def test_a_listed_port_of_a_plain_http_endpoint_is_asked() -> None:
    refusal = realms.refusal(
        URL("http://127.0.0.1:5001/t"), URL("http://127.0.0.1:5000"), frozenset({"127.0.0.1:5001"})
    )
    assert refusal is None


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("auth.example.com", "example.com"),
        ("example.com", "example.com"),
        ("a.b.corp.lan", "corp.lan"),
        ("registry", None),
        ("localhost", None),
        ("a.localhost", None),
        ("10.1.2.3", None),
        ("2606::1", None),
        ("", None),
    ],
)
def test_a_domain_is_what_somebody_registered(host: str, domain: str | None) -> None:
    assert realms.registrable(host) == domain
