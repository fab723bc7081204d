"""A rehearsal in lines for people."""

from __future__ import annotations

from typing import Any

from mirror.commands.rehearse_words import lines_of, outcome_of

DIGEST = "sha256:" + "ab" * 32


def image(name: str = "ghcr.io/owner/app:prod", whole: bool = False, **reason: Any) -> dict[str, Any]:
    told = {"lack": "blobs-missing", "words": "2 of 5 blobs are not here (3 KiB)", "platform": "linux/arm64", **reason}
    return {
        "image": name,
        "digest": DIGEST,
        "survives": False,
        "whole": whole,
        "reasons": [told],
        "reasons_untold": 0,
    }


def end(**members: Any) -> dict[str, Any]:
    usual = {"images": 43, "survive": 41, "passed_over": 0, "within": 2592000, "outage": 86400, "tight": False}
    return {**usual, **members}


def test_an_image_is_named_and_so_is_each_reason() -> None:
    assert list(lines_of(image())) == [
        "ghcr.io/owner/app:prod (sha256:abababababab) would not survive",
        "  blobs-missing      linux/arm64: 2 of 5 blobs are not here (3 KiB)",
    ]
    untold = {**image(platform=""), "reasons_untold": 7}
    assert list(lines_of(untold))[1:] == [
        "  blobs-missing      2 of 5 blobs are not here (3 KiB)",
        "  and 7 reasons more",
    ]


def test_that_the_digest_would_do_is_said_where_only_the_tag_fails() -> None:
    first, _ = lines_of(image(whole=True))
    assert first == "ghcr.io/owner/app:prod (sha256:abababababab) would not survive; by its digest it would"
    name = f"ghcr.io/owner/app@{DIGEST}"
    assert next(iter(lines_of(image(name, whole=True)))) == f"{name} would not survive"
    assert list(lines_of({**image(name), "survives": True})) == [f"{name} survives"]


def test_it_ends_with_what_it_comes_to_and_what_to_do() -> None:
    assert list(outcome_of(end(), 0)) == ["41 of 43 images pulled in the last 30 d survive an outage of 24 h"]
    assert list(outcome_of(end(survive=43, outage=None), 0)) == [
        "43 of 43 images pulled in the last 30 d survive an outage for ever"
    ]
    assert list(outcome_of(end(passed_over=3, tight=True), 1))[1:] == [
        "3 more were not looked at: nobody has pulled them since their tags moved on",
        "`mirror rehearse --fetch` brings what 1 of the other 2 lacks",
        "the cache is nearly full: what is not pinned may be evicted meanwhile (see `mirror df`, `mirror pin`)",
    ]
    assert [*outcome_of(end(passed_over=1), 2)][1:] == [
        "1 more was not looked at: nobody has pulled it since its tag moved on",
        "`mirror rehearse --fetch` brings what the others lack",
    ]
