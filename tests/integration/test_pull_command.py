"""`mirror pull` as somebody types it: names as Docker has them, a login, on a terminal and in a pipe, two at once."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mirror.commands.ordering import Ordering
from mirror.config.addresses import ListenAddress
from tests.support.content import Image
from tests.support.faults import Fault, Gate
from tests.support.mirror_thread import MirrorThread
from tests.support.processes import environment, wait_until
from tests.support.program import PROJECT, Program
from tests.support.registry import FakeRegistry
from tests.support.tmux import is_prompt, terminal

PRIVATE = "localhost.localdomain:5000"
NAMES = ("ubuntu:14.04", f"{PRIVATE}/docker/ubuntu:14.04")
WHOLE = ("docker.io/library/ubuntu:14.04", f"{PRIVATE}/docker/ubuntu:14.04")
USER, PASSWORD = "alice", "canary-of-alice"
LAYER = os.urandom(300_000)
OPERATORS = 24  # the kernel deals them out by chance: none of two workers is without any of so many


@dataclass(frozen=True, slots=True)
class Scene:
    """A mirror before two registries, which are one here, with a login; its first layer comes only through the gate."""

    served: MirrorThread
    gate: Gate
    image: Image
    environment: dict[str, str]

    def pulled(self, *names: str) -> subprocess.Popen[str]:
        """`mirror pull` with its output in a pipe."""
        command = [str(Path(self.environment["HOME"], "mirror")), "pull", *names]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=self.environment)


def overrides(url: str) -> dict[str, object]:
    return {"upstreams": {"docker.io": {"insecure": True}, PRIVATE: {"endpoints": [url], "insecure": True}}}


@contextmanager
def scene(home: Path) -> Iterator[Scene]:
    with MirrorThread(home, overrides) as served:
        gate = served.call(Gate)

        def push() -> Image:
            registry = served.registry
            registry.require_bearer(USER, PASSWORD)
            image = registry.push_image("library/ubuntu", "14.04", [LAYER, b"another layer"])
            registry.push_image("docker/ubuntu", "14.04", [b"private", b"another layer"])
            registry.fail(Fault(gate=gate), "GET", str(image.layer_digests[0]))
            return image

        image = served.call(push)
        program = home / "mirror"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m mirror "$@"\n')
        program.chmod(0o700)
        (home / "empty.yml").touch()
        login = {"auth": base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()}
        docker = home / ".docker"
        docker.mkdir()
        (docker / "config.json").write_text(
            json.dumps({"auths": {"https://index.docker.io/v1/": login, PRIVATE: login}})
        )
        around = environment(home)
        around |= {
            "PATH": f"{home}:{around['PATH']}",
            "PYTHONPATH": str(PROJECT),
            "PYTHONUNBUFFERED": "1",
            "MIRROR_CONFIG": str(home / "empty.yml"),
            "MIRROR_ADMIN__LISTEN": str(ListenAddress(*served.admin_address)),
        }
        try:
            yield Scene(served, gate, image, around)
        finally:
            served.call(gate.open)


def outcome(name: str) -> re.Pattern[str]:
    return re.compile(re.escape(name) + r": sha256:[0-9a-f]{64}, [23] of 3 blobs new \(.*\)", re.ASCII)


def test_two_names_are_pulled_on_a_narrow_terminal_with_a_bar_for_each_blob(tmp_path: Path) -> None:
    columns = 60  # less than a bar takes, and less than what is said in the end
    with scene(tmp_path) as it, terminal(it.environment, columns) as there:
        there.type(f"mirror pull {' '.join(NAMES)}; echo it ended with $?")
        wait_until(lambda: it.gate.arrived.is_set(), "the layer is asked for")
        it.served.call(it.gate.release)
        bar = re.compile(r"[0-9a-f]{12}  fetching      \[(=*>? *\]|[=> ]*$)", re.ASCII)
        lines = there.shows(lambda lines: any(map(bar.match, lines)), "the layer has a bar")
        assert any(line.startswith("docker.io/library/ubuntu:14.04: pulling") for line in lines)
        assert all(len(line) < columns or not bar.match(line) for line in lines)
        it.served.call(it.gate.open)
        lines = there.shows(lambda lines: "it ended with 0" in lines and is_prompt(lines[-1]), "it has ended")
        said = "".join(line.ljust(columns) for line in lines)  # as long lines go on in the next row
        for name in WHOLE:
            assert outcome(name).search(said), lines
        assert said.count("could not confirm it") == 2
        assert not any(word in said for word in ("fetching", "[=", "waiting", PASSWORD))


def test_in_a_pipe_there_are_lines_and_a_second_one_waits_for_the_first(tmp_path: Path) -> None:
    with scene(tmp_path) as it:
        with it.pulled(*NAMES) as first:
            assert first.stdout is not None
            assert first.stdout.readline() == f"{WHOLE[0]}: pulling\n"
            with it.pulled(*NAMES) as second:
                assert second.stdout is not None
                assert second.stdout.readline() == f"{WHOLE[0]}: already being pulled; waiting\n"
                it.served.call(it.gate.open)
                said = [process.communicate(timeout=60)[0] for process in (first, second)]
        assert (first.returncode, second.returncode) == (0, 0)
        for lines in said:
            assert [name for name in WHOLE for line in lines.splitlines() if outcome(name).fullmatch(line)] == [*WHOLE]
            assert "\x1b" not in lines
            assert PASSWORD not in lines
        blobs = [seen.path for seen in it.served.registry.requests if seen.method == "GET" and "/blobs/" in seen.path]
        assert len(blobs) == len({path.rpartition("/")[2] for path in blobs}) == 5


async def test_orders_at_any_of_several_workers_become_one_pull_that_all_of_them_watch(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()

    def scenario(program: Program, gate: Gate) -> None:
        with ExitStack() as stack:
            with program.admin() as admin:
                url = f"http://{ListenAddress(*admin.socket.getpeername()[:2])}"
            operators = [stack.enter_context(closing(Ordering(url))) for _ in range(OPERATORS)]
            orders = [one.order({"image": "ubuntu:14.04"}) for one in operators]
            assert len({job["id"] for job in orders}) == 1
            assert [job["joined"] for job in orders] == [False, *[True] * (OPERATORS - 1)]
            loop.call_soon_threadsafe(gate.open)
            ends = [list(one.events(job["id"]))[-1] for one, job in zip(operators, orders, strict=True)]
            assert {end["state"] for end in ends} == {"done"}
            assert len({end["digest"] for end in ends}) == 1

    async with FakeRegistry() as registry:
        image, gate = registry.push_image("library/ubuntu", "14.04", [LAYER]), Gate()
        registry.fail(Fault(gate=gate), "GET", str(image.layer_digests[0]))
        with Program(tmp_path, registry.url, {"SERVER__WORKERS": "2"}) as program:
            await asyncio.to_thread(scenario, program, gate)
        assert registry.count("GET", "/manifests/") == 1
        assert registry.count("GET", "/blobs/") == 2
