from __future__ import annotations

import pytest
from yarl import URL

from mirror.errors import Nonsense
from mirror.upstream import redirects

HERE = URL("https://registry.test/v2/a/blobs/x")


def test_a_redirect_leads_to_its_location() -> None:
    assert redirects.follow("fake", HERE, "https://cdn.test/o?s=1") == URL("https://cdn.test/o?s=1")
    assert redirects.follow("fake", HERE, "/elsewhere") == URL("https://registry.test/elsewhere")


def test_plain_http_may_lead_to_plain_http_and_to_https() -> None:
    here = URL("http://registry.test/v2/a/blobs/x")
    assert redirects.follow("fake", here, "http://cdn.test/").scheme == "http"
    assert redirects.follow("fake", here, "https://cdn.test/").scheme == "https"


@pytest.mark.parametrize(
    ("location", "why"),
    [
        (None, "without an address"),
        ("http://cdn.test/", "from https to http"),
        ("ftp://cdn.test/", "neither http nor https"),
        ("https://user:canary@cdn.test/", "holds a user or password"),
        ("https://", "names no host"),
    ],
)
def test_a_redirect_that_is_not_followed_says_why_and_who_sent_it(location: str | None, why: str) -> None:
    with pytest.raises(Nonsense, match=why) as caught:
        redirects.follow("fake", HERE, location)
    assert str(caught.value).startswith("fake: registry.test sent a redirect")
    assert "canary" not in str(caught.value)


def test_every_redirecting_status_is_known() -> None:
    assert {301, 302, 303, 307, 308} == redirects.STATUSES


@pytest.mark.parametrize(
    ("url", "repository"),
    [
        ("https://registry.test/v2/project/images/pause/manifests/3.9", "project/images/pause"),
        ("https://registry.test/v2/a/blobs/sha256:0?x=/v2/b/tags/list", "a"),
        ("https://registry.test/v2/a/tags/list", "a"),
        ("https://registry.test/v2/a/b/referrers/sha256:0", "a/b"),
        ("https://registry.test/v2/A/manifests/v1", None),
        ("https://registry.test/v2/a%2fb/manifests/v1", None),
        ("https://registry.test/prefix/v2/a/manifests/v1", None),
        ("https://cdn.test/objects/sha256:0", None),
        ("https://cdn.test", None),
    ],
)
def test_an_address_of_the_api_is_about_a_repository(url: str, repository: str | None) -> None:
    assert redirects.repository(URL(url, encoded=True)) == repository
