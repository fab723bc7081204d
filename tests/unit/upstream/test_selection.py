from __future__ import annotations

from yarl import URL

from mirror.config.settings import Upstream
from mirror.upstream.selection import Selection, base_urls
from tests.support.clock import Clock


def test_endpoints_are_tried_in_the_operators_order() -> None:
    assert Selection(["a", "b", "c"], Clock()).order() == ("a", "b", "c")


def test_one_that_failed_is_tried_last_for_ten_seconds() -> None:
    clock = Clock()
    selection = Selection(["a", "b", "c"], clock)
    selection.failed("a")
    assert selection.order() == ("b", "c", "a")
    clock.advance(9.9)
    assert selection.order() == ("b", "c", "a")
    clock.advance(0.1)
    assert selection.order() == ("a", "b", "c")


def test_those_that_failed_keep_their_order() -> None:
    selection = Selection(["a", "b", "c"], Clock())
    selection.failed("b")
    selection.failed("a")
    assert selection.order() == ("c", "a", "b")
    assert selection.preferred == ("a", "b", "c")


def test_one_that_works_again_is_back_at_once() -> None:
    selection = Selection(["a", "b"], Clock())
    selection.failed("a")
    selection.worked("a")
    assert selection.order() == ("a", "b")


def test_without_configured_endpoints_the_registry_answers_at_its_own() -> None:
    assert base_urls("ghcr.io", Upstream()) == (URL("https://ghcr.io"),)
    assert base_urls("docker.io", Upstream()) == (URL("https://registry-1.docker.io"),)
    configured = Upstream(endpoints=("https://one.test/prefix", "http://two.test:5000"))
    assert base_urls("docker.io", configured) == (URL("https://one.test/prefix"), URL("http://two.test:5000"))
