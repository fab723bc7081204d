"""The Containerfile: linted, and held to what an image of ours promises. Building it needs a registry, so not here."""

from __future__ import annotations

import json
import re
import subprocess
import sysconfig
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from mirror.config.loading import load
from mirror.config.settings import Settings
from tests.support.processes import checked

ROOT = Path(__file__).parents[2]
CONTAINERFILE = ROOT / "deploy" / "Containerfile"
HADOLINT = Path(sysconfig.get_path("scripts")) / "hadolint"

Instruction = tuple[str, str]


@pytest.fixture(scope="module")
def stages() -> list[list[Instruction]]:
    """The instructions of each stage, its FROM first."""
    text = re.sub(r"^\s*#.*\n", "", CONTAINERFILE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]
    found: list[list[Instruction]] = []
    for name, rest in lines:
        if name == "FROM":
            found.append([])
        if found:
            found[-1].append((name, rest))
    return found


def all_of(stage: list[Instruction], name: str) -> list[str]:
    return [rest for instruction, rest in stage if instruction == name]


def only(stage: list[Instruction], name: str) -> str:
    (rest,) = all_of(stage, name)
    return rest


def environment(stage: list[Instruction]) -> dict[str, str]:
    pairs = [pair.partition("=") for rest in all_of(stage, "ENV") for pair in rest.split()]
    return {name: value for name, _, value in pairs}


def lint(path: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([HADOLINT, "--no-color", path], capture_output=True, timeout=60, check=False)


def test_the_linter_finds_nothing() -> None:
    assert checked("hadolint", lint(CONTAINERFILE)) == b""


def test_the_linter_would_find_something(tmp_path: Path) -> None:
    spoilt = tmp_path / "Containerfile"
    spoilt.write_text(CONTAINERFILE.read_text().replace("WORKDIR /src", "WORKDIR src"))
    assert b"DL3000" in lint(spoilt).stdout


def test_what_the_build_reads_is_there_and_in_its_context(stages: list[list[Instruction]]) -> None:
    context = (ROOT / "deploy" / "Containerfile.dockerignore").read_text().splitlines()
    sources = [
        source
        for stage in stages
        for rest in all_of(stage, "COPY")
        if "--from=" not in rest
        for source in rest.split()[:-1]
    ]
    assert sources
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert [source for source in sources if f"!{source}" not in context] == []


def test_every_download_is_named_by_its_hash(stages: list[list[Instruction]]) -> None:
    commands = [command for stage in stages for rest in all_of(stage, "RUN") for command in rest.split("&&")]
    installs = [command for command in commands if re.search(r"\bpip\b.*\b(install|wheel|download)\b", command)]
    assert len(installs) == 4
    assert [command for command in installs if "--require-hashes" not in command and "--no-index" not in command] == []


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-build.lock"])
def test_a_lock_pins_every_version_by_hash_and_names_no_index(lock: str) -> None:
    text = re.sub(r"#.*", "", (ROOT / lock).read_text())
    assert "://" not in text
    assert "--index" not in text
    entries = text.replace("\\\n", " ").split("\n")
    pins = [entry for entry in entries if entry.strip()]
    assert pins
    assert [pin for pin in pins if not re.match(r"[a-z0-9.-]+==[^ ]+ .*--hash=sha256:[0-9a-f]{64}", pin)] == []


def test_the_build_lock_holds_what_the_project_builds_with() -> None:
    pins = dict(re.findall(r"^([a-z0-9.-]+)==([^ ]+)", (ROOT / "requirements-build.lock").read_text(), re.MULTILINE))
    for wanted in tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]:
        requirement = Requirement(wanted)
        assert requirement.specifier.contains(Version(pins[requirement.name]))


def test_the_image_runs_as_a_number_that_is_not_root(stages: list[list[Instruction]]) -> None:
    user, group = only(stages[-1], "USER").split(":")
    assert int(user) > 0
    assert int(group) > 0


def test_the_running_image_needs_no_shell(stages: list[list[Instruction]]) -> None:
    last = stages[-1]
    assert json.loads(only(last, "ENTRYPOINT")) == ["mirror"]
    assert json.loads(only(last, "CMD")) == ["serve"]
    assert json.loads(only(last, "HEALTHCHECK").partition("CMD")[2]) == ["mirror", "healthcheck"]
    assert all_of(last, "RUN") == []


def test_the_image_listens_outside_its_container_and_keeps_the_admin_listener_inside(
    stages: list[list[Instruction]],
) -> None:
    last = stages[-1]
    settings = load(None, environment(last))
    (volume,) = json.loads(only(last, "VOLUME"))
    assert settings.storage.root == Path(volume)
    assert [str(listen) for listen in settings.server.listen] == ["0.0.0.0:5000"]
    assert settings.admin.listen == Settings().admin.listen
    ports = [str(listen.port) for listen in settings.server.listen + settings.admin.listen]
    assert only(last, "EXPOSE").split() == ports


def test_the_image_writes_no_bytecode_and_holds_back_no_output(stages: list[list[Instruction]]) -> None:
    assert environment(stages[-1]).items() >= {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}.items()
