from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from mirror.upstream import origins

BASE = URL("https://registry.test/v2/a/blobs/x?y=1")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("https://cdn.test/a?sig=a%2Fb+c", "https://cdn.test/a?sig=a%2Fb+c"),
        ("//cdn.test/a", "https://cdn.test/a"),
        ("/a/b", "https://registry.test/a/b"),
        ("?page=2", "https://registry.test/v2/a/blobs/x?page=2"),
        ("https://cdn.test:8443/", "https://cdn.test:8443/"),
        ("http://[2606::1]:5000/a", "http://[2606::1]:5000/a"),
        ("https://cdn.test/a#fragment", "https://cdn.test/a"),
        ("https://cdn.test./a", "https://cdn.test./a"),
        ("https://1.2.3.4/a", "https://1.2.3.4/a"),
        (f"https://{'a' * 63}.test/", f"https://{'a' * 63}.test/"),
        (f"https://{'a.' * 126}b/", f"https://{'a.' * 126}b/"),
        (f"https://cdn.test/{'a' * 8175}", f"https://cdn.test/{'a' * 8175}"),
    ],
)
def test_an_address_is_resolved_and_kept_to_the_byte(text: str, read: str) -> None:
    assert str(origins.read(text, BASE)) == read


@pytest.mark.parametrize(
    "text",
    [
        "ftp://cdn.test/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://user@cdn.test/",
        "https://user:password@cdn.test/",
        "https://:password@cdn.test/",
        "https://:@cdn.test/",
        "https:///path",
        "https:path",
        "https://cdn.test:99999/",
        "https://cdn.test:port/",
        "https://cdn.test\\@evil.test/",
        "https://cdn.test/\r\nHost: evil.test",
        "https://cdn.test/ space",
        "https://cdn.tést/",
        "https://%31.test/",
        "https://[::1%25eth0]/",
        "https://[1.2.3.4]/",
        "https://-cdn.test/",
        "https://[::1]@/",
        "https://cdn..test/",
        "https://a..b/",
        "https://.cdn.test/",
        "https://cdn.test../",
        f"https://{'a' * 64}.test/",
        f"https://{'a.' * 127}b/",
        f"https://cdn.test/{'a' * 8176}",
    ],
)
def test_what_is_never_dialled_is_refused_without_an_echo(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(is|holds|names) ") as caught:
        origins.read(text, BASE)
    assert "cdn" not in str(caught.value)


@given(st.text(max_size=200))
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    try:
        url = origins.read(text, BASE)
    except ValueError:
        return
    assert url.scheme in ("http", "https")
    assert url.host


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://a.test/x", "https://a.test/y", True),
        ("https://a.test", "https://a.test:443", True),
        ("https://A.test", "https://a.test.", True),
        ("https://a.test", "http://a.test", False),
        ("https://a.test", "https://a.test:8443", False),
        ("https://a.test", "https://b.a.test", False),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5001", False),
    ],
)
def test_an_origin_is_scheme_host_and_port(one: str, other: str, same: bool) -> None:
    assert origins.same(URL(one, encoded=True), URL(other, encoded=True)) is same


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://a.test/secret?signature=canary", "a.test"),
        ("http://a.test:5000/", "a.test:5000"),
        ("https://[2606::1]/", "[2606::1]"),
        ("https://[2606::1]:5000/", "[2606::1]:5000"),
    ],
)
def test_a_place_is_named_without_path_and_query(url: str, place: str) -> None:
    assert origins.place(URL(url)) == place


@pytest.mark.parametrize(
    ("url", "entry", "listed"),
    [
        ("https://a.test/x", "a.test", True),
        ("https://a.test/x", "a.test:443", True),
        ("https://a.test:8443/x", "a.test", True),
        ("https://a.test:8443/x", "a.test:443", False),
        ("https://b.a.test/x", "a.test", False),
        ("https://[2606::1]:5000/", "[2606::1]", True),
        ("https://[2606::1]:5000/", "[2606::1]:5000", True),
    ],
)
def test_a_listed_host_may_be_bound_to_a_port(url: str, entry: str, listed: bool) -> None:
    assert origins.listed(URL(url), frozenset({entry})) is listed
