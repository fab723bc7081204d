"""The words that go with an old answer."""

from __future__ import annotations

import pytest

from mirror.errors import Code, Frozen, Interrupted, Nonsense, Throttled, Unreachable, UpstreamError
from mirror.pull.staleness import Trouble, noted, trouble_of, warning, warning_again


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (Unreachable("x"), Trouble.UNREACHABLE),
        (Unreachable("x", code=Code.TIMEOUT), Trouble.UNREACHABLE),
        (Throttled("x"), Trouble.THROTTLED),
        (Frozen("x"), Trouble.FROZEN),
        (Nonsense("x"), Trouble.NONSENSE),
        (Interrupted("x"), Trouble.UNREACHABLE),
        (UpstreamError("x"), Trouble.NONSENSE),
    ],
)
def test_each_failure_has_its_reason(error: UpstreamError, trouble: Trouble) -> None:
    assert trouble_of(error) is trouble


@pytest.mark.parametrize("trouble", Trouble)
def test_a_reason_is_still_known_when_it_was_written_down(trouble: Trouble) -> None:
    assert noted(trouble.value) is trouble


@pytest.mark.parametrize("word", ["", "unheard of"])
def test_a_word_that_is_none_is_no_reason(word: str) -> None:
    assert noted(word) is None


def test_no_two_reasons_sound_the_same_and_all_fit_into_a_header() -> None:
    said = {trouble: warning(trouble, "docker.io", 60) for trouble in Trouble}
    assert len(set(said.values())) == len(Trouble)
    for words in [*said.values(), *(warning_again(trouble, "docker.io", 60) for trouble in [None, *Trouble])]:
        assert words.isascii()
        assert words.isprintable()
        assert not set('"\\') & set(words)
        assert words.endswith("; this tag was last checked 60 s ago")


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (Trouble.UNREACHABLE, "docker.io could not be asked a moment ago"),
        (None, "docker.io could not be asked a moment ago"),
        (Trouble.DELETED, "the upstream no longer has this tag"),
        (Trouble.SPARED, "few pulls are left at docker.io, and none is spent on what is cached"),
    ],
)
def test_what_is_told_again_is_what_still_holds(trouble: Trouble | None, words: str) -> None:
    assert warning_again(trouble, "docker.io", 60) == f"{words}; this tag was last checked 60 s ago"


@pytest.mark.parametrize(
    ("age", "words"),
    [(-5, "0 s"), (119.9, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (172799, "47 h"), (9e6, "104 d")],
)
def test_an_age_is_said_in_words(age: float, words: str) -> None:
    assert warning(Trouble.FROZEN, "docker.io", age).endswith(f" last checked {words} ago")
