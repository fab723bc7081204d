"""Signals that are selected on."""

from __future__ import annotations

import os
import select
import signal
import threading

import pytest

from mirror.workers.signals import Signals, ending

# A test run has threads of its own, which the child does nothing with.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning"),
    pytest.mark.usefixtures("heeds_hangups"),
]

BOTH = (signal.SIGUSR1, signal.SIGUSR2)


def test_signals_wait_until_they_are_looked_at() -> None:
    with Signals(BOTH) as signals:
        assert signals.received() == []
        os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGUSR2)
        assert select.select([signals], [], [], 10)[0]
        assert set(signals.received()) == set(BOTH)
        assert signals.received() == []


def test_afterwards_everything_is_as_it_was() -> None:
    before = [signal.getsignal(number) for number in BOTH]
    signals = Signals(BOTH)
    with signals:
        assert [signal.getsignal(number) for number in BOTH] != before
    signals.leave()
    assert [signal.getsignal(number) for number in BOTH] == before


def test_what_is_held_back_comes_afterwards() -> None:
    with Signals(BOTH) as signals:
        with signals.held_back():
            signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
            assert signals.received() == []
        assert signals.received() == [signal.SIGUSR1]


def test_a_child_does_not_hear_its_parents_signals_nor_tell_it_of_its_own() -> None:
    with Signals(BOTH) as signals:
        with signals.held_back():
            child = os.fork()
            if child == 0:
                signals.leave()
        if child == 0:
            signal.signal(signal.SIGUSR1, lambda *_: os._exit(5))
            os.kill(os.getpid(), signal.SIGUSR1)
            os._exit(6)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5
        assert signals.received() == []


def test_whoever_was_started_to_outlive_his_terminal_is_not_ended_by_it() -> None:
    assert ending() == (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert ending() == (signal.SIGTERM, signal.SIGINT)
    finally:
        signal.signal(signal.SIGHUP, before)
