"""Whom a rehearsal is asked of, and what happens when nobody can be, or the answer breaks off."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mirror.commands.ordering import Ordering
from mirror.commands.rehearsing import rehearsed, rehearsed_at
from mirror.config.settings import Settings
from mirror.errors import MirrorError, Refused
from tests.support.mirror_thread import MirrorThread

IMAGE, END = b'{"event":"image"}\n', b'{"event":"end"}\n'


@contextmanager
def answering(body: bytes, status: str = "200 OK", length: int | None = None) -> Iterator[str]:
    """Where the next request is answered so; the connection ends with it."""
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body) if length is None else length}\r\n\r\n"

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(head.encode() + body)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(20)


def ask(url: str) -> list[dict[str, Any]]:
    heard: list[dict[str, Any]] = []
    ordering = Ordering(url)
    try:
        rehearsed_at(ordering, {}, heard.append)
    finally:
        ordering.close()
    return heard


def test_everything_is_heard_to_the_end() -> None:
    with answering(IMAGE + b"\n\n" + END) as url:
        assert [one["event"] for one in ask(url)] == ["image", "end"]


def test_an_answer_that_breaks_off_is_none() -> None:
    for body, length in ((IMAGE, None), (IMAGE + b'{"ev', 500)):
        with answering(body, length=length) as url, pytest.raises(OSError):  # noqa: PT011 - whatever it says
            ask(url)


def test_what_went_wrong_there_is_said_here() -> None:
    with answering(b'{"event":"end","error":"the disk\\u001b[2J is gone"}\n') as url:
        with pytest.raises(MirrorError, match=r"^the disk.*is gone$") as failed:
            ask(url)
        assert str(failed.value).isprintable()
    refusal = b'{"error":"a rehearsal is under way"}'
    with answering(refusal, "503 Service Unavailable") as url, pytest.raises(Refused, match="a rehearsal is under way"):
        ask(url)


def test_a_mirror_that_runs_and_cannot_be_reached_is_not_rehearsed_behind_its_back(tmp_path: Path) -> None:
    with MirrorThread(tmp_path):
        settings = Settings.model_validate(
            {"storage": {"root": str(tmp_path / "cache")}, "admin": {"listen": "127.0.0.1:1"}}
        )
        with pytest.raises(MirrorError, match=r"a mirror runs over .* cannot be reached: .*Connection refused"):
            rehearsed(settings, {}, print)


def test_what_broke_off_is_not_begun_again_over_the_directory(tmp_path: Path) -> None:
    with answering(IMAGE) as url:
        settings = Settings.model_validate(
            {"storage": {"root": str(tmp_path / "none")}, "admin": {"listen": url.removeprefix("http://")}}
        )
        heard: list[dict[str, Any]] = []
        with pytest.raises(OSError, match="broke off"):
            rehearsed(settings, {}, heard.append)
    assert [one["event"] for one in heard] == ["image"]
