from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from mirror.upstream.programs import Ended, run
from tests.support.loops import LOOPS, run_on
from tests.support.scripts import Script, environment


async def _gone(pid: int) -> None:
    """Returns once there is no such process; TimeoutError after ten seconds."""
    async with asyncio.timeout(10):
        while _alive(pid):  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.01)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def _pid(file: Path) -> int:
    async with asyncio.timeout(10):
        while not (file.exists() and file.read_text().endswith("\n")):  # noqa: ASYNC110, ASYNC240
            await asyncio.sleep(0.01)
    return int(file.read_text())  # noqa: ASYNC240


async def test_a_program_is_given_its_input_and_gives_its_output(tmp_path: Path) -> None:
    script = Script(tmp_path, "program", 'echo "got $input with $1 and $2"')
    ended = await run([str(script.path), "a b", "$HOME"], b"registry.test", environment(tmp_path))
    assert ended == Ended(0, b"got registry.test with a b and $HOME\n")


async def test_a_program_is_found_on_the_path_that_it_is_given(tmp_path: Path) -> None:
    Script(tmp_path, "program", "echo found")
    assert (await run(["program"], b"", environment(tmp_path))).output == b"found\n"
    with pytest.raises(ValueError, match=r"^cannot be started"):
        await run(["program"], b"", {"PATH": "/nowhere"})


async def test_a_program_that_fails_says_how(tmp_path: Path) -> None:
    Script(tmp_path, "program", "echo words; exit 3")
    assert await run(["program"], b"", environment(tmp_path)) == Ended(3, b"words\n")
    Script(tmp_path, "program", "kill -9 $$")
    assert (await run(["program"], b"", environment(tmp_path))).status == -9


async def test_what_a_program_says_beside_its_output_is_not_heard(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    Script(tmp_path, "program", "echo canary >&2; echo out")
    assert (await run(["program"], b"", environment(tmp_path))).output == b"out\n"
    assert "canary" not in "".join(capfd.readouterr())


async def test_a_program_sees_the_environment_but_for_what_is_the_mirrors_own(tmp_path: Path) -> None:
    Script(tmp_path, "program", "env")
    given = environment(tmp_path, HOME="/home/x", AWS_PROFILE="p", MIRROR_UPSTREAMS__X__PASSWORD="canary")
    output = (await run(["program"], b"", given | {"NOTIFY_SOCKET": "/canary"})).output.decode()
    assert "HOME=/home/x\n" in output
    assert "AWS_PROFILE=p\n" in output
    assert "canary" not in output


async def test_a_program_that_takes_too_long_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    Script(tmp_path, "program", f"sleep 60 & echo $! > {tmp_path}/child; wait")
    with pytest.raises(ValueError, match=r"^did not end within 2 s"):
        await run(["program"], b"", environment(tmp_path), patience=2)
    await _gone(await _pid(tmp_path / "child"))


async def test_a_program_that_leaves_somebody_behind_who_keeps_its_output_open_is_given_up(tmp_path: Path) -> None:
    Script(tmp_path, "program", f"sleep 60 & echo $! > {tmp_path}/child; echo out")
    with pytest.raises(ValueError, match=r"^did not end"):
        await run(["program"], b"", environment(tmp_path), patience=2)
    await _gone(await _pid(tmp_path / "child"))


async def test_who_is_cancelled_leaves_no_program_behind(tmp_path: Path) -> None:
    Script(tmp_path, "program", f"echo $$ > {tmp_path}/pid; sleep 60")
    running = asyncio.ensure_future(run(["program"], b"", environment(tmp_path)))
    pid = await _pid(tmp_path / "pid")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await _gone(pid)


async def test_a_program_that_prints_without_end_is_killed(tmp_path: Path) -> None:
    Script(tmp_path, "program", f"echo $$ > {tmp_path}/pid; yes canary")
    with pytest.raises(ValueError, match=r"^prints more than 65536 bytes") as caught:
        await run(["program"], b"", environment(tmp_path))
    assert "canary" not in str(caught.value)
    await _gone(await _pid(tmp_path / "pid"))


async def test_a_program_may_print_64_kib_and_no_more(tmp_path: Path) -> None:
    Script(tmp_path, "program", "head -c 65536 /dev/zero")
    assert len((await run(["program"], b"", environment(tmp_path))).output) == 65536
    Script(tmp_path, "program", "head -c 65537 /dev/zero")
    with pytest.raises(ValueError, match=r"^prints more"):
        await run(["program"], b"", environment(tmp_path))


async def test_a_program_that_reads_nothing_is_no_trouble(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nexec <&-\nhead -c 0 /dev/null\necho out\n")
    program.chmod(0o700)
    assert (await run(["program"], b"x" * 1000, environment(tmp_path))).output == b"out\n"


@pytest.mark.parametrize("argv", [["/nowhere/program"], ["/"], ["a\0b"], [""]])
async def test_what_is_no_program_cannot_be_started(argv: list[str]) -> None:
    with pytest.raises(ValueError, match=r"^cannot be started"):
        await run(argv, b"", dict(os.environ))


@pytest.mark.parametrize("loop", LOOPS)
def test_every_loop_that_the_mirror_runs_on_runs_programs(tmp_path: Path, loop: str) -> None:
    Script(tmp_path, "program", 'echo "got $input"; exit 3')
    Script(tmp_path, "slow", "sleep 60")
    Script(tmp_path, "endless", "yes")

    async def used() -> None:
        found = environment(tmp_path)
        assert await run(["program"], b"registry.test", found) == Ended(3, b"got registry.test\n")
        for argv, why in (("slow", "did not end"), ("endless", "prints more"), ("nowhere", "cannot be started")):
            with pytest.raises(ValueError, match=why):
                await run([argv], b"", found, patience=2)

    run_on(loop, used())


def test_what_was_printed_is_not_shown() -> None:
    assert "canary" not in repr(Ended(0, b"canary"))


@pytest.mark.parametrize("loop", LOOPS)
def test_few_programs_run_at_a_time(tmp_path: Path, loop: str) -> None:
    gate, log = tmp_path / "gate", tmp_path / "log"
    waiting = f"echo + >> {log}; while [ ! -e {gate} ]; do sleep 0.02; done; echo - >> {log}"
    Script(tmp_path, "program", waiting)

    async def many() -> None:
        running = [asyncio.ensure_future(run(["program"], b"", environment(tmp_path))) for _ in range(12)]
        async with asyncio.timeout(10):
            while not log.exists() or len(log.read_text().split()) < 4:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        gate.touch()
        await asyncio.gather(*running)

    run_on(loop, many())
    steps = log.read_text().split()
    at_once = [steps[:end].count("+") - steps[:end].count("-") for end in range(len(steps))]
    assert len(steps) == 24
    assert max(at_once) == 4


async def test_who_waits_too_long_for_the_turn_of_a_program_is_told_so(tmp_path: Path) -> None:
    Script(tmp_path, "program", "sleep 60")
    running = [asyncio.ensure_future(run(["program"], b"", environment(tmp_path))) for _ in range(4)]
    await asyncio.sleep(0)
    with pytest.raises(ValueError, match=r"^did not get its turn within 0\.1 s"):
        await run(["program"], b"", environment(tmp_path), patience=0.1)
    for one in running:
        one.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    Script(tmp_path, "program", "echo out")
    assert (await run(["program"], b"", environment(tmp_path))).output == b"out\n"
