"""Requests that no client of a registry has reason to send: by the thousand, each time the same, as exact bytes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from tests.support.surface import DIGEST_PATH, LARGE_PATH, LIST_PATH, SMALL_PATH, TAG_PATH

CANARY = "zq7x"  # stands in all of them, and in no answer
HIDDEN = f"GET {SMALL_PATH} HTTP/1.1\r\nHost: hidden\r\n\r\n".encode()
HEX = "0123456789abcdef" * 4


def _words(name: str) -> list[str]:
    """The words below that name, with their escapes."""
    text = Path(__file__).with_suffix(".txt").read_text("ascii").partition(f"[{name}]\n")[2].partition("\n[")[0]
    return [line.encode().decode("unicode_escape").replace("HEX", HEX) for line in text.splitlines() if line]


_DIGITS = (10, 19, 20, 40, 400, 4301, 8000)
_STEPS = [*_words("steps"), "\t", "a" * 129, "a" * 256, "a/" * 200, "a" * 9000]
_PLACES = _words("places")
_DIGESTS = [*_words("digests"), f"sha256:{HEX * 40}", f"sha256: {HEX}", f"sha256:{HEX} "]
_RANGES = [
    *_words("ranges"),
    *("", " bytes=0-1", "bytes=0-1 "),
    *(f"bytes={','.join(f'{place}-{place}' for place in range(count))}" for count in (10, 100, 1000)),
    *(f"bytes={before}{'9' * count}" for before in ("0-", "-", "1-") for count in _DIGITS),
    *(f"bytes={'9' * count}-" for count in _DIGITS),
    *(f"bytes=-{'0' * count}" for count in (1, 2, 20, 5000)),
]
_NAMES = _words("names")
_VALUES = [*_words("values"), "", " ", "\t", "\r", "a" * 4000, "a" * 9000, "9" * 30]
_METHODS = [*_words("methods"), "", " GET", "A" * 40]
_TARGETS = (TAG_PATH, DIGEST_PATH, SMALL_PATH, LARGE_PATH, LIST_PATH, "/v2/")


def paths() -> list[bytes]:
    return [_request("GET", place.replace("{}", step)) for place, step in product(_PLACES, _STEPS)]


def digests() -> list[bytes]:
    return [
        _request("GET", f"/v2/{CANARY}/app/{kind}/{digest}") for digest in _DIGESTS for kind in ("blobs", "manifests")
    ]


def ranges() -> list[bytes]:
    return [_request("GET", path, f"Range: {header}") for path in (SMALL_PATH, LARGE_PATH) for header in _RANGES]


def headers() -> list[bytes]:
    """Each with its strange header on something that is there."""
    targets = [_TARGETS[number % len(_TARGETS)] for number in range(len(_NAMES) * len(_VALUES))]
    return [
        _request("GET", target, f"{name}: {value}")
        for target, (name, value) in zip(targets, product(_NAMES, _VALUES), strict=True)
    ]


def methods() -> list[bytes]:
    return [_request(method, target) for method, target in product(_METHODS, (TAG_PATH, SMALL_PATH))]


def framings() -> list[bytes]:
    """Where one request ends and the next begins, said ambiguously; what hides in there must never be answered."""
    bodies = [
        b"",
        b"0\r\n\r\n",
        b"5\r\nhello\r\n0\r\n\r\n",
        b"hello",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"-1\r\n\r\n",
        b"5;a=\n\r\nx",
    ]
    lines = [
        *("Content-Length: 5\r\nContent-Length: 6", "Content-Length: 5, 6", "Content-Length: 5\r\nContent-Length: 5"),
        *(
            f"Content-Length: {value}"
            for value in ("+5", "0x5", "5 5", "-5", "1e1", "\x0b5", "5", str(2**64 - 1), "99999999999999999999")
        ),
        *("Content-Length : 5", "Content-Length\t: 5", "Content-Length: 5\r\nTransfer-Encoding: chunked", "X\x00: a"),
        *(f"Transfer-Encoding: {value}" for value in ("chunked", "chunked, identity", "identity, chunked", "xchunked")),
        *(f"Transfer-Encoding: {value}" for value in ("chunked\x0b", "\tchunked", "\xffchunked", "CHUNKED", "gzip")),
        *(
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
        ),
        *("Transfer-Encoding : chunked", "X: a\r\n Transfer-Encoding: chunked", "X: a\nTransfer-Encoding: chunked"),
        *("X: a\rTransfer-Encoding: chunked", ": a", "nothing", "Expect: 100-continue\r\nContent-Length: 5"),
    ]
    return [
        f"GET {TAG_PATH} HTTP/1.1\r\nHost: {CANARY}\r\n{line}\r\n\r\n".encode("latin-1") + body + HIDDEN
        for line, body in product(lines, bodies)
    ]


def first_lines() -> list[bytes]:
    """What is no request line, or one of another protocol."""
    versions = _words("versions")
    lines = [f"GET {target} {version}" for target, version in product((TAG_PATH, SMALL_PATH), versions)]
    lines += [
        "GET",
        "GET ",
        " ",
        "\x00" * 8,
        "GET\t/v2/\tHTTP/1.1",
        "GET /v2/ HTTP/1.1 x",
        "SSH-2.0-x",
        "EHLO x",
        "*1",
        "\x05\x01",
    ]
    hosts = ["127.0.0.1", f"{CANARY}.test", "[::1]", "[", "a:99999", "a@b", ""]
    lines += [f"GET http://{host}{TAG_PATH} HTTP/1.1" for host in hosts]
    lines += [
        "GET * HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "CONNECT 127.0.0.1:22 HTTP/1.1",
        "GET v2/ HTTP/1.1",
        "GET ?x HTTP/1.1",
    ]
    lines += [f"GET /v2/{'a' * length} HTTP/1.1" for length in (8100, 8190, 8200, 70_000)]
    heads = [f"{line}\r\nHost: {CANARY}\r\n\r\n".encode("latin-1") for line in lines]
    heads += [_request("GET", TAG_PATH, *["X: y"] * count) for count in (60, 64, 65, 1000)]
    return [*heads, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"Z" * 508, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]


def mutations(number: int, seed: int = 20261121) -> Iterator[bytes]:
    """Sound requests with something wrong anywhere."""
    choice = random.Random(seed)
    pieces = [step.encode("utf-8", "replace") for step in _STEPS] + [
        b"\r\n",
        b"\n",
        b"\r",
        b" ",
        b": ",
        b"\xff",
        b"HTTP/1.1",
    ]
    for _ in range(number):
        request = _request(choice.choice(("GET", "HEAD")), choice.choice(_TARGETS), "Accept: */*", "Range: bytes=0-9")
        for _ in range(choice.choice((1, 1, 2, 4))):
            request = mutated(request, choice.randrange(len(request) + 1), choice.randrange(4), choice.choice(pieces))
        yield request


def mutated(request: bytes, at: int, length: int, piece: bytes) -> bytes:
    """With a piece in the place of so many bytes."""
    return request[:at] + piece + request[at + length :]


def _request(method: str, target: str, *lines: str) -> bytes:
    head = [f"{method} {target} HTTP/1.1", "Host: mirror.test", f"User-Agent: {CANARY}", *lines, "", ""]
    return "\r\n".join(head).encode("utf-8", "surrogateescape")
