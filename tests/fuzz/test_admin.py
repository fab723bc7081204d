"""Whatever is asked of the operator's listener: no error of its own, no echo, and nothing switched but by who may.

What is asked by its description is in `test_admin_description`; this is what no description would name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support import hostile_text
from tests.support.hostile_answers import CANARY, FRAMES, SOUND_FRAME, Frame
from tests.support.hostile_bodies import BODIES, Spoil
from tests.support.mirror_thread import MirrorThread
from tests.support.raw_client import Answer, Cut, RawClient
from tests.support.tiers import count

STATE, FREEZE, THAW = "/api/v1/state", "/api/v1/freeze", "/api/v1/thaw"
READ = ("/", "/metrics", "/livez", "/readyz", "/healthz", STATE, "/api/v1/budget", "/api/v1/explain")
HEADERS = frozenset(
    {"content-type", "content-length", "date", "server", "connection", "cache-control", "allow", "keep-alive"}
)
REASON = b'{"reason":"a flight"}'

METHODS = st.sampled_from(
    [*["GET", "POST"] * 5, "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "post", "FREEZE", "P\x00ST"]
)
PATHS = st.sampled_from([*READ, *[FREEZE, THAW] * 8]) | hostile_text.hostile(
    st.sampled_from([*READ, FREEZE, THAW]),
    ["/", "//", "/../", "/./", "%2f", "%00", "%2e", ";", "?", "#", "api", "v1", "freeze", CANARY, "\\", "\t", "\x7f"],
)
QUERIES = st.just("") | hostile_text.hostile(
    st.sampled_from(["", "image=docker.io/team/app:v1", f"upstream={CANARY}", "upstream=docker.io", "image="]),
    ["&", "=", "%", "%00", "%ff", "image=", "upstream=", f"{CANARY}:", "@sha256:", "/" * 300, "a" * 5000, "+", ";"],
)
SOUND_HOSTS = ("127.0.0.1", "localhost", "LOCALHOST:80", "[::1]:5001", "10.0.0.1:1")
HOSTS = st.sampled_from(
    [*SOUND_HOSTS * 4, *(f"{CANARY}.test", "localhost.", "127.0.0.1.nip.io", "localhost@evil.test")]
) | (
    st.sampled_from(
        ["", " ", "localhost, evil.test", "0x7f.1", "[::1", "a:b:c", "\x00", "\xff", "localhost\x85", "x" * 9000]
    )
)
ORIGINS = st.sampled_from(
    [
        *[None] * 8,
        "null",
        "",
        f"https://{CANARY}.test",
        "http://localhost.evil.test",
        "https://127.0.0.1",
        "file://",
        "\x00",
    ]
)
TYPES = st.sampled_from(
    [
        *["application/json"] * 6,
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "",
        CANARY,
        "a/b;c",
    ]
)
LINES = st.lists(
    st.sampled_from(
        (
            *(f"X-{CANARY}: 1", f"Cookie: a={CANARY}", f"Authorization: Basic {CANARY}", "Upgrade: websocket"),
            *("Expect: CANARY", "X-HTTP-Method-Override: POST", "X-Forwarded-Host: localhost"),
            *("Content-Encoding: gzip", "Content-Encoding: br", "Accept-Encoding: gzip", "Range: bytes=0-1"),
            *("Sec-Fetch-Site: cross-site", "Host: x", "Origin: http://evil.test", " folded", "X: " + "x" * 9000),
        )
    ),
    max_size=2,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, part by part. `framing`: how its body is sent."""

    method: str = "POST"
    path: str = FREEZE
    query: str = ""
    host: str = SOUND_HOSTS[0]
    origin: str | None = None
    media_type: str = "application/json"
    lines: list[str] = field(default_factory=list)
    spoil: Spoil | None = field(default=None, repr=False)
    framing: Frame = field(default=SOUND_FRAME, repr=False)

    @property
    def may_switch(self) -> bool:
        """Whether it comes from who may, as far as its method, address and origin say."""
        sound = self.method == "POST" and self.path.partition("?")[0].partition("#")[0] in (FREEZE, THAW)
        return sound and self.host in SOUND_HOSTS and self.origin is None

    @property
    def is_whole(self) -> bool:
        """Whether the body is as long as it is said to be."""
        return self.framing is SOUND_FRAME and not any(line.startswith("Expect") for line in self.lines)

    def written(self) -> bytes:
        framing, body = self.framing(REASON if self.spoil is None else self.spoil(REASON))
        target = self.path + (f"?{self.query}" if self.query else "")
        origin = [] if self.origin is None else [f"Origin: {self.origin}"]
        head = [f"{self.method} {target} HTTP/1.1", f"Host: {self.host}", *origin, f"Content-Type: {self.media_type}"]
        head += [*framing, *self.lines, "Connection: close", "", ""]
        return "\r\n".join(head).encode("utf-8", "surrogatepass") + body


ASKED = st.builds(
    Asked,
    method=METHODS,
    path=PATHS,
    query=QUERIES,
    host=HOSTS,
    origin=ORIGINS,
    media_type=TYPES,
    lines=LINES,
    spoil=st.none() | st.sampled_from(BODIES),
    framing=st.sampled_from([*[SOUND_FRAME] * len(FRAMES) * 3, *FRAMES]),
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MirrorThread]:
    with MirrorThread(tmp_path_factory.mktemp("admin")) as served:
        yield served


def state(served: MirrorThread) -> dict[str, object]:
    (answer,) = answers(served, Asked("GET", STATE, spoil=lambda _: b""))
    assert answer.status == 200
    found: dict[str, object] = json.loads(answer.body)
    return found


def answers(served: MirrorThread, asked: Asked) -> list[Answer]:
    """All that is said to it until the connection ends. Nothing need be said to who leaves in the middle."""
    said: list[Answer] = []
    with RawClient(served.admin_address) as client:
        try:
            client.send(asked.written())
            if not asked.is_whole:
                client.finish()
            while client.has_more():
                said.append(client.answer(asked.method))
        except (Cut, ConnectionError):
            assert said or not asked.is_whole
    return said


def judge(answer: Answer, method: str) -> None:
    assert answer.status < 500
    names = {name.lower() for name, _ in answer.headers}
    assert names <= HEADERS
    assert CANARY not in str(answer.headers)
    if answer.status >= 400:
        assert CANARY.encode() not in answer.body
        if answer.body and answer["Content-Type"] == "application/json":
            assert set(json.loads(answer.body)) == {"error"}


@settings(max_examples=count(400, 20_000), deadline=None, suppress_health_check=list(HealthCheck))
@given(asked=ASKED)
@example(asked=Asked(origin="null"))
@example(asked=Asked(host=f"{CANARY}.test"))
@example(asked=Asked(method="GET"))
@example(asked=Asked(media_type="text/plain"))
def test_nothing_is_switched_but_by_who_may(served: MirrorThread, asked: Asked) -> None:
    before = state(served)
    for answer in answers(served, asked):
        judge(answer, asked.method)
    after = state(served)
    if not asked.may_switch:
        assert after == before
    if after["frozen"]:
        assert answers(served, Asked(path=THAW, spoil=lambda _: b""))[0].status == 200
    assert state(served) == {"frozen": False, "since": None, "reason": None}


def test_who_may_switches_it(served: MirrorThread) -> None:
    assert answers(served, Asked())[0].status == 200
    assert state(served)["reason"] == "a flight"
    assert answers(served, Asked(path=THAW, spoil=lambda _: b""))[0].status == 200
    assert state(served)["frozen"] is False


def test_reading_switches_nothing_while_it_is_frozen(served: MirrorThread) -> None:
    assert answers(served, Asked())[0].status == 200
    before = state(served)
    for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE"):
        for path in (*READ, FREEZE, THAW):
            for answer in answers(served, Asked(method=method, path=path)):
                judge(answer, method)
    for origin in ("null", "https://evil.test"):
        assert answers(served, Asked(path=THAW, origin=origin, spoil=lambda _: b""))[0].status == 403
    assert state(served) == before
    assert answers(served, Asked(path=THAW, spoil=lambda _: b""))[0].status == 200
