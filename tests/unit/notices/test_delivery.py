"""One notice to one receiver: signed, within its time, and nowhere but where the operator has said."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mirror.config.notifications import Receiver
from mirror.notices.delivery import Delivery
from mirror.notices.envelope import MEDIA_TYPE, signature
from mirror.notices.outbox import Untold
from tests.support.held_port import HeldPort
from tests.support.hooks import Hook, hooked

BODY = b'{"events": []}'


@asynccontextmanager
async def delivery(url: str, environment: dict[str, str] | None = None, **terms: Any) -> AsyncIterator[Delivery]:
    made = Delivery(Receiver.model_validate({"url": url, **terms}), environment or {})
    try:
        yield made
    finally:
        await made.aclose()


async def test_the_body_comes_as_it_is_and_says_what_it_is() -> None:
    async with hooked() as hook, delivery(f"{hook.url}/tags?token=x%2Fy") as made:
        await made.give(BODY)
        (posted,) = hook.posted
    assert (posted.path, posted.body, posted.headers["Content-Type"]) == ("/tags?token=x%2Fy", BODY, MEDIA_TYPE)
    assert "X-Hub-Signature-256" not in posted.headers


async def test_it_is_signed_with_what_the_file_says_now(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    async with hooked() as hook, delivery(hook.url, secret_file=secret) as made:
        for words in ("one", "two"):
            secret.write_text(f"{words}\n")
            await made.give(BODY)
    signed = [posted.headers["X-Hub-Signature-256"] for posted in hook.posted]
    assert signed == [signature(b"one", BODY), signature(b"two", BODY)]


@pytest.mark.parametrize("content", [None, b"", b"\n", b"x" * 70_000])
async def test_nothing_goes_unsigned_that_is_to_be_signed(tmp_path: Path, content: bytes | None) -> None:
    secret = tmp_path / "secret"
    if content is not None:
        secret.write_bytes(content)
    async with hooked() as hook, delivery(hook.url, secret_file=secret) as made:
        with pytest.raises(Untold) as failure:
            await made.give(BODY)
        assert (failure.value.final, hook.posted) == (False, [])


async def test_a_directory_is_no_secret(tmp_path: Path) -> None:
    async with hooked() as hook, delivery(hook.url, secret_file=tmp_path) as made:
        with pytest.raises(Untold, match="not a regular file"):
            await made.give(BODY)


async def test_the_operator_s_headers_go_with_it() -> None:
    headers = {"Authorization": "Bearer canary"}
    async with hooked() as hook, delivery(hook.url, headers=headers, insecure=True) as made:
        await made.give(BODY)
        assert hook.posted[0].headers["Authorization"] == "Bearer canary"


@pytest.mark.parametrize(
    ("status", "final"),
    [(500, False), (503, False), (429, False), (401, False), (404, False), (400, True), (422, True)],
)
async def test_a_refusal_says_whether_it_is_for_good(status: int, final: bool) -> None:
    async with hooked() as hook, delivery(hook.url) as made:
        hook.answers = [status]
        with pytest.raises(Untold, match=f"answered {status}") as failure:
            await made.give(BODY)
        assert failure.value.final is final


async def test_no_redirect_is_followed() -> None:
    async with hooked() as hook, delivery(hook.url) as made:
        hook.answers = [307]
        with pytest.raises(Untold) as failure:
            await made.give(BODY)
        assert failure.value.final
        assert [posted.path for posted in hook.posted] == ["/"]


async def test_a_receiver_that_says_nothing_has_its_time_and_no_more() -> None:
    async with hooked() as hook, delivery(hook.url, timeout="50ms") as made:
        hook.held.clear()
        with pytest.raises(Untold, match="in time") as failure:
            await made.give(BODY)
        assert (failure.value.final, len(hook.posted)) == (False, 1)


async def test_one_that_is_not_there_is_tried_later_and_its_url_is_not_repeated() -> None:
    held = HeldPort("127.0.0.1", 0)
    try:
        async with delivery(f"http://127.0.0.1:{held.port}/canary") as made:
            with pytest.raises(Untold) as failure:
                await made.give(BODY)
    finally:
        held.release()
    assert (failure.value.final, "canary" in str(failure.value)) == (False, False)


async def test_a_proxy_of_the_environment_counts_but_not_for_this_machine() -> None:
    async with hooked() as proxy, delivery("http://hooks.test/tags", {"http_proxy": proxy.url}) as made:
        await made.give(BODY)
        assert len(proxy.posted) == 1
    async with hooked() as hook, delivery(hook.url, {"http_proxy": "http://127.0.0.1:1"}) as made:
        await made.give(BODY)
        assert isinstance(hook, Hook)
        assert len(hook.posted) == 1
