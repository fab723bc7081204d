"""A worker's end of its line: it never waits, and misses nothing without hearing so."""

from __future__ import annotations

import asyncio
import socket

import pytest
from structlog.testing import capture_logs

from mirror.siblings import GONE, LOST
from mirror.tasks import spawn
from mirror.workers.channel import Channel
from mirror.workers.frames import CAME, LARGEST, READY, heard, told
from tests.support.lines import Line
from tests.support.loops import LOOPS, run_on

LARGE = "x" * 10_000


class Ended:
    """What a channel calls when the supervisor has ended."""

    def __init__(self) -> None:
        self.times = 0
        self._event = asyncio.Event()

    def __call__(self) -> None:
        self.times += 1
        self._event.set()

    async def wait(self) -> None:
        async with asyncio.timeout(20):
            await self._event.wait()


def nothing() -> None:
    """Nobody minds."""


@pytest.mark.parametrize("loop", LOOPS)
def test_what_is_told_and_heard_goes_over_the_line(loop: str) -> None:
    async def scenario() -> None:
        with Line(number=1, count=3) as line:
            async with Channel(line.post, nothing) as channel:
                assert (channel.number, channel.count, channel.begins) == (1, 3, True)
                channel.tell("grown", "sha256:ab", 12)
                assert heard(await line.next()) == ("grown", ["sha256:ab", 12])
                words: asyncio.Queue[tuple[object, ...]] = asyncio.Queue()
                channel.hear("grown", lambda *said: words.put_nowait(said))
                channel.hear("grown", lambda *said: words.put_nowait(said))
                line.tell("nobody listens to this")
                line.tell("grown", "sha256:cd", 34)
                async with asyncio.timeout(20):
                    assert [await words.get(), await words.get()] == [("sha256:cd", 34)] * 2

    run_on(loop, scenario())


async def test_that_it_serves_is_told_to_the_supervisor_and_written_on_the_board() -> None:
    with Line() as line:
        async with Channel(line.post, nothing) as channel:
            assert line.post.board.row(0).served == 0
            channel.ready()
            assert await line.next() == READY
            assert line.post.board.row(0).served > 0


@pytest.mark.parametrize("loop", LOOPS)
def test_nobody_waits_for_a_supervisor_that_does_not_read_and_what_is_lost_is_told(loop: str) -> None:
    async def scenario() -> None:
        with Line(buffer=LARGEST) as line:
            async with Channel(line.post, nothing) as channel:
                for number in range(1000):
                    channel.tell("much", number, LARGE)
                received = []
                while (frame := heard(await line.next()))[0] != LOST:
                    received.append(frame[1][0])
                assert received == list(range(len(received)))
                assert 0 < len(received) < 1000
                channel.tell("after")
                assert heard(await line.next()) == ("after", [])

    run_on(loop, scenario())


async def test_what_does_not_fit_into_a_frame_is_told_as_lost() -> None:
    with Line() as line, capture_logs() as said:
        async with Channel(line.post, nothing) as channel:
            channel.tell("large", "x" * LARGEST)
            assert heard(await line.next()) == (LOST, [])
    assert [entry["subject"] for entry in said] == ["large"]


@pytest.mark.parametrize("loop", LOOPS)
def test_the_supervisors_end_is_told_once_and_telling_goes_on_into_nothing(loop: str) -> None:
    async def scenario() -> None:
        ended = Ended()
        with Line() as line:
            async with Channel(line.post, ended) as channel:
                line.end.close()
                channel.tell("anybody")
                await ended.wait()
                channel.tell("anybody")
                channel.ready()
            assert ended.times == 1

    run_on(loop, scenario())


async def test_what_is_no_frame_is_not_heard() -> None:
    with Line() as line:
        async with Channel(line.post, nothing) as channel:
            words: asyncio.Queue[int] = asyncio.Queue()
            channel.hear("one", words.put_nowait)
            for frame in (b"nonsense", b"T[", told("one", [1])):
                line.end.send(frame)
            async with asyncio.timeout(20):
                assert await words.get() == 1


async def test_it_asks_those_who_are_there() -> None:
    with Line(number=1, count=4, present=frozenset({0, 3})) as line:
        async with Channel(line.post, nothing) as channel:
            heard_all = asyncio.Event()
            channel.hear("done", heard_all.set)
            line.tell(CAME, 2)
            line.tell(GONE, 3)
            line.tell("done")
            await heard_all.wait()
            asking = spawn(channel.questions.ask("anything", 20.0), "asking")
            subject, (asked, asker, number) = heard(await line.next())
            assert (asked, asker) == ("anything", 1)
            for who in (0, 2):
                line.tell("answer", asker, number, who)
            async with asyncio.timeout(10):
                assert set(await asking) == {0, 2}
            assert subject == "question"


async def test_it_gives_signs_of_life_until_it_is_left() -> None:
    with Line() as line:
        async with Channel(line.post, nothing):
            async with asyncio.timeout(20):
                while line.post.board.row(0).beats < 2:  # noqa: ASYNC110  # a board tells nobody
                    await asyncio.sleep(0.01)
        assert line.post.line.fileno() == -1
        assert line.end.recv(1, socket.MSG_DONTWAIT) == b""
