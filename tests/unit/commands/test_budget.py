"""`mirror budget`: what is left, in which state that is, and who used the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.commands import Commands
from tests.support.faults import Fault
from tests.support.mirror_thread import MirrorThread


def pull(served: MirrorThread, remaining: int) -> None:
    """A client pulls two manifests of a registry that then has so many pulls left."""

    def grant() -> None:
        headers = {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": f"{remaining};w=21600"}
        headers["docker-ratelimit-source"] = "192.0.2.7"
        served.registry.fail(Fault(headers=headers), times=None)
        for name in ("app", "web"):
            served.registry.push_image(f"team/{name}", "v1", [name.encode()])

    served.call(grant)
    with served.client() as client:
        for name in ("app", "web"):
            assert client.ask("GET", f"/v2/team/{name}/manifests/v1").status == 200


@pytest.mark.parametrize(
    ("remaining", "words"),
    [
        (76, "enough are left (the reserve is 10)"),
        (20, "few are left: tags that are cached are asked for less often (the reserve is 10)"),
        (3, "only the reserve is left: no pull is spent on what is cached (the reserve is 10)"),
    ],
)
def test_what_is_left_is_told_in_words(tmp_path: Path, remaining: int, words: str) -> None:
    with MirrorThread(tmp_path) as served:
        pull(served, remaining)
        result = Commands(tmp_path).reaching(served).run("budget")
        assert result.exit_code == 0
        assert result.output.splitlines() == [
            f"docker.io: {remaining} of 100 pulls in 6 h are left, counted for 192.0.2.7; this is forgotten in 6 h",
            f"  {words}",
            "  most pulls by clients: 127.0.0.1 2",
            "  most pulls by repositories: team/app 1, team/web 1",
        ]


def test_where_none_are_counted_that_is_said(tmp_path: Path) -> None:
    with MirrorThread(tmp_path) as served:
        commands = Commands(tmp_path).reaching(served)
        assert commands.run("budget").output == "no upstream has told of a limit since the mirror began, or lately\n"
        assert commands.run("budget", "docker.io").output == "docker.io: it has told of no limit lately\n"
        assert commands.run("budget", "index.docker.io").output == "docker.io: it has told of no limit lately\n"


def test_a_refusal_is_told_with_its_end(tmp_path: Path) -> None:
    with MirrorThread(tmp_path) as served:
        served.call(lambda: served.registry.fail(Fault(status=429, headers={"Retry-After": "3600"}), times=None))
        with served.client() as client:
            assert client.ask("GET", "/v2/team/app/manifests/v1").status == 503
        lines = Commands(tmp_path).reaching(served).run("budget").output.splitlines()
        assert lines == [
            "docker.io: it has told of no limit lately",
            "  it refuses more for 60 min; what is cached is served meanwhile",
        ]


def test_the_answer_can_be_had_as_it_is(tmp_path: Path) -> None:
    with MirrorThread(tmp_path) as served:
        pull(served, 76)
        (entry,) = json.loads(Commands(tmp_path).reaching(served).run("budget", "--json").output)["upstreams"]
        assert (entry["upstream"], entry["remaining"], entry["spent"]) == ("docker.io", 76, 2)


def test_an_upstream_that_is_none_is_an_error(tmp_path: Path) -> None:
    with MirrorThread(tmp_path) as served:
        result = Commands(tmp_path).reaching(served).run("budget", "nowhere.test")
        assert (result.exit_code, result.output) == (1, "this mirror does not serve that registry\n")


def test_without_a_mirror_nobody_knows(tmp_path: Path) -> None:
    result = Commands(tmp_path).run("budget")
    assert result.exit_code == 1
    assert result.output.startswith("no mirror answers at http://127.0.0.1:1 (Connection refused): ")
