"""How a running mirror is asked for pulls, and what answers are refused."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from mirror.commands.ordering import NoAnswer, Ordering
from mirror.config.addresses import ListenAddress
from mirror.errors import Code, Refused
from tests.support.mirror_thread import MirrorThread


def test_a_pull_is_ordered_watched_and_cancelled(tmp_path: Path) -> None:
    with MirrorThread(tmp_path) as served:
        served.call(lambda: served.registry.push_image("library/app", "v1", [b"a layer"]))
        with closing(Ordering(f"http://{ListenAddress(*served.admin_address)}")) as ordering:
            job = ordering.order({"image": "app:v1"})
            events = list(ordering.events(job["id"]))
            assert (job["joined"], events[-1]["state"]) == (False, "done")
            ordering.cancel(job["id"])  # what is over stays as it is
            assert ordering.kept() == {"images": []}
            with pytest.raises(Refused, match="this mirror does not serve that registry") as refusal:
                ordering.order({"image": "nowhere.test/a"})
            assert refusal.value.code is Code.NAME_UNKNOWN
            with pytest.raises(Refused):
                list(ordering.events("none"))
            with pytest.raises(Refused):
                ordering.cancel("none")


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("http://127.0.0.1:5001", True),
        ("http://[::1]:5001/", True),
        ("http://localhost:5001", True),
        ("http://mirror.test:5001", False),
        ("http://10.0.0.1:5001", False),
        ("https://mirror.test", True),
    ],
)
def test_only_tls_and_this_machine_are_private(url: str, private: bool) -> None:
    assert Ordering(url).is_private is private


@pytest.mark.parametrize("url", ["", "ftp://a", "http://", "mirror.test:5001", "http://alice:canary@a"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not a URL"):
        Ordering(url)


class _Handler(http.server.BaseHTTPRequestHandler):
    answer = b""

    def do_GET(self) -> None:
        self.wfile.write(self.answer)

    def log_message(self, *_: object) -> None:
        """Nobody wants to know."""


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    handler = type("Handler", (_Handler,), {"answer": answer})
    server = http.server.HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


HEAD = b"HTTP/1.0 200 OK\r\n\r\n"


@pytest.mark.parametrize("answer", [b"", b"no http\r\n\r\n", HEAD + b"[]", HEAD + b"\xff", HEAD])
def test_what_does_not_answer_as_a_mirror_is_none(answer: bytes) -> None:
    with answering(answer) as url, closing(Ordering(url)) as ordering, pytest.raises(OSError, match=r".+"):
        ordering.kept()


def test_words_of_a_refusal_are_one_printable_line() -> None:
    body = b'{"error": "no\\u001b[31m\\n such' + b" word" * 200 + b'"}'
    refused = b"HTTP/1.0 403 No\r\n\r\n" + body
    with answering(refused) as url, closing(Ordering(url)) as ordering, pytest.raises(Refused) as refusal:
        ordering.kept()
    assert str(refusal.value).startswith("no[31m such word")
    assert (refusal.value.code, len(str(refusal.value)) <= 500) == (Code.DENIED, True)


@pytest.mark.parametrize(("status", "code"), [(404, Code.NOT_FOUND), (503, Code.INTERNAL), (403, Code.DENIED)])
def test_a_pull_that_is_not_known_is_no_registry_that_is_not(status: int, code: Code) -> None:
    refused = b'HTTP/1.0 %d No\r\n\r\n{"error": "no"}' % status
    with answering(refused) as url, closing(Ordering(url)) as ordering, pytest.raises(Refused) as refusal:
        next(ordering.events("x"))
    assert refusal.value.code is code


def test_progress_that_is_none_is_an_error() -> None:
    with answering(HEAD + b'\n{"event": "job"}\nnonsense\n') as url, closing(Ordering(url)) as ordering:
        events = ordering.events("x")
        assert next(events) == {"event": "job"}
        with pytest.raises(OSError, match="does not answer as a mirror"):
            next(events)


def test_a_registry_that_answers_in_place_of_the_admin_listener_is_said_to_be_one() -> None:
    body = b'{"errors": [{"code": "UNSUPPORTED"}]}'
    refused = pytest.raises(NoAnswer, match=r"a registry answers there: .* see admin\.listen")
    with answering(b"HTTP/1.0 405 No\r\n\r\n" + body) as url, closing(Ordering(url)) as ordering, refused:
        ordering.kept()
