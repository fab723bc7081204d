"""Web hooks as operators write them: what makes no sense is refused, and nothing that may be a secret is repeated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from mirror.config import loading
from mirror.config.notifications import OURS, Receiver
from mirror.config.settings import Settings
from mirror.config.surroundings import unusable_files
from mirror.errors import ConfigurationError

URL = "https://hooks.test/tags?token=canary"


def test_a_url_is_enough_and_kept_as_it_is() -> None:
    receiver = Receiver.model_validate({"url": URL, "headers": None, "timeout": None})
    assert receiver.url.get_secret_value() == URL
    assert (receiver.timeout, receiver.secret_file, receiver.headers, receiver.insecure) == (5.0, None, {}, False)
    assert Receiver.model_validate({"url": URL, "timeout": "500ms"}).timeout == 0.5


def test_no_secret_is_in_any_representation() -> None:
    receiver = Receiver.model_validate({"url": URL, "headers": {"Authorization": "Bearer canary"}})
    settings = Settings.model_validate({"notifications": {"endpoints": [receiver.model_dump()]}})
    for one in (receiver, settings):
        assert "canary" not in f"{one} {one!r} {one.model_dump_json()}"


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"url": ""},
        {"url": "canary"},
        {"url": "ftp://canary.test"},
        {"url": "https://"},
        {"url": "https://u:canary@hooks.test"},
        {"url": "https://hooks.test/#canary"},
        {"url": "https://hooks.test/can ary"},
        {"url": "https://hooks.test:99999/canary"},
        {"url": URL, "timeout": "0s"},
        {"url": URL, "timeout": "2m"},
        {"url": URL, "secret_file": ""},
        {"url": URL, "headers": {"X Y": "canary"}},
        {"url": URL, "headers": {"X": "can\nary"}},
        {"url": "http://hooks.test", "headers": {"X": "canary"}},
        {"url": URL, "secret": "canary"},
        *({"url": URL, "headers": {name.title(): "canary"}} for name in OURS),
    ],
)
def test_what_makes_no_sense_is_refused_and_not_repeated(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refusal:
        Receiver.model_validate(values)
    assert "canary" not in str(refusal.value).replace("secret\n", "")


def test_headers_go_over_http_when_that_is_meant() -> None:
    assert Receiver.model_validate({"url": "http://hooks.test", "headers": {"X": "y"}, "insecure": True}).headers


def test_a_mistake_is_told_with_its_line_and_place(tmp_path: Path) -> None:
    file = tmp_path / "mirror.yml"
    file.write_text("notifications:\n  endpoints:\n    - url: https://a.test\n    - url: canary\n")
    with pytest.raises(ConfigurationError) as refusal:
        loading.load(file, {})
    (problem,) = refusal.value.problems
    assert problem.startswith(f"{file}:4: notifications.endpoints[1].url: not a URL")
    assert "canary" not in problem


def test_the_environment_takes_a_list_in_json() -> None:
    read = loading.load(None, {"MIRROR_NOTIFICATIONS__ENDPOINTS": f'[{{"url": "{URL}"}}]'})
    assert [one.url.get_secret_value() for one in read.notifications.endpoints] == [URL]


def test_a_secret_that_cannot_be_read_is_told_before_anything_begins(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    settings = Settings.model_validate({"notifications": {"endpoints": [{"url": URL, "secret_file": str(file)}]}})
    (problem,) = unusable_files(settings)
    assert problem.place == ("notifications", "endpoints", "0", "secret_file")
    file.write_text("words")
    assert [*unusable_files(settings)] == []
