"""JSON from strangers: one object with one meaning, or a refusal; never another exception."""

from __future__ import annotations

import json

import pytest

from mirror.errors import Code, Malformed
from mirror.oci.document import MEMBERS, VALUES, parse_object

OBJECTS = [
    "{}",
    " \t\r\n{ \n} \n",
    '{"a":1}',
    ' { "a" : 1 , "b" : [ 1, {"c": null} ] } ',
    '{"a":{"b":1,"b":2}}',
    '{"":0}',
    '{"layers":[],"x":"\\ud800"}',
    '{"a":1e400,"b":-0.0}',
    '{"\\u0061":1}',
    '{"\u00e4":"\U0001f600"}',
]

REFUSED = {
    "nothing": b"",
    "blanks": b"  ",
    "a list": b"[]",
    "a string": b'"a"',
    "a number": b"1",
    "null": b"null",
    "an error page": b"<!DOCTYPE html><html></html>",
    "an open object": b"{",
    "an open member": b'{"a":1',
    "an open key": b'{"a',
    "no value": b'{"a":}',
    "no value and no end": b'{"a":',
    "no colon": b'{"a" 1}',
    "no key": b"{:1}",
    "a bare key": b"{a:1}",
    "a number as key": b"{1:1}",
    "single quotes": b"{'a':1}",
    "a comma at the end": b'{"a":1,}',
    "a comma at the beginning": b'{,"a":1}',
    "a comma alone": b"{,}",
    "no comma": b'{"a":1 "b":2}',
    "two objects": b"{}{}",
    "something behind": b'{"a":1}x',
    "a NUL behind": b'{"a":1}\x00',
    "a byte order mark": b'\xef\xbb\xbf{"a":1}',
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "not UTF-8": b'{"a":"\xff"}',
    "an overlong encoding": b'{"a":"\xc0\xaf"}',
    "an encoded surrogate": b'{"a":"\xed\xa0\x80"}',
    "a raw newline in a string": b'{"a":"\n"}',
    "a bad escape": b'{"a":"\\x41"}',
    "NaN": b'{"a":NaN}',
    "an infinity": b'{"a":[-Infinity]}',
    "a comment": b'{"a":1/**/}',
    "another blank": '{"a":\u00a01}'.encode(),
    "a number of 5,000 digits": b'{"a":' + b"9" * 5000 + b"}",
    "a deep list": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a deep list without end": b'{"a":' + b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "a key twice": b'{"a":1,"b":2,"a":1}',
    "a key twice, once escaped": b'{"a":1,"\\u0061":2}',
    "keys that differ by case": b'{"abc":1,"aBc":2}',
    "a field of another case": b'{"Layers":[]}',
    "a field in capitals": b'{"LAYERS":[]}',
    "a field that Go folds": '{"layer\N{LATIN SMALL LETTER LONG S}":[]}'.encode(),
    "too many members": json.dumps(dict.fromkeys(map(str, range(MEMBERS + 1)))).encode(),
    "too many values": b'{"a":[' + b"0," * VALUES + b"0]}",
}


@pytest.mark.parametrize("text", OBJECTS)
def test_an_object_is_read_as_json_reads_it(text: str) -> None:
    assert parse_object(text.encode(), ("layers",)) == json.loads(text)


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED.keys())
def test_everything_else_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed) as refusal:
        parse_object(body, ("layers",))
    assert refusal.value.code is Code.BAD_UPSTREAM


def test_as_many_members_as_the_limit_says_are_read() -> None:
    members = {f"member{number}": number for number in range(MEMBERS)}
    assert parse_object(json.dumps(members).encode(), ()) == members
