from __future__ import annotations

import pytest
from yarl import URL

from mirror.errors import Throttled, Unreachable
from mirror.upstream.breaker import State, Trouble
from mirror.upstream.breakers import Breakers, Health
from mirror.upstream.report import Request
from tests.support.clock import Clock

HOME = URL("https://registry.test/prefix")
REALM = URL("https://auth.test/token")
STORAGE = URL("https://storage.test/a?signature=canary")
GONE = Unreachable("fake: registry.test cannot be reached")


def _breakers(clock: Clock | None = None) -> Breakers:
    return Breakers("fake", [HOME], clock or Clock(), lambda: 0.5)


def _request(operation: str = "manifest", method: str = "GET", url: URL = HOME) -> Request:
    return Request(operation, method, url)


PULL = _request()
FREE = [_request(method="HEAD"), _request("head_manifest", "HEAD"), _request("blob"), _request("tags")]


def _answered(breakers: Breakers, request: Request, status: int, retry_after: str | None = None) -> None:
    with breakers.passage(request) as passage:
        passage.answered(status, retry_after, counts_pulls=False)


def _refused_a_pull(breakers: Breakers, request: Request) -> None:
    with breakers.passage(request) as passage:
        passage.answered(429, "60", counts_pulls=True)


@pytest.mark.parametrize("status", [200, 206, 304, 307, 400, 401, 403, 404, 405, 408, 416, 418, 501])
def test_what_one_request_is_answered_never_stops_the_others(status: int) -> None:
    breakers = _breakers()
    for _ in range(20):
        _answered(breakers, PULL, status, "60")
    assert breakers.health(HOME) == Health("registry.test", State.CLOSED, 0)


def test_429_stops_everything_for_as_long_as_it_says() -> None:
    clock = Clock()
    breakers = _breakers(clock)
    _answered(breakers, PULL, 429, "30")
    for request in (PULL, *FREE):
        with pytest.raises(Throttled, match=r"^fake: registry\.test limits our requests; next try in 30 s$") as caught:
            breakers.check(request)
        assert caught.value.retry_after == 30
    clock.advance(30)
    for request in (PULL, *FREE):
        breakers.check(request)


def test_429_without_a_word_how_long_stops_everything_for_a_minute() -> None:
    breakers = _breakers()
    _answered(breakers, PULL, 429)
    assert breakers.health(HOME) == Health("registry.test", State.OPEN, 60, throttled_for=60)


def test_where_pulls_are_counted_429_to_one_stops_pulls_alone() -> None:
    breakers = _breakers()
    _refused_a_pull(breakers, PULL)
    with pytest.raises(Throttled) as caught:
        breakers.check(PULL)
    assert caught.value.retry_after == 60
    with pytest.raises(Throttled):
        breakers.check(_request("head_manifest", "GET"))  # in place of a HEAD that means nothing
    for request in FREE:
        breakers.check(request)
    assert breakers.health(HOME) == Health("registry.test", State.CLOSED, 0, throttled_for=60)


@pytest.mark.parametrize("request_", FREE)
def test_429_to_what_is_not_counted_stops_everything(request_: Request) -> None:
    breakers = _breakers()
    _refused_a_pull(breakers, request_)
    for request in (PULL, *FREE):
        with pytest.raises(Throttled):
            breakers.check(request)


def test_a_free_answer_does_not_lift_the_limit_of_pulls() -> None:
    breakers = _breakers()
    _refused_a_pull(breakers, PULL)
    _answered(breakers, FREE[0], 200)
    with pytest.raises(Throttled):
        breakers.check(PULL)


def test_after_a_limit_of_pulls_one_pull_is_tried() -> None:
    clock = Clock()
    breakers = _breakers(clock)
    _refused_a_pull(breakers, PULL)
    clock.advance(60)
    with breakers.passage(PULL) as probe:
        with pytest.raises(Throttled):
            breakers.check(PULL)
        breakers.check(FREE[0])
        probe.answered(200, None, counts_pulls=True)
    breakers.check(PULL)


def test_a_server_error_that_says_for_how_long_stops_everything_at_once() -> None:
    breakers = _breakers()
    _answered(breakers, PULL, 503, "17")
    with pytest.raises(Unreachable, match=r"^fake: registry\.test answered 503; next try in 17 s$") as caught:
        breakers.check(FREE[0])
    assert caught.value.retry_after == 17


def test_a_server_error_that_does_not_is_chance_until_there_are_five_in_a_row() -> None:
    breakers = _breakers()
    for _ in range(4):
        _answered(breakers, PULL, 500)
    _answered(breakers, PULL, 404)
    for _ in range(5):
        breakers.check(PULL)
        _answered(breakers, PULL, 500)
    with pytest.raises(Unreachable, match="answered 500"):
        breakers.check(PULL)


def test_what_went_wrong_is_told_again_while_nothing_is_asked() -> None:
    breakers = _breakers()
    with breakers.passage(PULL) as passage:
        passage.failed(Trouble.LOST, GONE)
    with pytest.raises(Unreachable, match=r"^fake: registry\.test cannot be reached; next try in 10 s$"):
        breakers.check(PULL)


def test_what_says_nothing_of_the_host_changes_nothing() -> None:
    clock = Clock()
    breakers = _breakers(clock)
    _answered(breakers, PULL, 429, "5")
    clock.advance(5)
    for _ in range(3):
        with breakers.passage(PULL) as passage:
            passage.failed(None, GONE)
    assert breakers.health(HOME) == Health("registry.test", State.HALF_OPEN, 0)


def test_a_request_that_is_cancelled_changes_nothing() -> None:
    clock = Clock()
    breakers = _breakers(clock)
    _answered(breakers, PULL, 429, "5")
    clock.advance(5)
    with breakers.passage(PULL):
        pass
    breakers.check(PULL)


def test_each_host_is_left_alone_on_its_own() -> None:
    breakers = _breakers()
    _answered(breakers, _request("token", url=REALM), 429, "9")
    with breakers.passage(_request("blob", url=STORAGE)) as passage:
        passage.failed(Trouble.LOST, GONE)
    breakers.check(PULL)
    with pytest.raises(Throttled, match=r"auth\.test"):
        breakers.check(_request("token", url=REALM))
    with pytest.raises(Unreachable) as caught:
        breakers.check(_request("blob", url=STORAGE))
    assert "canary" not in str(caught.value)


def test_a_host_is_left_alone_when_somebody_it_needs_is() -> None:
    breakers = _breakers()
    breakers.shut(HOME, Throttled("fake: auth.test limits our requests; next try in 9 s", retry_after=9))
    with pytest.raises(Throttled, match=r"^fake: auth\.test limits our requests; next try in 9 s$"):
        breakers.check(PULL)


def test_hosts_that_answers_name_do_not_grow_without_bound_nor_push_out_an_endpoint() -> None:
    breakers = _breakers()
    _answered(breakers, PULL, 429)
    first = _request("blob", url=URL("https://0.test/"))
    _answered(breakers, first, 429)
    for number in range(1, 256):
        _answered(breakers, _request("blob", url=URL(f"https://{number}.test/")), 200)
    with pytest.raises(Throttled):
        breakers.check(first)
    breakers.check(_request("blob", url=URL("https://256.test/")))
    breakers.check(first)
    with pytest.raises(Throttled):
        breakers.check(PULL)
