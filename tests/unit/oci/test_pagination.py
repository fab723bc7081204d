"""`Link`, against RFC 8288, and against upstreams that do not know where they are or would lead us elsewhere."""

from __future__ import annotations

import pytest

from mirror.errors import Code, Malformed
from mirror.oci.endpoint import Query, parse_query
from mirror.oci.pagination import link_header, next_query, parse_link

LINKS = [
    ('</v2/a/tags/list?n=2&last=b>; rel="next"', "/v2/a/tags/list?n=2&last=b"),
    ("</x>;rel=next", "/x"),
    ("</x>; REL=Next", "/x"),
    ('</x>; rel="prev next"', "/x"),
    ('</x> ; title="a, b; rel=prev \\" >" ; rel="next"', "/x"),
    ("</x>; rel=next; rel=prev", "/x"),
    ('</first>; rel="first", </x>; rel="next", </y>; rel="next"', "/x"),
    ("</a,b>; rel=next", "/a,b"),
    (" , </x>;rel=next , ", "/x"),
    ("</x>;;rel = next ;", "/x"),
    ("</x>; crossorigin; rel=next", "/x"),
    ("<>; rel=next", ""),
]

NO_NEXT = [
    "",
    " , ,",
    "</x>",
    "</x>; rel=prev",
    '</x>; rel=prev; rel="next"',
    '</x>; rel="nextish"',
    '</x>; title="rel=next"',
    '</x>; title="; rel=next"',
    "</x>; rel",
    "</x>; rel=",
    "</x>; rev=next",
    '</x>; rel="prev", </y>; rel="last"',
]

NOT_LINKS = [
    "x",
    "</x",
    "</x>; rel=next </y>",
    "</x> rel=next",
    '</x>; rel="next',
    '</x>; rel="next"x',
    "</x>; rel=ne xt",
    "</x>; =next",
    "<<x>>; rel=next",
    "</x>; rel=next\x00",
    "</x>\n; rel=next",
    ";rel=next",
    "</x>; rel=next," + " " * 8192,
]

QUERIES = [
    ("/v2/a/b/tags/list?n=2&last=c", {"n": "2", "last": "c"}),
    ("?last=c", {"last": "c"}),
    ("list?last=c", {"last": "c"}),
    ("../tags/list?last=c", {"last": "c"}),
    ("//registry.example/v2/a/b/tags/list?last=c", {"last": "c"}),
    ("https://registry.example/v2/a/b/tags/list?last=c", {"last": "c"}),
    ("https://registry.example:443/v2/a/b/tags/list?last=c", {"last": "c"}),
    ("HTTPS://REGISTRY.EXAMPLE/v2/a/b/tags/list?last=c", {"last": "c"}),
    ("/v2/a/b/tags/list?next_page=gAAAA%3D%3D&n=", {"next_page": "gAAAA==", "n": ""}),
    ("?last=c#fragment?last=d", {"last": "c"}),
    ("?n=2", {"n": "2"}),
    ("https://[::1/v2/a/b/tags/list?last=c", {"last": "c"}),
]

ELSEWHERE = [
    "http://registry.example/v2/a/b/tags/list?last=c",
    "https://registry.example:8443/v2/a/b/tags/list?last=c",
    "https://evil.example/v2/a/b/tags/list?last=c",
    "//evil.example/v2/a/b/tags/list?last=c",
    "https://registry.example.evil.example/v2/a/b/tags/list?last=c",
    "https://user@registry.example/v2/a/b/tags/list?last=c",
    "https://registry.example@evil.example/v2/a/b/tags/list?last=c",
    "https://169.254.169.254/v2/a/b/tags/list?last=c",
    "/v2/a/c/tags/list?last=c",
    "/v2/a/b/tags/list/?last=c",
    "/latest/meta-data?last=c",
    "../../tags/list?last=c",
    "file:///v2/a/b/tags/list?last=c",
    "javascript:alert(1)?last=c",
]

NOT_PAGES = [
    "",
    "/v2/a/b/tags/list",
    "?",
    "/v2/a/b/tags/list#?n=2",
    "?last",
    "?last=a&last=b",
    "?last=%00",
    "?last=%0d%0a",
    "?last=%ff",
    "?" + "&".join(f"p{number}=x" for number in range(33)),
    "?last=a b",
    "?last=\t",
    "?last=\u00e4",
    "https://registry.ex\u2100mple/v2/a/b/tags/list?last=c",
]


@pytest.mark.parametrize(("value", "target"), LINKS)
def test_the_first_next_link_is_the_target(value: str, target: str) -> None:
    assert parse_link(value) == target


@pytest.mark.parametrize("value", NO_NEXT)
def test_without_a_next_link_there_is_no_target(value: str) -> None:
    assert parse_link(value) is None


@pytest.mark.parametrize("value", NOT_LINKS)
def test_a_header_that_is_not_rfc_8288_is_refused(value: str) -> None:
    with pytest.raises(Malformed) as refusal:
        parse_link(value)
    assert refusal.value.code is Code.BAD_UPSTREAM


@pytest.mark.parametrize(("target", "query"), QUERIES)
def test_the_next_page_is_the_query_of_the_target(target: str, query: dict[str, str]) -> None:
    assert next_query([f'<{target}>; rel="next"']) == query


@pytest.mark.parametrize("target", ELSEWHERE)
def test_where_a_target_leads_is_not_read(target: str) -> None:
    assert next_query([f'<{target}>; rel="next"']) == {"last": "c"}


@pytest.mark.parametrize("target", NOT_PAGES)
def test_a_target_without_a_query_that_can_be_read_is_refused(target: str) -> None:
    with pytest.raises(Malformed) as refusal:
        next_query([f'<{target}>; rel="next"'])
    assert refusal.value.code is Code.BAD_UPSTREAM


def test_the_last_page_has_no_next_query() -> None:
    assert next_query([]) is None
    assert next_query(["", "</x>; rel=prev"]) is None


def test_the_link_may_stand_on_any_line() -> None:
    assert next_query(["</x>; rel=prev", "<?last=c>; rel=next"]) == {"last": "c"}


def test_more_lines_than_a_registry_has_reason_to_send_are_refused() -> None:
    with pytest.raises(Malformed):
        next_query(["</x>; rel=prev"] * 17)


def test_our_own_link_is_encoded() -> None:
    assert link_header("/v2/a/tags/list", 2, "v1") == '</v2/a/tags/list?n=2&last=v1>; rel="next"'
    assert link_header("/v2/a/tags/list", None, "v1") == '</v2/a/tags/list?last=v1>; rel="next"'
    assert (
        link_header("/v2/localhost:5000/a/tags/list", 0, 'a b&c>"\r\n/\u00e4', ns="quay.io:443")
        == '</v2/localhost:5000/a/tags/list?n=0&last=a%20b%26c%3E%22%0D%0A%2F%C3%A4&ns=quay.io%3A443>; rel="next"'
    )


def test_our_own_link_leads_a_client_to_the_page_that_was_meant() -> None:
    target = parse_link(link_header("/v2/a/tags/list", 5, "v+1", ns="quay.io:443"))
    assert target is not None
    assert parse_query(target.partition("?")[2]) == Query(ns="quay.io:443", n=5, last="v+1")
