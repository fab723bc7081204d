from __future__ import annotations

import pytest
from yarl import URL

from mirror.errors import ConfigurationError
from mirror.upstream.proxies import Proxies

ONE, OTHER = "http://one.test:3128", "http://other.test:3128"


def _of(url: str, configured: str | None = None, **environment: str) -> str | None:
    proxy = Proxies(configured, environment).of(URL(url))
    return None if proxy is None else str(proxy)


@pytest.mark.parametrize(
    ("environment", "https", "http"),
    [
        ({}, None, None),
        ({"HTTPS_PROXY": ONE}, ONE, None),
        ({"https_proxy": ONE}, ONE, None),
        ({"https_proxy": ONE, "HTTPS_PROXY": OTHER}, ONE, None),
        ({"https_proxy": "", "HTTPS_PROXY": OTHER}, OTHER, None),
        ({"http_proxy": ONE}, None, ONE),
        ({"HTTP_PROXY": ONE}, None, ONE),
        ({"HTTP_PROXY": ONE, "REQUEST_METHOD": "GET"}, None, None),
        ({"http_proxy": ONE, "REQUEST_METHOD": "GET"}, None, ONE),
        ({"HTTPS_PROXY": ONE, "HTTP_PROXY": OTHER}, ONE, OTHER),
        ({"ALL_PROXY": ONE, "all_proxy": ONE}, None, None),
        ({"HTTPS_PROXY": "one.test:3128"}, ONE, None),
        ({"HTTPS_PROXY": f" {ONE}/ "}, ONE, None),
        ({"HTTPS_PROXY": "https://one.test"}, "https://one.test", None),
        ({"HTTPS_PROXY": "http://[::1]:3128"}, "http://[::1]:3128", None),
    ],
)
def test_the_environment_names_a_proxy_for_each_scheme(
    environment: dict[str, str], https: str | None, http: str | None
) -> None:
    assert _of("https://registry.test/v2/", **environment) == https
    assert _of("http://registry.test/v2/", **environment) == http


def test_the_upstreams_own_proxy_wins_over_every_variable() -> None:
    assert _of("https://registry.test/", OTHER, https_proxy=ONE, no_proxy="*") == OTHER
    assert _of("http://10.0.0.1/", OTHER, no_proxy="*") == OTHER


def test_user_and_password_belong_to_the_proxy() -> None:
    proxy = Proxies(None, {"https_proxy": "http://us%40er:can%2Fary@one.test:3128"}).of(URL("https://registry.test"))
    assert proxy is not None
    assert (proxy.user, proxy.password, proxy.host, proxy.port) == ("us@er", "can/ary", "one.test", 3128)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST", "a.localhost", "127.0.0.1", "127.1.2.3", "[::1]", "[::ffff:127.0.0.1]"]
)
def test_this_machine_is_never_behind_a_proxy_of_the_environment(host: str) -> None:
    assert _of(f"http://{host}:5000/", http_proxy=ONE) is None


@pytest.mark.parametrize(
    ("exempt", "host"),
    [
        ("*", "registry.test"),
        ("registry.test", "registry.test"),
        ("Registry.Test", "registry.test."),
        ("registry.test.", "REGISTRY.test"),
        ("registry.test", "sub.registry.test"),
        (".registry.test", "sub.registry.test"),
        ("*.registry.test", "a.sub.registry.test"),
        ("a.test,registry.test", "registry.test"),
        (" a.test , registry.test ", "registry.test"),
        ("a.test registry.test", "registry.test"),
        ("registry.test:8443", "registry.test:8443"),
        ("registry.test:443", "registry.test"),
        ("10.0.0.1", "10.0.0.1"),
        ("10.0.0.1:8443", "10.0.0.1:8443"),
        ("10.0.0.0/8", "10.1.2.3"),
        ("10.1.2.3/8", "10.9.9.9"),
        ("10.0.0.0/8", "[::ffff:10.1.2.3]"),
        ("fd00::/8", "[fd00::1]"),
        ("fd00::1", "[fd00:0::1]"),
        ("[fd00::1]", "[fd00::1]"),
        ("[fd00::1]:8443", "[fd00::1]:8443"),
        ("[fd00::/8]", "[fd00::1]"),
    ],
)
def test_no_proxy_names_who_is_dialled_directly(exempt: str, host: str) -> None:
    assert _of(f"https://{host}/v2/", https_proxy=ONE, no_proxy=exempt) is None
    assert _of(f"https://{host}/v2/", https_proxy=ONE, NO_PROXY=exempt) is None


@pytest.mark.parametrize(
    ("exempt", "host"),
    [
        ("", "registry.test"),
        (",, ,", "registry.test"),
        ("a.test", "registry.test"),
        ("registry.test", "myregistry.test"),
        (".registry.test", "registry.test"),
        ("*.registry.test", "registry.test"),
        (".registry.test", "myregistry.test"),
        ("test:443", "registry.test:8443"),
        ("registry.test:8443", "registry.test"),
        ("registry", "registry.test"),
        ("10.0.0.1", "10.0.0.11"),
        ("10.0.0.1:8443", "10.0.0.1"),
        ("10.0.0.0/8", "11.0.0.1"),
        ("10.0.0.0/8", "10.registry.test"),
        ("10.0.0.0/8", "[fd00::1]"),
        ("fd00::/8", "10.0.0.1"),
        ("https://registry.test", "registry.test"),
        ("registry.test/path", "registry.test"),
        ("registry.test:port", "registry.test"),
        (".", "registry.test"),
        ("10.0.0.0/99", "10.0.0.0"),
    ],
)
def test_no_proxy_names_nobody_else(exempt: str, host: str) -> None:
    assert _of(f"https://{host}/v2/", https_proxy=ONE, no_proxy=exempt) == ONE


@pytest.mark.parametrize(
    "value", ["socks5://canary:1080", "http://canary/path", "http://", "http://us er:canary@one.test", "canary:port"]
)
@pytest.mark.parametrize("name", ["https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY"])
def test_a_proxy_that_cannot_be_used_is_the_operators_error(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^the environment variable {name}: ") as caught:
        Proxies(None, {name: value})
    assert "canary" not in str(caught.value)


def test_with_a_proxy_of_its_own_an_upstream_does_not_look_at_the_environment() -> None:
    assert _of("https://registry.test/", ONE, https_proxy="socks5://nobody") == ONE
