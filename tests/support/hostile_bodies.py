"""Bodies as a hostile registry would send them in place of a sound one: broken bytes, and JSON at its edges."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable

Spoil = Callable[[bytes], bytes]  # what is sent instead of a sound body

_HEX = "0" * 64
_DESCRIPTOR = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": f"sha256:{_HEX}", "size": 3}


def _instead(body: bytes) -> Spoil:
    return lambda _: body


def _members(**members: object) -> Spoil:
    """The sound object with these members in place of its own, or beside them."""

    def spoil(body: bytes) -> bytes:
        try:
            document = json.loads(body)
        except ValueError:
            document = None
        return json.dumps({**(document if isinstance(document, dict) else {}), **members}).encode()

    return spoil


def _spliced(raw: bytes) -> Spoil:
    """The sound object with this text within, which no serialiser would write."""
    return lambda body: body[:1] + raw + (b"," if len(body) > 2 else b"") + body[1:]


def _flipped(body: bytes) -> bytes:
    middle = len(body) // 2
    return body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :] if body else b"\x00"


def _halved(body: bytes) -> bytes:
    return body[: len(body) // 2]


def _truncated(body: bytes) -> bytes:
    return body[:-1]


def _doubled(body: bytes) -> bytes:
    return body * 2


def _in_utf_16(body: bytes) -> bytes:
    return body.decode("latin-1").encode("utf-16")


def _turned(body: bytes) -> bytes:
    return body[::-1]


def _packed(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)


def _longer(body: bytes) -> bytes:
    return body + b"\n"


def _marked(body: bytes) -> bytes:
    return b"\xef\xbb\xbf" + body


_DEEP_LISTS = b"[" * 60_000
_DEEP_OBJECTS = b'{"a":' * 10_000 + b"1" + b"}" * 10_000
_DEEP_SUBJECTS = b'{"subject":' * 1_000 + b"{}" + b"}" * 1_000

BODIES: tuple[Spoil, ...] = (
    *(_flipped, _halved, _truncated, _doubled, _in_utf_16, _turned, _packed, _longer, _marked),
    *map(_instead, (b"", b"null", b"[]", b"{}", b"0", b"-0", b'""', b'"CANARY"', b"true", b"NaN", b"{", b"}", b"\x00")),
    *map(
        _instead,
        (b"[1e999]", b'{"a":1e999}', b"9" * 5_000, b'{"a":' + b"9" * 5_000 + b"}", b"\xff\xfe", b"\xed\xa0\x80"),
    ),
    *map(_instead, (_DEEP_LISTS, _DEEP_OBJECTS, _DEEP_SUBJECTS, b"<html>CANARY</html>", b" " * 60_000, b"x" * 70_000)),
    *map(_instead, (b'{"errors":[{"code":"CANARY","message":"CANARY"}]}', b'{"token":"CANARY\\r\\nX: CANARY"}')),
    *map(_instead, (b'{"tags":["CANARY/../..","\\u0000","-","a b"]}', b'{"tags":{"a":1}}', b'{"tags":"latest"}')),
    *map(_instead, (b'{"name":"CANARY","tags":[' + b'"a",' * 15_000 + b'"a"]}', b'{"repositories":null}')),
    *map(_instead, (b'{"token":"","access_token":null,"expires_in":-1}', b'{"token":["CANARY"]}', b'{"token":1}')),
    *map(_instead, (b'{"token":"a","expires_in":1e400}', b'{"token":"a","expires_in":"CANARY","issued_at":"CANARY"}')),
    *map(
        _instead, (b'{"token":"a","issued_at":"9999-99-99T99:99:99Z"}', b'{"token":"a","expires_in":99999999999999999}')
    ),
    *map(
        _spliced, (b'"a":NaN', b'"a":Infinity', b'"a":-Infinity', b'"a":1e400', b'"a":00', b'"a":1.', b"'a':1", b"/**/")
    ),
    *map(
        _spliced, (b'"a":"\\ud800"', b'"\\ud800":1', b'"a":"\xff"', b'"a":"\n"', b'"a":"\\x"', b'"":1', b'"a":1,"a":2')
    ),
    *map(_spliced, (b'"layers":[],"layers":[]', b'"schemaVersion":2,"schemaVersion":1', b'"mediaType":"CANARY"')),
    *map(_spliced, (b'"\\u0073chemaVersion":2', b'"SchemaVersion":2', b'"a":' + b"9" * 5_000, b'"__proto__":{"a":1}')),
    _members(manifests=[_DESCRIPTOR]),
    _members(layers=[_DESCRIPTOR]),
    _members(manifests=[_DESCRIPTOR], layers=[_DESCRIPTOR]),
    _members(manifests=None),
    _members(manifests={"digest": "CANARY"}),
    _members(manifests=[None, 1, "CANARY", [], {}]),
    _members(manifests=[{**_DESCRIPTOR, "size": -1}]),
    _members(manifests=[{**_DESCRIPTOR, "size": 2**64}]),
    _members(manifests=[{**_DESCRIPTOR, "digest": "sha256:../../etc/passwd"}]),
    _members(manifests=[_DESCRIPTOR] * 300),
    _members(mediaType="application/vnd.oci.image.index.v1+json"),
    _members(mediaType="CANARY\r\nX: CANARY"),
    _members(mediaType=None),
    _members(mediaType=["application/json"]),
    _members(schemaVersion=1, fsLayers=[], signatures=[{"protected": "!", "signature": "CANARY"}]),
    _members(schemaVersion="2"),
    _members(schemaVersion=2**70),
    _members(schemaVersion=True),
    _members(config=None),
    _members(config={"digest": "CANARY", "size": "CANARY"}),
    _members(layers=[{**_DESCRIPTOR, "urls": ["http://169.254.169.254/CANARY"]}]),
    _members(subject="CANARY"),
    _members(subject={**_DESCRIPTOR, "digest": "md5:CANARY"}),
    _members(annotations={"CANARY": {"deep": [1]}}),
)
