"""The signed part of a Docker schema 1 manifest, which its digest is of. Checks no signature: the digest is the proof.

https://github.com/distribution/distribution/blob/v2.8.3/docs/spec/manifest-v2-1.md and the JSON signatures it uses:
the signatures are put into the signed object as its last member, and each tells in its protected header how many bytes
stood before them (`formatLength`) and what followed (`formatTail`).
"""

from __future__ import annotations

import base64
import json
import re

from mirror.errors import Code, Malformed
from mirror.oci.document import parse_object

SIGNATURES = 64

_begins_signatures = re.compile(rb'[ \t\n\r]*,[ \t\n\r]*"signatures"[ \t\n\r]*:[ \t\n\r]*').match
_tail = re.compile(rb"[ \t\n\r]*\}[ \t\n\r]*").fullmatch
_decode = json.JSONDecoder().raw_decode


def schema1_payload(body: bytes) -> bytes:
    """The bytes that a schema 1 manifest's digest is computed over: `body` itself when nobody signed it.

    Malformed (BAD_UPSTREAM) when the signatures do not agree on what they signed, or when `body` says anything that
    they did not sign: what was verified must be what the client reads (CVE-2014-8179).
    """
    document = parse_object(body, ("signatures",))
    if "signatures" not in document:
        return body
    signatures = document["signatures"]
    if not isinstance(signatures, list) or not 0 < len(signatures) <= SIGNATURES:
        raise _malformed()
    formats = {_format(signature) for signature in signatures}
    length, tail = formats.pop()
    if formats or _tail(tail) is None or not _holds_only_signatures(body[length:]):
        raise _malformed()
    return body[:length] + tail


def _format(signature: object) -> tuple[int, bytes]:
    """Length of the formatted part, and its tail."""
    protected = signature.get("protected") if isinstance(signature, dict) else None
    header = parse_object(_unpadded(protected), ("formatLength", "formatTail"))
    length = header.get("formatLength")
    if type(length) is not int or length < 0:
        raise _malformed()
    return length, _unpadded(header.get("formatTail"))


def _unpadded(value: object) -> bytes:
    """What base64url without its padding stands for (RFC 7515 section 2)."""
    if not isinstance(value, str):
        raise _malformed()
    try:
        return base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise _malformed() from None


def _holds_only_signatures(rest: bytes) -> bool:
    """Whether the rest of a JSON object, which is known to be sound, is the member `signatures` and the end."""
    found = _begins_signatures(rest)
    if found is None:
        return False
    text = rest[found.end() :].decode("utf-8")
    _, end = _decode(text)
    return _tail(text[end:].encode()) is not None


def _malformed() -> Malformed:
    return Malformed("a schema 1 manifest whose signatures do not tell what was signed", code=Code.BAD_UPSTREAM)
