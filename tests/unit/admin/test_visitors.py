"""Who may use the operator's API, and who may not: pages of a browser, under whatever name they reach us."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from mirror.admin.visitors import admit
from mirror.errors import Refused

NAMES = frozenset({"admin.test"})


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:5001",
        "127.0.0.1",
        "10.1.2.3:80",
        "[::1]:5001",
        "[::1]",
        "localhost:5001",
        "LocalHost",
        "admin.test:1",
    ],
)
def test_who_asks_by_address_or_by_our_name_is_admitted(host: str) -> None:
    admit(_headers(f"Host: {host}"), NAMES)
    admit(_headers(f"Host: {host}", f"Origin: http://{host}"), NAMES)


@pytest.mark.parametrize(
    "host",
    [
        "evil.test",
        "evil.test:5001",
        "127.0.0.1.evil.test",
        "localhost.evil.test",
        "localhost.",
        "[::1].evil.test",
        "[evil.test]",
        "",
        "a:b:c",
        "2130706433",
        "admin.test.evil.test",
    ],
)
def test_a_page_whose_name_leads_here_is_refused(host: str) -> None:
    with pytest.raises(Refused, match="by the address"):
        admit(_headers(f"Host: {host}", f"Origin: http://{host}"), NAMES)


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.test",
        "null",
        "",
        "https://127.0.0.1:5001",
        "http://127.0.0.1",
        "http://127.0.0.1:50011",
        "http://localhost:5001",
        "http://127.0.0.1:5001/",
    ],
)
def test_a_page_of_another_origin_is_refused(origin: str) -> None:
    with pytest.raises(Refused, match="another origin"):
        admit(_headers("Host: 127.0.0.1:5001", f"Origin: {origin}"), NAMES)


def test_two_hosts_or_two_origins_do_not_get_round_it() -> None:
    for lines in (
        ("Host: 127.0.0.1", "Host: evil.test"),
        ("Host: 127.0.0.1", "Origin: http://127.0.0.1", "Origin: http://evil.test"),
    ):
        with pytest.raises(Refused):
            admit(_headers(*lines), NAMES)


def test_nothing_that_was_sent_is_repeated() -> None:
    with pytest.raises(Refused) as refused:
        admit(_headers("Host: canary.test", "Origin: http://canary.test"), NAMES)
    assert "canary" not in str(refused.value)


def _headers(*lines: str) -> CIMultiDictProxy[str]:
    return CIMultiDictProxy(CIMultiDict([(name, value) for name, _, value in (line.partition(": ") for line in lines)]))
