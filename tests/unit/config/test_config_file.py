"""What a configuration file may look like, and what is said of one that cannot be understood."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from mirror.config import loading
from mirror.config.quantities import Share
from mirror.config.settings import Settings, Upstream
from mirror.errors import ConfigurationError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mirror.yml"


def load(file: Path) -> Settings:
    return loading.load(file, {})


def problems(file: Path, text: str) -> list[str]:
    file.write_text(text)
    with pytest.raises(ConfigurationError) as refusal:
        load(file)
    assert all(problem.isprintable() for problem in refusal.value.problems)
    return [problem.replace(str(file), "mirror.yml") for problem in refusal.value.problems]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("log: {level: info}\nlog: {}", "mirror.yml:2: log: is there already, on line 1"),
        (
            "upstreams:\n  a.b:\n    deny: x\n    deny: y",
            "mirror.yml:4: upstreams.a.b.deny: is there already, on line 3",
        ),
        ("[]", "mirror.yml:1: the top level must be a mapping of sections"),
        ("\njust words", "mirror.yml:2: the top level must be a mapping of sections"),
        ("log: [", "mirror.yml:1: not YAML: expected the node content, but found '<stream end>'"),
        ("a: b\n--- \nc: d", "mirror.yml:2: not YAML: but found another document"),
        ("log:\n\tlevel: info", "mirror.yml:2: not YAML: found character … that cannot start any token"),
        ("log: \x07", "mirror.yml:1: not YAML: special characters are not allowed"),
        ("? [a]\n: b", "mirror.yml:1: a key is not text"),
        ("<<: 5", "mirror.yml:1: `<<` takes a mapping or a list of mappings"),
        ("log: &x {level: *x}", "mirror.yml:1: an alias leads to itself, or to too much"),
        (
            "default_upstream: !!int x",
            "mirror.yml:1: default_upstream: has a tag that has no meaning here, or does not fit its value",
        ),
        (
            "default_upstream: !!python/name:os.system x",
            "mirror.yml:1: default_upstream: has a tag that has no meaning here",
        ),
        (
            "upstreams: {a.b: {password: 12345, username: x}}",
            "mirror.yml:1: upstreams.a.b.password: not text; write it in",
        ),
        ("server: {listen: [::]:5000}", "mirror.yml:1: not YAML: expected the node content, but found ':'; an address"),
        ("upstreams: {a.b: {}, A.B: {}}", "mirror.yml:1: upstreams: the same name is there twice"),
        ("x: " + "[" * 5000, "mirror.yml: is nested too deeply"),
        ("x: " + "y" * 1024 * 1024, "mirror.yml: is larger than 1 MiB"),
        ("default_upstream: x.y", "mirror.yml:1: default_upstream: x.y is neither configured nor built in"),
        ('"a\\eb": 1', r"mirror.yml:1: a\x1bb: unknown key"),
        ("builtin_upstreams: false", "default_upstream: docker.io is neither configured nor built in"),
    ],
)
def test_what_cannot_be_understood_is_told_in_one_line(file: Path, text: str, problem: str) -> None:
    (told,) = problems(file, text)
    assert told.startswith(problem)


def test_an_alias_that_multiplies_is_refused_before_it_fills_the_memory(file: Path) -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]" for old, new in zip("abcdefgh", "bcdefghi", strict=True)]
    (told,) = problems(file, "\n".join(lines))
    assert told.endswith("an alias leads to itself, or to too much")


@pytest.mark.parametrize("text", ["password: *canary", "password: !canary x", "password: @canary", "canary canary: {"])
def test_a_password_that_breaks_the_syntax_is_not_repeated(file: Path, text: str) -> None:
    for told in problems(file, f"upstreams: {{a.b: {{{text}}}}}"):
        assert "canary" not in told.replace("upstreams.a.b.canary canary", "")


@pytest.mark.parametrize("text", ["", "# nothing", "---", "~", "null", "server:", "upstreams: {docker.io: }"])
def test_a_file_may_say_nothing(file: Path, text: str) -> None:
    file.write_text(text)
    assert load(file).resolved_upstreams() == Settings().resolved_upstreams()


def test_words_stay_words_and_numbers_numbers(file: Path) -> None:
    file.write_text(
        "storage: {min_free: 10.5}\n"
        "upstreams: {a.b: {username: no, password: 0123, immutable_tags: [on, 1e3, 2001-01-01, 1_000]}}\n"
    )
    read = load(file)
    assert read.storage.min_free == Share(size=10)
    entry = read.upstreams["a.b"]
    assert entry.username == "no"
    assert entry.password is not None
    assert entry.password.get_secret_value() == "0123"
    assert entry.immutable_tags == ("on", "1e3", "2001-01-01", "1_000")


def test_mappings_can_be_merged(file: Path) -> None:
    file.write_text(
        "upstreams:\n"
        "  a.b: &a {tag_ttl: 1m, stale_for: 2m}\n"
        "  c.d: &c {stale_for: 3m, not_found_ttl: 4m}\n"
        "  e.f: {<<: [*a, *c], tag_ttl: 5m}\n"
    )
    entry = load(file).upstreams["e.f"]
    assert (entry.tag_ttl, entry.stale_for, entry.not_found_ttl) == (300, 120, 240)


def test_a_byte_order_mark_is_no_key(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbflog: {level: debug}")
    assert load(file).log.level == "debug"


def test_a_file_that_cannot_be_read_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"log: \xe4")
    for name, problem in (
        ("missing.yml", "cannot be read: No such file or directory"),
        ("", "cannot be read: Is a directory"),
        ("latin", "is not text in UTF-8"),
    ):
        path = tmp_path / name if name else tmp_path
        with pytest.raises(ConfigurationError) as refusal:
            load(path)
        assert refusal.value.problems == [f"{path}: {problem}"]


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.text(),
        st.binary(),
        st.recursive(
            st.one_of(
                st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.sampled_from(["docker.io", "5m"])
            ),
            lambda inner: st.one_of(
                st.lists(inner, max_size=3),
                st.dictionaries(
                    st.sampled_from([*Settings.model_fields, "docker.io", *Upstream.model_fields, "listen", "x"]), inner
                ),
            ),
            max_leaves=12,
        ).map(yaml.safe_dump),
    )
)
def test_any_file_is_settings_or_a_list_of_problems(file: Path, content: str | bytes) -> None:
    file.write_bytes(os.fsencode(content) if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    try:
        read = load(file)
    except ConfigurationError as error:
        lines = error.problems
        assert lines
        assert all(line.isprintable() for line in lines)
    else:
        lines = []
        assert read.default_upstream in read.aliases()
    assert len(set(lines)) == len(lines)
