"""`WWW-Authenticate` as registries send it, as RFC 9110 allows it, and as an attacker would."""

from __future__ import annotations

import pytest

from mirror.errors import Code, Malformed
from mirror.oci import challenge
from mirror.oci.challenge import Challenge

Read = list[tuple[str, dict[str, str]]]


def read(*values: str) -> Read:
    return [(found.scheme, dict(found.parameters)) for found in challenge.parse(values)]


HEADERS: list[tuple[str, Read]] = [
    (
        'Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push"',
        [
            (
                "bearer",
                {
                    "realm": "https://auth.example/token",
                    "service": "registry.example",
                    "scope": "repository:a/b:pull,push",
                },
            )
        ],
    ),
    (
        "Bearer realm=https://auth.example/token,service=x",
        [("bearer", {"realm": "https://auth.example/token", "service": "x"})],
    ),
    ("Bearer realm=https://h/t?a=b&c=d, service=x", [("bearer", {"realm": "https://h/t?a=b&c=d", "service": "x"})]),
    ('BASIC realm="Sonatype Nexus Repository Manager"', [("basic", {"realm": "Sonatype Nexus Repository Manager"})]),
    ("Basic realm=My Registry", [("basic", {"realm": "My Registry"})]),
    ("Basic realm=X, X", [("basic", {"realm": "X"}), ("x", {})]),
    (
        'Basic realm="a", Bearer realm="b", service=c',
        [("basic", {"realm": "a"}), ("bearer", {"realm": "b", "service": "c"})],
    ),
    ('Basic realm="a, Bearer realm=evil"', [("basic", {"realm": "a, Bearer realm=evil"})]),
    ('Bearer realm="a\\"b\\\\c\\d"', [("bearer", {"realm": 'a"b\\cd'})]),
    ('Basic ReAlM = "a" , CHARSET=UTF-8', [("basic", {"realm": "a", "charset": "UTF-8"})]),
    ('Bearer\trealm="a"\t,\tservice="b"', [("bearer", {"realm": "a", "service": "b"})]),
    ('Bearer realm=""', [("bearer", {"realm": ""})]),
    ("Negotiate", [("negotiate", {})]),
    ("Negotiate, NTLM, Basic realm=x", [("negotiate", {}), ("ntlm", {}), ("basic", {"realm": "x"})]),
    ("Negotiate YWJj==, Basic realm=x", [("negotiate", {}), ("basic", {"realm": "x"})]),
    ("Negotiate YWJj=, Basic realm=x", [("negotiate", {}), ("basic", {"realm": "x"})]),
    (', ,Basic realm="x",,', [("basic", {"realm": "x"})]),
    ("", []),
    (" ,\t, ", []),
]

DROPPED: list[tuple[str, Read]] = [
    ('Bearer realm="a", realm="b"', []),
    ('Bearer realm="a", Realm=b, service=x, Basic realm="c"', [("basic", {"realm": "c"})]),
    ('Basic realm="c", Bearer realm="a", realm="b"', [("basic", {"realm": "c"})]),
    ('Bearer realm="a\nb", Basic realm=c', [("basic", {"realm": "c"})]),
    ('Bearer realm="a\\\x00b"', []),
    ('Bearer realm="a"\n, Basic', [("basic", {})]),
    ('\xa0Bearer realm="a"', []),
    ("Bearer realm=\ud800", []),
    ('Bearer realm="a"b, Basic', [("basic", {})]),
    ('Bearer realm="a" "b"', []),
    ('Bearer realm="open, Basic realm=x', []),
    ('Bearer realm="open\\', []),
    ('realm="a"', []),
    ('realm="a", service="b", Basic', [("basic", {})]),
    ("=", []),
    ('"Bearer realm=x"', []),
    ("Bearer, realm", [("bearer", {}), ("realm", {})]),
    ("B\u00e4rer realm=x", []),
]


@pytest.mark.parametrize(("header", "challenges"), HEADERS)
def test_challenges_are_read_as_registries_write_them(header: str, challenges: Read) -> None:
    assert read(header) == challenges


@pytest.mark.parametrize(("header", "challenges"), DROPPED)
def test_a_challenge_that_can_be_read_in_two_ways_is_dropped(header: str, challenges: Read) -> None:
    assert read(header) == challenges


def test_several_lines_are_read_in_their_order() -> None:
    assert read('Bearer realm="a"', "Basic realm=b, NTLM") == [
        ("bearer", {"realm": "a"}),
        ("basic", {"realm": "b"}),
        ("ntlm", {}),
    ]


def test_a_line_does_not_continue_the_challenge_of_the_one_before() -> None:
    assert read('Bearer realm="a"', "service=b") == [("bearer", {"realm": "a"})]


def test_no_lines_are_no_challenges() -> None:
    assert challenge.parse([]) == ()


@pytest.mark.parametrize(
    "values",
    [
        ["Basic"] * 17,
        ["Basic " + "x" * 8192],
        [", ".join(["Basic"] * 17)],
        ["Basic, NTLM, Negotiate"] * 6,
        ["Bearer " + ", ".join(f"p{number}=x" for number in range(33))],
    ],
)
def test_more_than_a_registry_has_reason_to_send_is_refused(values: list[str]) -> None:
    with pytest.raises(Malformed) as refusal:
        challenge.parse(values)
    assert refusal.value.code is Code.BAD_UPSTREAM


def test_as_many_as_the_limits_say_are_read() -> None:
    assert len(read(*["Basic"] * 16)) == 16
    assert len(read("Basic realm=" + "x" * 8180)) == 1
    assert len(read("Bearer " + ", ".join(f"p{number}=x" for number in range(32)))[0][1]) == 32


def test_challenges_are_values() -> None:
    (one,), (other,) = challenge.parse(["Basic realm=x"]), challenge.parse(['basic realm="x"'])
    assert one == other
    assert one != Challenge("basic", {"realm": "y"})
    assert len({one, other}) == 1
