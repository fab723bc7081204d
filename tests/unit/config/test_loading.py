"""The file and the environment, read together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from mirror.config import loading
from mirror.config.addresses import ListenAddress
from mirror.config.problems import Problem
from mirror.config.settings import Section, Settings, Upstream
from mirror.errors import ConfigurationError

EXAMPLE = Path(__file__).parents[3] / "mirror.yml"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mirror.yml"


def load(file: Path | None, environ: Mapping[str, str] | None = None) -> Settings:
    return loading.load(file, environ or {}, system_file=Path("/nonexistent"))


def problems(file: Path, text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    file.write_text(text)
    with pytest.raises(ConfigurationError) as refusal:
        load(file, environ)
    assert all(problem.isprintable() for problem in refusal.value.problems)
    return [problem.replace(str(file), "mirror.yml") for problem in refusal.value.problems]


def test_without_file_and_environment_there_are_the_defaults() -> None:
    assert load(None) == Settings()


def test_the_example_says_every_default() -> None:
    example = load(EXAMPLE)
    assert example.upstreams.keys() == {"docker.io"}
    assert example.resolved_upstreams() == Settings().resolved_upstreams()
    assert example.model_copy(update={"upstreams": {}}) == Settings()


def test_the_example_has_every_key() -> None:
    def missing(section: type[Section], values: object, place: str) -> list[str]:
        assert isinstance(values, dict)
        found = [f"{place}{name}" for name in section.model_fields.keys() - values.keys()]
        for name, field in section.model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, Section) and name in values:
                found += missing(field.annotation, values[name], f"{place}{name}.")
        return found

    values = yaml.safe_load(EXAMPLE.read_text())
    assert missing(Settings, values, "") == []
    assert missing(Upstream, values["upstreams"]["docker.io"], "upstreams.docker.io.") == []


def test_the_readme_has_every_key() -> None:
    readme = (EXAMPLE.parent / "README.md").read_text()

    def missing(section: type[Section], place: str) -> list[str]:
        found = []
        for name, field in section.model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
                found += missing(field.annotation, f"{place}{name}.")
            elif f"`{place}{name}`" not in readme:
                found.append(f"{place}{name}")
        return found

    assert [key for key in missing(Settings, "") if key != "upstreams"] == []
    assert missing(Upstream, "….") == []


def test_the_environment_wins_over_the_file(file: Path) -> None:
    file.write_text("server: {listen: ':1', shutdown_grace: 1s}\nupstreams: {docker.io: {tag_ttl: 1m, realms: [a.b]}}")
    read = load(file, {"MIRROR_SERVER__LISTEN": ":2,:3", "MIRROR_UPSTREAMS__DOCKER_IO__TAG_TTL": "2m"})
    assert read.server.listen == (ListenAddress("", 2), ListenAddress("", 3))
    assert read.server.shutdown_grace == 1
    assert (read.upstreams["docker.io"].tag_ttl, read.upstreams["docker.io"].realms) == (120, ("a.b",))


def test_the_environment_alone_configures_an_upstream() -> None:
    read = load(
        None,
        {
            "MIRROR_UPSTREAMS__DOCKER_IO__USERNAME": "alice",
            "MIRROR_UPSTREAMS__DOCKER_IO__PASSWORD": "12345",
            "MIRROR_UPSTREAMS__REGISTRY.EXAMPLE__ENDPOINTS": "https://a.example,https://b.example/x",
        },
    )
    password = read.upstreams["docker.io"].password
    assert password is not None
    assert password.get_secret_value() == "12345"
    assert read.upstreams["registry.example"].endpoints == ("https://a.example", "https://b.example/x")


def test_an_upstream_of_the_file_is_named_as_shells_can_write_it(file: Path) -> None:
    file.write_text("upstreams: {Registry.Lan:5000: }")
    read = load(file, {"MIRROR_UPSTREAMS__REGISTRY_LAN_5000__INSECURE": "yes"})
    assert read.upstreams["registry.lan:5000"].insecure


def test_the_file_is_the_one_given_else_the_named_else_the_systems_else_none(tmp_path: Path) -> None:
    system = tmp_path / "system.yml"
    named = {"MIRROR_CONFIG": "/named.yml"}
    assert loading.find(None, {}, system) is None
    assert loading.find(None, {"MIRROR_CONFIG": ""}, system) is None
    system.touch()
    assert loading.find(None, {}, system) == system
    assert loading.find(None, named, system) == Path("/named.yml")
    assert loading.find(Path("given.yml"), named, system) == Path("given.yml")


def test_a_file_in_the_current_directory_is_not_read_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mirror.yml").write_text("log: {level: debug}")
    monkeypatch.chdir(tmp_path)
    assert load(None) == Settings()


def test_every_problem_is_told_with_its_line_and_the_nearest_key(file: Path) -> None:
    text = """\
server:
  listen: [":5000", nowhere]
  workers: many
upstreams:
  docker.io:
    tag_tll: 5m
    username: alice
    endpoints: https://alice:canary@hub.example
lg: {}
"""
    environ = {"MIRROR_LOG__LEVEL": "canary", "MIRROR_SERVER__LISTN": "canary"}
    assert problems(file, text, environ) == [
        'mirror.yml:2: server.listen[1]: not an address to listen on: write "host:port", "[::]:port" or ":port"',
        "mirror.yml:3: server.workers: not a number of processes: 1 to 64, or auto",
        "mirror.yml:6: upstreams.docker.io.tag_tll: unknown key; did you mean `tag_ttl`?",
        "mirror.yml:7: upstreams.docker.io.username: comes with no password: "
        "give one of password, password_file, password_env",
        "mirror.yml:8: upstreams.docker.io.endpoints: holds a user or password: "
        "these go into username and password_file",
        "mirror.yml:9: lg: unknown key; did you mean `log`?",
        "MIRROR_LOG__LEVEL: must be debug, info, warning or error",
        "MIRROR_SERVER__LISTN: unknown variable; did you mean `MIRROR_SERVER__LISTEN`?",
    ]


def test_what_a_look_around_finds_is_told_where_it_was_written(file: Path) -> None:
    def look(settings: Settings) -> Iterator[Problem]:
        for place in (("storage", "root"), ("log", "level"), ("admin", "listen")):
            yield Problem(place, f"is odd on {settings.storage.root}", involved=(place,))

    file.write_text("storage:\n  root: /c\nlog: {level: 5}")
    with pytest.raises(ConfigurationError) as refusal:
        loading.load(file, {"MIRROR_ADMIN__LISTEN": ":1"}, Path("/nonexistent"), look)
    assert refusal.value.problems == [
        f"{file}:2: storage.root: is odd on /c",
        f"{file}:3: log.level: must be debug, info, warning or error",
        "MIRROR_ADMIN__LISTEN: is odd on /c",
    ]


@pytest.mark.parametrize("end", ["\r", "\x85", "\u2028", "\u2029", "\r\n"])
def test_a_line_ends_where_yaml_says(file: Path, end: str) -> None:
    assert problems(file, f"log:{end}  @") == [
        "mirror.yml:2: not YAML: found character '@' that cannot start any token"
    ]


def test_a_variable_with_a_password_may_be_called_as_ours_are(file: Path) -> None:
    text = "upstreams: {a.b: {username: alice, password_env: MIRROR_HUB}}"
    assert problems(file, text) == [
        "mirror.yml:1: upstreams.a.b.password_env: names an environment variable that is not set"
    ]
    assert load(file, {"MIRROR_HUB": "canary"}).upstreams["a.b"].password_env == "MIRROR_HUB"


def test_a_problem_of_the_environment_is_told_under_the_name_of_its_variable(file: Path) -> None:
    assert problems(file, "upstreams: {docker.io: {allow: x}}", {"MIRROR_UPSTREAMS__DOCKER_IO__ALLOW": "a,B"}) == [
        "MIRROR_UPSTREAMS__DOCKER_IO__ALLOW: not a pattern of repositories: "
        "lower-case letters, digits, . _ - / and * ? [ ]"
    ]
