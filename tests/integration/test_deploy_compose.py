"""The compose files: valid by the Compose Specification's own schema, tight, and understood by our configuration."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from mirror.config.loading import load
from mirror.config.quantities import parse_duration
from mirror.config.settings import Settings
from tests.support.processes import checked

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
FILES = ["compose.yml", "compose.hub.yml", "compose.metrics.yml"]
LINT_RULES = "{extends: default, rules: {line-length: {max: 120}, document-start: disable}}"

Document = dict[str, Any]


def read(name: str, **variables: str) -> Document:
    """A compose file with `${NAME:-default}` and `${NAME:?why}` filled in."""

    def value(found: re.Match[str]) -> str:
        name, operator, rest = found.groups()
        return variables[name] if operator == ":?" else variables.get(name, rest)

    text = re.sub(r"\$\{([A-Z_]+)(:-|:\?)([^}]*)\}", value, (DEPLOY / name).read_text())
    assert "$" not in text
    document = yaml.safe_load(text)
    assert isinstance(document, dict)
    return document


def service(document: Document) -> Document:
    (name,) = document["services"]
    assert name == "mirror"
    found: Document = document["services"][name]
    return found


def image_environment() -> dict[str, str]:
    text = (DEPLOY / "Containerfile").read_text()
    return dict(re.findall(r"(MIRROR_[A-Z_]+)=(\S+)", text))


def against_the_schema(*paths: Path) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    return subprocess.run([*command, *paths], capture_output=True, timeout=60, check=False)


def yaml_lint(*paths: Path) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "yamllint", "--strict", "-d", LINT_RULES]
    return subprocess.run([*command, *paths], capture_output=True, timeout=60, check=False)


def test_there_is_no_compose_file_that_is_not_tested() -> None:
    assert sorted(path.name for path in DEPLOY.glob("*.y*ml")) == sorted(FILES)


def test_the_files_follow_the_schema() -> None:
    checked("check-jsonschema", against_the_schema(*(DEPLOY / name for name in FILES)))


def test_the_schema_would_notice_a_misspelt_key(tmp_path: Path) -> None:
    spoilt = tmp_path / "compose.yml"
    spoilt.write_text((DEPLOY / "compose.yml").read_text().replace("read_only:", "readonly:"))
    assert b"readonly" in against_the_schema(spoilt).stdout


def test_the_yaml_is_tidy() -> None:
    assert checked("yamllint", yaml_lint(*(DEPLOY / name for name in FILES))) == b""


def test_the_container_can_write_its_cache_and_nothing_else() -> None:
    mirror = service(read("compose.yml"))
    assert mirror["read_only"] is True
    assert mirror["cap_drop"] == ["ALL"]
    assert mirror["security_opt"] == ["no-new-privileges:true"]
    assert mirror["volumes"] == [f"cache:{image_environment()['MIRROR_STORAGE__ROOT']}"]
    assert [mount.partition(":")[0] for mount in mirror["tmpfs"]] == ["/tmp"]
    assert not mirror.keys() & {"privileged", "cap_add", "devices", "user", "network_mode", "pid"}


def test_only_this_machine_reaches_it_unless_an_address_is_named() -> None:
    assert service(read("compose.yml"))["ports"] == ["127.0.0.1:5000:5000"]
    assert service(read("compose.yml", PUBLISH_ADDRESS="192.0.2.10"))["ports"] == ["192.0.2.10:5000:5000"]


def test_it_has_longer_to_stop_than_running_answers_may_take() -> None:
    assert parse_duration(service(read("compose.yml"))["stop_grace_period"]) > Settings().server.shutdown_grace


def test_the_health_check_is_the_image_s_own() -> None:
    check = service(read("compose.yml"))["healthcheck"]
    assert check["test"] == ["CMD", "mirror", "healthcheck"]
    text = (DEPLOY / "Containerfile").read_text()
    for option in ("interval", "timeout", "start_period", "retries"):
        assert f"--{option.replace('_', '-')}={check[option]}" in text


def test_the_account_s_password_comes_from_a_secret() -> None:
    document = read("compose.hub.yml", HUB_USERNAME="alice", HUB_PASSWORD_FILE="/somewhere/secret")
    mirror = service(document)
    (secret,) = mirror["secrets"]
    assert document["secrets"] == {secret: {"file": "/somewhere/secret"}}
    hub = load(None, image_environment() | mirror["environment"]).resolved_upstreams()["docker.io"]
    assert (hub.username, hub.password_file) == ("alice", Path("/run/secrets") / secret)


def test_metrics_are_opened_to_the_network_of_the_container_and_to_this_machine() -> None:
    mirror = service(read("compose.metrics.yml"))
    settings = load(None, image_environment() | mirror["environment"])
    assert [str(listen) for listen in settings.admin.listen] == ["0.0.0.0:5001"]
    assert mirror["ports"] == ["127.0.0.1:5001:5001"]


@pytest.mark.parametrize("name", ["compose.hub.yml", "compose.metrics.yml"])
def test_an_overlay_loosens_nothing(name: str) -> None:
    mirror = service(read(name, HUB_USERNAME="alice", HUB_PASSWORD_FILE="/somewhere/secret"))
    assert mirror.keys() <= {"environment", "secrets", "ports"}
