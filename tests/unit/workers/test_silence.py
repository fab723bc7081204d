"""How long a worker has given no sign of life."""

from __future__ import annotations

from mirror.workers.silence import Silence


def looked(silence: Silence, beats: int, since: float, until: float) -> bool:
    """Look twice a second; what the last look says."""
    found, now = False, since
    while now < until:
        now += 0.5
        found = silence.is_too_long(beats, now)
    return found


def test_who_gives_signs_is_not_silent() -> None:
    silence = Silence(3.0)
    silence.begin(100.0)
    assert not any(silence.is_too_long(beats, 100.0 + beats) for beats in range(1, 100))


def test_who_gives_none_for_longer_than_the_patience_is_silent_for_too_long() -> None:
    silence = Silence(3.0)
    silence.begin(100.0)
    assert not looked(silence, 0, 100.0, 103.0)
    assert silence.is_too_long(0, 103.5)
    assert not silence.is_hopeless


def test_one_sign_ends_the_silence() -> None:
    silence = Silence(3.0)
    silence.begin(0.0)
    looked(silence, 0, 0.0, 2.5)
    assert not silence.is_too_long(1, 3.0)
    assert not looked(silence, 1, 3.0, 6.0)
    assert looked(silence, 1, 6.0, 6.5)


def test_a_machine_that_stood_still_is_not_the_workers_silence() -> None:
    silence = Silence(30.0)
    silence.begin(0.0)
    silence.is_too_long(1, 0.5)
    assert not silence.is_too_long(1, 7200.0)


def test_a_silence_that_outlasts_its_end_is_hopeless() -> None:
    silence = Silence(3.0)
    silence.begin(0.0)
    looked(silence, 0, 0.0, 13.0)
    assert not silence.is_hopeless
    looked(silence, 0, 13.0, 14.0)
    assert silence.is_hopeless
    silence.begin(20.0)
    assert not silence.is_hopeless
